"""How many frames a second go through a network here: as measured by runs, by the benchmark, or as the user says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BENCHMARKS = (Path("performance.json"), Path("docs/performance.json"))
"""Where scripts/benchmark_training.py may have written what it measured."""
TESTS = "tests of all of these"
FEATURES = "the baselines' features"


@dataclass(frozen=True)
class Rate:
    """Frames a second, and where the number is from."""

    overall: float
    source: str
    gpu: bool
    by_experiment: Mapping[str, float] = field(default_factory=dict)

    def of(self, experiment: str) -> float:
        """An experiment's own, where it was measured, else that of all."""
        return self.by_experiment.get(experiment, self.overall)


@dataclass(frozen=True)
class Rates:
    """Of a training (forward and backward) and of a test or of features (forward alone); None: not measured."""

    training: Rate | None
    test: Rate | None


def find_rates(
    *,
    architecture: str,
    size: int,
    given: float | None = None,
    results: Path = Path("results"),
    benchmarks: Sequence[Path] = BENCHMARKS,
) -> Rates:
    """The first that there is: finished runs in `results`, a GPU's benchmark, `given`.

    Only what was measured with the same architecture and the same size of the input counts.
    """
    measured = _measured(results, architecture, size)
    found = [measured, *(_benchmarked(path, architecture, size) for path in benchmarks)]
    if given:
        found.append(Rates(Rate(given, "as --frames-per-second says", gpu=True), None))
    training = next((rates.training for rates in found if rates.training), None)
    test = next((rates.test for rates in found if rates.test), None)
    if test is None and training is not None:
        slow = f"{training.source}; for forward alone not measured, at most as slow as a training"
        test = Rate(training.overall, slow, training.gpu)
    return Rates(training, test)


# Finished runs


@dataclass(frozen=True)
class _Work:
    """What one run measured."""

    experiment: str
    gpu: bool
    hardware: str
    frames: float
    seconds: float


def _measured(results: Path, architecture: str, size: int) -> Rates:
    trainings, tests = [], []
    files = [*results.glob("*/runs/*/split*/seed*/run.json"), *results.glob("*/tuning/networks/*/rate*/tuned.json")]
    for file in sorted(files):
        with suppress(OSError, ValueError, KeyError, TypeError):  # half a file, or one of an older version
            run = _read(file)
            of = run["settings"]
            if of["backbone"]["architecture"] != architecture or of["input"]["size"] != size:
                continue
            lines = [json.loads(line) for line in (file.with_name("history.jsonl")).read_text().splitlines()]
            frames = sum(line["frames_per_second"] * line["seconds"] for line in lines)
            trainings.append(_work(run["experiment"], run, frames, sum(line["seconds"] for line in lines)))
            test = _read(file.with_name("metrics.json"))
            tests.append(_work(run["experiment"], test["provenance"], test["frames"], test["seconds"]))
    return Rates(_of_works(trainings, "training"), _of_works(tests, "test"))


def _read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))


def _work(experiment: str, provenance: Mapping[str, Any], frames: float, seconds: float) -> _Work:
    return _Work(experiment, provenance["device"] == "cuda", provenance["hardware"], frames, seconds)


def _of_works(works: Iterable[_Work], what: str) -> Rate | None:
    """The rate on one device: a GPU rather than a processor, and of several the one that did most."""
    devices: dict[tuple[bool, str], list[_Work]] = {}
    for work in works:
        if work.seconds > 0:
            devices.setdefault((work.gpu, work.hardware), []).append(work)
    if not devices:
        return None
    gpu, hardware = max(devices, key=lambda device: (device[0], sum(work.frames for work in devices[device])))
    own = devices[gpu, hardware]
    names = sorted({work.experiment for work in own})
    by_experiment = {name: _speed(work for work in own if work.experiment == name) for name in names}
    count = f"{len(own)} {what}{'s' if len(own) > 1 else ''}"
    return Rate(_speed(own), f"measured here by {count} on {hardware}", gpu, by_experiment)


def _speed(works: Iterable[_Work]) -> float:
    works = list(works)
    return sum(work.frames for work in works) / sum(work.seconds for work in works)


# The benchmark


def _benchmarked(path: Path, architecture: str, size: int) -> Rates:
    """What scripts/benchmark_training.py wrote to `path`, where it did so for this network on a GPU."""
    try:
        figures = _read(path)
        on_gpu = any("bf16" in row["what"] for row in figures["The device at its best"]["rows"])
        rows = figures[f"Hours of the paper's trainings, {architecture} at {size}x{size}"]["rows"]
        speeds = dict(_speeds(rows))
    except (OSError, ValueError, KeyError, TypeError):
        return Rates(None, None)
    if not on_gpu:
        return Rates(None, None)
    source = f"benchmark {path}{_device(path.with_suffix('.md'))}"
    test, features = speeds.pop(TESTS, None), speeds.pop(FEATURES, None)
    training = Rate(min(speeds.values()), source, True, speeds) if speeds else None
    forward = test or features
    return Rates(training, Rate(forward, source, True) if forward else None)


def _speeds(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    """Experiment, or what else a row is about, and its frames a second."""
    for row in rows:
        if speed := row["frames/s end to end"]:
            yield row["what"].partition(" (")[0], speed


def _device(text: Path) -> str:
    """The GPU's name from the tables' beginning, "NVIDIA H200, bf16; 16 cores; ...", where it can be read."""
    with suppress(OSError):
        if match := re.search(r"^(.+), bf16; ", text.read_text(encoding="utf-8"), re.M):
            return f" on {match[1]}"
    return ""
