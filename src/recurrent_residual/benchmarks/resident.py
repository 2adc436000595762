"""Speed of training on input that lies on the device: what the arithmetic takes, with nothing to wait for."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from recurrent_residual.benchmarks.bench import Bench
from recurrent_residual.benchmarks.compiling import in_one_line
from recurrent_residual.benchmarks.networks import NETWORK, NETWORKS, PEERS
from recurrent_residual.benchmarks.results import NOT_MEASURED, Number, Quartiles
from recurrent_residual.benchmarks.turns import CLASSES, Speed, Training, Turn, take_turns

NOTE = (
    "Views lie on the device: forward, loss, backward, and a step of Adam after {steps} passes of {frames} frames. "
    "Frames count where they pass through the network. A network and the plain ResNet take turns; a ratio is of two "
    "turns that follow each other. FLOPs are those of the plain algorithms; a kernel with fewer may pass the peak."
)
COMPILING = 45  # seconds: what torch.compile may take for one network


@dataclass(frozen=True)
class Resident:
    """A network in training on input that lies on the device."""

    speed: float
    """Frames a second; compiled, where that was measured."""
    compiled: bool
    """Whether it was."""
    flops: float
    """Of a frame."""
    traffic: float
    """Bytes of a frame, to and from memory, at least, when not compiled."""


def network_speeds(bench: Bench, peak: float | None) -> dict[str, Resident]:
    """Measure the paper's networks beside the plain ResNet. `peak`: of the matrix units; None says nothing of it."""
    plain = Training(
        bench.plain(), bench.input(bench.frames, 1, 3, bench.size, bench.size), frames=bench.frames, device=bench.device
    )
    trainings = {name: _training(bench, name) for name in NETWORKS}
    eager = _compete(bench, plain, trainings, "networks")
    rows = [_row("plain ResNet", plain, eager[next(iter(trainings))].rival, peak)]
    rows += [_row(name, trainings[name], speed.own, peak, speed) for name, speed in eager.items()]
    note = NOTE.format(steps=bench.steps, frames=bench.frames)
    title = f"Training on input that lies on the device, {bench.architecture}"
    bench.results.table(title, rows, note)
    compiled = _compiled_if_possible(bench, plain, trainings) if bench.compile else {}
    if compiled:
        first = compiled[next(iter(compiled))].rival
        rows = [_row("plain ResNet", plain, first, peak, memory=False)]
        rows += [_row(name, trainings[name], speed.own, peak, speed, memory=False) for name, speed in compiled.items()]
        bench.results.table(f"The same after torch.compile, {bench.architecture}", rows, _left_out(compiled))
    best = eager | compiled
    return {
        name: Resident(
            best[name].median, name in compiled, training.flops / bench.frames, training.traffic / bench.frames
        )
        for name, training in trainings.items()
    }


def peer_speeds(bench: Bench, peak: float | None) -> None:
    """Measure torchvision's video networks with the input they are used with."""
    rows: list[dict[str, Any]] = []
    for name, (build, length, side) in PEERS.items():
        if rows and bench.left("peers") < 0:
            break
        if bench.small and name == "s3d":  # its last pooling needs all of its 224 pixels, and so takes seconds
            continue
        side = 48 if bench.small else side
        clips = max(1, bench.frames // length) if not bench.small else 1
        x = bench.input(clips, 3, length, side, side).to(memory_format=torch.channels_last_3d)
        training = Training(build(num_classes=CLASSES), x, frames=clips * length, device=bench.device)
        turn = training.turn(training.network, 1 if bench.small else bench.steps)
        rates = [turn() for _ in range(min(bench.rounds, 3))]
        rows.append(_row(f"{name}, clips of {length} frames of {side}x{side}", training, rates, peak))
        del training, turn, x
    bench.results.table(
        "torchvision's video networks, trained in the same way", rows, "Median of up to 3 turns; channels_last_3d."
    )


def _training(bench: Bench, name: str) -> Training:
    network = bench.network(name)
    shape = (bench.frames // network.reads, network.reads, 3, bench.size, bench.size)
    return Training(network, bench.input(*shape), frames=bench.frames, device=bench.device)


def _compete(bench: Bench, plain: Training, trainings: dict[str, Training], part: str) -> dict[str, Speed]:
    pairs = {
        name: (training.turn(training.network, bench.steps), plain.turn(plain.network, bench.steps))
        for name, training in trainings.items()
    }
    return take_turns(pairs, rounds=bench.rounds, left=lambda: bench.left(part))


def _compiled_if_possible(bench: Bench, plain: Training, trainings: dict[str, Training]) -> dict[str, Speed]:
    """`_compiled`; nothing, and a line that says why, where one fails."""
    try:
        return _compiled(bench, plain, trainings)
    except Exception as error:  # must not cost the figures of the networks as they are
        traceback.print_exc()
        bench.results.text(f"After torch.compile: failed, {in_one_line(error)}")
        return {}


def _compiled(bench: Bench, plain: Training, trainings: dict[str, Training]) -> dict[str, Speed]:
    """The speeds of as many networks as there is time to compile: the training loop's, then in `NETWORKS`' order."""
    torch._dynamo.config.recompile_limit = 64  # all are of one class, of which torch compiles no more than 8 kinds
    rival = None
    turns = {}
    for name in [NETWORK, *(other for other in trainings if other != NETWORK)]:
        if bench.left("compiled") < COMPILING * (2 if rival is None else 1):
            break
        own = _compile(bench, trainings[name])
        rival = rival or _compile(bench, plain)
        turns[name] = (own, rival)
    return take_turns(turns, rounds=bench.rounds, left=lambda: bench.left("compiled"))


def _compile(bench: Bench, training: Training) -> Turn:
    turn = training.turn(torch.compile(training.network, dynamic=False), bench.steps)
    turn()  # compiles
    return turn


def _left_out(compiled: dict[str, Speed]) -> str:
    left = [name for name in NETWORKS if name not in compiled]
    return f"Not measured, for want of time: {', '.join(left)}." if left else ""


def _row(
    name: str,
    training: Training,
    rates: list[float],
    peak: float | None,
    speed: Speed | None = None,
    *,
    memory: bool = True,
) -> dict[str, Any]:
    """A line of the table; `memory`: the network's as measured, which is not that of the compiled one."""
    rate = median(rates)
    flops = training.flops / training.frames
    size = training.memory if memory else None
    return {
        "network": name,
        "frames/s": Number(rate),
        "times plain: median (quartiles)": Quartiles(speed.ratios) if speed else NOT_MEASURED,
        "GFLOP a frame": Number(flops / 1e9, "{:.2f}"),
        "TFLOP/s": Number(rate * flops / 1e12, "{:,.2f}"),
        **({} if peak is None else {"share of the matrix peak": Number(rate * flops / peak, "{:.1%}")}),
        "peak memory, GiB": Number(None if size is None else size / 2**30, "{:.1f}"),
    }
