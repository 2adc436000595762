"""CPU time and memory of all trainings of the twelve baselines on three splits, on features of UCF-101's size.

    python scripts/benchmark_baselines.py /tmp/features

It makes 13,320 clips of 101 classes and 25 groups with about 250,000 sampled frames, lengths log-normal as those of
UCF-101, and the vectors of each frame after blocks 2, 3 and 4 (512, 1,024, 2,048 numbers; 3.6 GB in the folder given,
made once). A vector is ReLU(class + scene + moment + noise), so that there is something to learn; its errors say no
more.

Each experiment is trained by scripts/train_baseline.py in a process of its own, as the workflow does. CPU time is user
and system, of the whole process, its start included. Memory is the most that was seen in samples every 0.1 s: RSS as
the kernel counts it, and PSS, in which pages that processes share count once.

--compare trains the GRU on block 4 with features of float32 and of bfloat16 and prints both errors instead.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from recurrent_residual import cli
from recurrent_residual.baselines import (
    BaselineSettings,
    build_baseline,
    frames_dtype,
    predict_baseline,
    train_baseline,
)
from recurrent_residual.config import Experiment, read_config, read_experiments, resolve_experiments
from recurrent_residual.datasets import SPLITS, TEST, TRAIN
from recurrent_residual.feature_store import FeatureStore, feature_file
from recurrent_residual.manifest import Clip, class_names, read_manifest, write_manifest
from recurrent_residual.models import load_model
from recurrent_residual.provenance import processor

EVERY = 10
CHANNELS = {2: 512, 3: 1024, 4: 2048}
CLIPS, CLASSES, GROUPS = 13_320, 101, 25
TEST_GROUPS = {1: range(1, 8), 2: range(8, 15), 3: range(15, 22)}
SAMPLES = (16.6, 0.47, 3, 178)  # a clip's: median, spread of the logarithm, least, most; the mean is 18.6
SHARES = {"class": 0.22, "scene": 0.45, "moment": 0.5, "noise": 0.5}  # standard deviations of a vector's parts
ROOT = Path(__file__).resolve().parents[1]


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("folder", type=Path, help="where the simulated features and the runs are written")
    parser.add_argument("--configfile", type=Path, nargs="*", default=[], help="laid over config/config.yaml")
    parser.add_argument("--experiments", nargs="*", default=[], help="only these")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at once, one processor thread each")
    parser.add_argument("--clips", type=int, default=CLIPS, help="fewer for a quick look")
    parser.add_argument("--compare", action="store_true", help="compare number formats instead")
    return parser


def simulated_clips(count: int, rng: np.random.Generator) -> list[Clip]:
    """`count` clips of 101 classes with 25 groups each, sorted as the manifest is."""
    median, spread, least, most = SAMPLES
    samples = np.clip(np.round(rng.lognormal(np.log(median), spread, count)), least, most).astype(int)
    places = sorted(divmod(number % (CLASSES * GROUPS), GROUPS) for number in range(count))
    clips = []
    for number, ((label, group), length) in enumerate(zip(places, samples, strict=True)):
        roles = tuple(TEST if group + 1 in TEST_GROUPS[split] else TRAIN for split in SPLITS)
        name, video = f"Class{label:03d}", f"v_Class{label:03d}_g{group + 1:02d}_c{number:05d}"
        frames, path = int(length) * EVERY, f"{name}/{video}.avi"
        clips.append(Clip(video, name, label, group + 1, number, path, roles, frames, 320, 240, 25.0, f"{number:016x}"))
    return clips


def simulate(folder: Path, count: int) -> None:
    """Write manifest and features into `folder`, unless they are there."""
    if (folder / f"{count}.done").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    clips = simulated_clips(count, rng)
    write_manifest(folder / "manifest.tsv", clips)
    frames = sum(clip.frames for clip in clips) // EVERY
    for block, channels in CHANNELS.items():
        array = np.lib.format.open_memmap(feature_file(folder, block), "w+", np.float32, (frames, channels))
        usual = rng.gamma(2, 0.3, channels).astype(np.float32)
        classes = SHARES["class"] * rng.standard_normal((CLASSES, channels), np.float32)
        row, scene, owner = 0, classes[0], None
        for clip in clips:
            if owner != (clip.label, clip.group):
                owner, scene = (clip.label, clip.group), SHARES["scene"] * rng.standard_normal(channels, np.float32)
            length = clip.frames // EVERY
            noise = SHARES["noise"] * rng.standard_normal((length, channels), np.float32)
            noise[1:] += noise[:-1]  # neighbouring frames are alike
            moment = SHARES["moment"] * rng.standard_normal(channels, np.float32)
            vectors = usual + classes[clip.label] + scene + moment + noise
            array[row : row + length] = np.maximum(vectors, 0, out=vectors)
            row += length
        array.flush()
        del array
    (folder / f"{count}.done").touch()


@dataclass
class Job:
    """A running process and the most memory it was seen to have, bytes."""

    name: str
    process: subprocess.Popen[bytes]
    started: float
    rss: int = 0
    pss: int = 0


def memory(process: int) -> tuple[int, int]:
    """RSS and PSS of a process, bytes; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return 0, 0
    sizes = {name: int(rest.split()[0]) * 1024 for name, rest in (line.split(":") for line in lines)}
    return sizes.get("Rss", 0), sizes.get("Pss", 0)


def start(experiment: Experiment, folder: Path) -> Job:
    """Train an experiment on all splits, with seed 1, in a process of its own."""
    command = [sys.executable, str(ROOT / "scripts/train_baseline.py"), "--manifest", str(folder / "manifest.tsv")]
    command += ["--features", str(folder), "--experiment", experiment.name, "--runs", *(f"{s}:1" for s in SPLITS)]
    command += ["--settings", json.dumps(experiment.settings), "--threads", "1", "--output", str(folder / "runs")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    return Job(experiment.name, subprocess.Popen(command, env=environment, stderr=sys.stderr), time.monotonic())


def measure(experiments: dict[str, Experiment], folder: Path, jobs: int) -> None:
    """Train all, `jobs` at a time; print the table."""
    print("| Experiment | Epochs | CPU, s | Wall, s | RSS, GB | PSS, GB | Training error, split 1 |")
    print("|---|---|---|---|---|---|---|")
    waiting, running = deque(experiments.values()), list[Job]()
    begun, cpu_sum, rss_peak, pss_peak = time.monotonic(), 0.0, 0, 0
    while waiting or running:
        while waiting and len(running) < jobs:
            running.append(start(waiting.popleft(), folder))
        sizes = [memory(job.process.pid) for job in running]
        rss_peak, pss_peak = max(rss_peak, sum(rss for rss, _ in sizes)), max(pss_peak, sum(pss for _, pss in sizes))
        for job, (rss, pss) in zip(list(running), sizes, strict=True):
            job.rss, job.pss = max(job.rss, rss), max(job.pss, pss)
            ended, status, usage = os.wait4(job.process.pid, os.WNOHANG)
            if not ended:
                continue
            running.remove(job)
            if job.process.returncode or status:
                sys.exit(f"{job.name} failed")
            cpu, wall = usage.ru_utime + usage.ru_stime, time.monotonic() - job.started
            cpu_sum += cpu
            epochs = experiments[job.name].settings["baselines"]["epochs"]
            history = (folder / "runs" / job.name / "split1/seed1/history.jsonl").read_text(encoding="utf-8")
            error = json.loads(history.splitlines()[-1])["error"]
            numbers = f"{cpu:.1f} | {wall:.1f} | {job.rss / 1e9:.2f} | {job.pss / 1e9:.2f} | {error:.3f}"
            print(f"| {job.name} | {epochs} | {numbers} |", flush=True)
        time.sleep(0.1)
    wall = time.monotonic() - begun
    print(f"| all, {jobs} at a time | | {cpu_sum:.1f} | {wall:.1f} | {rss_peak / 1e9:.2f} | {pss_peak / 1e9:.2f} | |")


def compare(experiment: Experiment, folder: Path, seeds: int = 3) -> None:
    """Train on split 1 with features of both formats, and print the errors."""
    settings, clips = experiment.settings, read_manifest(folder / "manifest.tsv")
    store = FeatureStore(folder, settings["settings"]["block"], clips, every=EVERY)
    train, test = ([i for i, clip in enumerate(clips) if clip.role(1) == role] for role in (TRAIN, TEST))
    labels = torch.tensor([clip.label for clip in clips])
    print("| Features as | Seed | CPU, s | Training loss | Test error by epoch |")
    print("|---|---|---|---|---|")
    for dtype in (torch.float32, torch.bfloat16):
        for seed in range(1, seeds + 1):
            torch.manual_seed(seed)
            model = load_model(settings["model"])
            baseline = build_baseline(model, settings["settings"], store, train, len(class_names(clips)))
            tested, videos = baseline.prepare(store, test), baseline.prepare(store, train, dtype)
            test_errors: list[str] = []
            cpu = 0.0

            def on_epoch(baseline: torch.nn.Module, tested=tested, errors=test_errors) -> dict[str, float]:
                begun = time.process_time()
                wrong = predict_baseline(baseline, tested).argmax(dim=1) != labels[test]  # type: ignore[arg-type]
                errors.append(f"{wrong.float().mean():.3f}")
                return {"held_out_cpu": time.process_time() - begun}

            cpu = time.process_time()
            history = train_baseline(
                baseline,
                videos,
                labels[train],
                settings=BaselineSettings.of(settings["baselines"]),
                seed=seed,
                on_epoch=on_epoch,
            )
            cpu = time.process_time() - cpu - sum(line["held_out_cpu"] for line in history)
            loss, name = history[-1]["loss"], str(dtype).removeprefix("torch.")
            print(f"| {name} | {seed} | {cpu:.1f} | {loss:.4f} | {' '.join(test_errors)} |", flush=True)


def main(options: argparse.Namespace) -> None:
    """Make what is missing, then measure."""
    config = read_config([ROOT / "config/config.yaml", *options.configfile])
    entries = read_experiments(ROOT / config["experiments_file"])
    resolved = resolve_experiments(config, entries)
    wanted = options.experiments or ([] if not options.compare else ["block4_gru_znorm"])
    experiments = {
        name: experiment
        for name, experiment in resolved.items()
        if experiment.kind == "baseline" and (not wanted or name in wanted)
    }
    torch.set_num_threads(1)
    simulate(options.folder, options.clips)
    if options.compare:
        for experiment in experiments.values():
            compare(experiment, options.folder)
        return
    clips = read_manifest(options.folder / "manifest.tsv")
    sizes = ", ".join(f"{sum(clip.role(split) == TRAIN for clip in clips):,}" for split in SPLITS)
    frames = sum(clip.frames for clip in clips if clip.role(1) == TRAIN) // EVERY
    dtype = str(frames_dtype(torch.device("cpu"))).removeprefix("torch.")
    print(f"{processor()}, torch {torch.__version__}, GRU features as {dtype}.")
    print(f"{len(clips):,} clips; train clips {sizes}; {frames:,} train frames in split 1.\n", flush=True)
    measure(experiments, options.folder, options.jobs)


if __name__ == "__main__":
    cli.run(main, arguments())
