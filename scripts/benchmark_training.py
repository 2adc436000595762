"""Measure training and test on this machine, beside their peers, within so many minutes.

    python scripts/benchmark_training.py --output performance     ResNet-50 on a GPU, in less than 8 minutes
    python scripts/benchmark_training.py --quick                  the same with a small network, about a minute on a CPU

Needs torch, torchvision, numpy and Pillow, and nothing else: it makes its frames itself. nvidia-ml-py or
nvidia-smi tell how busy the GPU is. Each table is printed, and with --output written, as soon as it is measured.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import torch

from recurrent_residual import cli
from recurrent_residual.benchmarks.bench import Bench
from recurrent_residual.benchmarks.compiling import compiler_failure
from recurrent_residual.benchmarks.end_to_end import Speeds, how, training_speeds
from recurrent_residual.benchmarks.evaluation import FEATURES, TEST, test_speeds
from recurrent_residual.benchmarks.made_frames import make_frames
from recurrent_residual.benchmarks.networks import NETWORK
from recurrent_residual.benchmarks.paper_cost import cost_rows
from recurrent_residual.benchmarks.peak import copy_bandwidth, matrix_peak
from recurrent_residual.benchmarks.resident import Resident, network_speeds, peer_speeds
from recurrent_residual.benchmarks.results import Clock, Number, Results
from recurrent_residual.device import choose_device
from recurrent_residual.errors import UserError
from recurrent_residual.provenance import commit, hardware, versions

FRAMES_STEP = 30  # a pass holds a multiple of it, so that chunks of 2, 3 and 5 frames fill it
# Of the time: torch.compile takes about half a minute a network, cuDNN's choice of kernels seconds.
SHARES = {
    "device": 2,
    "networks": 18,
    "compiled": 30,
    "peers": 10,
    "end to end": 25,
    "example": 5,
    "test": 4,
    "test from JPEGs": 6,
}


def arguments() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__)
    parser.add_argument("--minutes", type=float, help="time for all, about; 6 if not given, 1 with --quick")
    parser.add_argument("--quick", action="store_true", help="a small network and few turns, to see all of it work")
    parser.add_argument("--architecture", help="resnet50 if not given; small-16 with --quick or without a GPU")
    parser.add_argument(
        "--size", type=int, help="side of the views in pixels; 224 if not given, 48 for a small network"
    )
    parser.add_argument(
        "--frames",
        type=int,
        help=f"frames in a pass, a multiple of {FRAMES_STEP}; 120, for a small network 60; "
        "lower it where memory is short",
    )
    parser.add_argument(
        "--steps", type=int, help="passes to an update; 14, which is 1%% of UCF-101, for a small network 4"
    )
    parser.add_argument("--rounds", type=int, help="turns of each network, while there is time; 20, with --quick 2")
    parser.add_argument("--workers", type=int, help="threads or processes that decode; as many as there are cores")
    parser.add_argument("--threads", default=1, type=int, help="processor threads that compute, where there is no GPU")
    parser.add_argument("--gpus", default=1, type=int, help="0: compute on the processor even if there is a GPU")
    parser.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, help="measure torch.compile; on a GPU if not given"
    )
    parser.add_argument("--epochs", default=10, type=int, help="of each of the paper's trainings, for the sum of hours")
    parser.add_argument("--output", type=Path, help="write the tables to this name with .md, and with .json")
    return parser


def fill_in(options: argparse.Namespace, *, gpu: bool) -> None:
    """The defaults, which depend on the device and on each other."""

    def default(name: str, value: object) -> None:
        if getattr(options, name) is None:
            setattr(options, name, value)

    default("minutes", 1 if options.quick else 6)
    default("architecture", "resnet50" if gpu and not options.quick else "small-16")
    small = options.architecture.startswith("small")
    default("size", 48 if small else 224)
    default("frames", 60 if small else 120)
    default("steps", 4 if small else 14)
    default("rounds", 2 if options.quick else 20)
    default("workers", len(os.sched_getaffinity(0)))
    default("compile", gpu)
    if options.frames < 1 or options.frames % FRAMES_STEP:
        raise UserError(f"--frames {options.frames}: must be a multiple of {FRAMES_STEP}, for chunks of 2, 3 and 5")


def machine(options: argparse.Namespace, device: torch.device) -> str:
    """Machine, versions and commit, in one line."""
    precision = "bf16" if device.type == "cuda" else f"float32, threads that compute: {options.threads}"
    packages = ", ".join(f"{name} {version}" for name, version in versions(device).items())
    return f"{hardware(device)}, {precision}; {options.workers} cores; {packages}; commit {commit()[:12]}"


def device_rates(bench: Bench) -> tuple[float | None, float]:
    """Measure what the device can do at best: FLOP/s of its matrix products, bytes/s of its memory.

    A processor's convolutions are of another library than its matrix products, and pass them by far: None.
    """
    gpu = bench.device.type == "cuda"
    seconds = bench.left("device") / 4
    peaks = matrix_peak(bench.device, (4096, 8192, 16384) if gpu else (512, 1024, 2048), seconds=seconds)
    bandwidth = copy_bandwidth(bench.device, 4 * 2**30 if gpu else 256 * 2**20, seconds=seconds)
    kind = "bf16" if gpu else "float32"
    rows = [
        {"what": f"matrix product, {kind}, side {side:,}", "rate": Number(rate / 1e12, "{:,.2f} TFLOP/s")}
        for side, rate in peaks.items()
    ]
    rows.append({"what": "copy in memory, read and written", "rate": Number(bandwidth / 1e9, "{:,.1f} GB/s")})
    bench.results.table("The device at its best", rows)
    return max(peaks.values()) if gpu else None, bandwidth


def limits(bench: Bench, peak: float | None, bandwidth: float | None, network: Resident | None, speeds: Speeds) -> None:
    """Print what takes a frame's time."""
    seconds: dict[str, float] = {}
    if network and peak:
        seconds["arithmetic, at the matrix peak"] = network.flops / peak
    if network and bandwidth:
        operations = "memory, what PyTorch's operations, not compiled, read and write at least, at the copy's speed"
        seconds[operations] = network.traffic / bandwidth
    seconds |= {
        "the network in training, on input that lies on the device": 1 / speeds.network,
        "the same with the views, made on the device": 1 / speeds.resident,
        "the loader alone: JPEGs decoded, views on the device": 1 / speeds.loader,
        "the training loop": 1 / speeds.loop,
    }
    rows = [{"what": what, "microseconds a frame": Number(1e6 * each, "{:,.1f}")} for what, each in seconds.items()]
    shared = (
        "" if bench.device.type == "cuda" else " Here network and loader share the processor, and their times add up."
    )
    note = (
        f"{NETWORK}, {how(speeds.compiled)}. On a GPU network and loader work side by side, and the slower is the "
        f"limit.{shared}"
    )
    bench.results.table("Where the time goes", rows, note)


def paper_hours(
    bench: Bench, networks: dict[str, Resident], speeds: Speeds, tests: Mapping[str, float] | None, epochs: int
) -> None:
    """Print what the paper's trainings, their tests and the baselines' features would take."""
    share = speeds.loop / speeds.network
    sizes, own = {}, {}
    for name, resident in networks.items():
        network = bench.network(name)
        # The loop's own network is measured anew beside the loop, and like it compiled or not.
        compiled = speeds.compiled if name == NETWORK else resident.compiled
        row = f"{name} ({how(compiled)})"
        sizes[row] = (network.frames, network.reads)
        own[row] = speeds.network if name == NETWORK else resident.speed
    tested = (
        "The tests have disjoint windows, and all run at the speed from JPEGs that the one network has above; the "
        "features are those of all clips, extracted once. Their clips are taken to be as long as split 1's train clips."
        if tests
        else "Tests and features were not measured, and come on top."
    )
    note = (
        f"An extrapolation, for UCF-101: frames of an epoch on split 1 x {epochs} epochs x train clips of all runs / "
        f"those of split 1, / frames/s end to end, which is the speed on input that lies on the device x {share:.3f}, "
        f"the share that the training loop has of it with {NETWORK}, both {how(speeds.compiled)}. {tested} Left out: "
        "compiling, checkpoints, and the baselines' own trainings, which need no GPU (scripts/benchmark_baselines.py "
        "measures them)."
    )
    title = f"Hours of the paper's trainings, {bench.architecture} at {bench.size}x{bench.size}"
    rows = cost_rows(
        own,
        sizes,
        share=share,
        epochs=epochs,
        test=tests[TEST] if tests else None,
        features=tests[FEATURES] if tests else None,
    )
    bench.results.table(title, rows, note)


def main(options: argparse.Namespace) -> None:
    """Measure and print; a part that fails says so, and the others go on."""
    device = choose_device(gpus=options.gpus, threads=options.threads)
    fill_in(options, gpu=device.type == "cuda")
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    results = Results(options.output)
    clock = Clock(60 * options.minutes, SHARES)
    failed = []

    def attempt(part: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return part(*arguments)
        except Exception as error:
            traceback.print_exc()
            results.text(f"{part.__name__}: failed, {type(error).__name__}: {error}")
            failed.append(part.__name__)
            return None
        finally:
            gc.collect()
            torch.cuda.empty_cache()

    results.text(machine(options, device))
    if options.compile and (failure := compiler_failure(device)):
        results.text(f"torch.compile does not work here, and is left out: {failure}")
        options.compile = False
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        frames = Path(folder) / "frames"
        classes, of_class, samples = (4, 2, 10) if options.quick else (20, 4, 25)
        clips = make_frames(frames, classes=classes, clips=of_class, samples=samples, processes=options.workers)
        size = sum(tar.stat().st_size for tar in frames.iterdir()) / (classes * of_class * samples)
        results.text(
            f"{options.architecture}, {options.size}x{options.size} pixels, {options.frames} frames at once, updates "
            f"of {options.steps} such passes, at most {options.rounds} turns. {classes * of_class * samples:,} frames "
            f"made in {time.perf_counter() - started:.1f} s, {size / 1000:.1f} kB each."
        )
        bench = Bench(
            device=device,
            architecture=options.architecture,
            size=options.size,
            frames=options.frames,
            steps=options.steps,
            rounds=options.rounds,
            workers=options.workers,
            compile=options.compile,
            small=options.architecture.startswith("small"),
            clips=clips,
            folder=frames,
            clock=clock,
            results=results,
        )
        peak, bandwidth = attempt(device_rates, bench) or (None, None)
        networks = attempt(network_speeds, bench, peak)
        attempt(peer_speeds, bench, peak)
        speeds = attempt(training_speeds, bench)
        tests = attempt(test_speeds, bench)
        if speeds:
            attempt(limits, bench, peak, bandwidth, networks[NETWORK] if networks else None, speeds)
        if networks and speeds:
            attempt(paper_hours, bench, networks, speeds, tests, options.epochs)
    if failed:
        raise UserError(f"not measured: {', '.join(failed)}; what is above says why")


if __name__ == "__main__":
    cli.run(main, arguments())
