"""GPU jobs of a local run: as many at once as there are GPUs, each on its own; told by the logs that a user can read.

The two GPUs are made up: jobs claim them, and then torch finds no driver and computes on the processor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest
from checkouts import TINY, Checkout, FinishedRun, with_changes

EXPERIMENT = "control_average"
SEEDS = (1, 2, 3)
CONFIG = with_changes(
    TINY,
    experiments=[EXPERIMENT],
    seeds={"split1": len(SEEDS), "split2": 0, "split3": 0},
    training={"epochs": 10},  # long enough for two to meet, which do not start at the same moment
)


@dataclass(frozen=True)
class Job:
    """What a training's log tells: the GPU that it claimed, and when it worked (seconds)."""

    gpu: str | None
    begin: float
    end: float

    @classmethod
    def of(cls, log: Path) -> Job:
        """Its last line, at the time when the file was last written to, is how long it worked."""
        text, end = log.read_text(), log.stat().st_mtime
        claims = re.findall(r"^claimed GPU \d of 2, \w+=(\d)$", text, re.M)
        worked = re.findall(r"^worked (.+) s$", text, re.M)
        assert len(claims) <= 1 and len(worked) == 1, text
        return cls(claims[0] if claims else None, end - float(worked[0]), end)


@pytest.fixture
def checkout(finished: FinishedRun, tmp_path: Path) -> Checkout:
    return finished.checkout.copy(tmp_path / "checkout")


def train(checkout: Checkout, *arguments: str, seeds: Sequence[int]) -> list[Job]:
    """Train with these seeds beside two GPUs, and with cores for all of them at once."""
    runs = [f"results/demo/runs/{EXPERIMENT}/split1/seed{seed}/run.json" for seed in seeds]
    command = ("--cores", str(len(seeds)), "--configfile", checkout.configure("gpus", CONFIG), *arguments, "--", *runs)
    temporary = checkout.root.parent / "tmp"
    temporary.mkdir()
    result = checkout.run("snakemake", *command, CUDA_VISIBLE_DEVICES="0,1", TMPDIR=str(temporary))
    assert result.returncode == 0, result.stdout
    logs = checkout.root / "logs/demo/train_network"
    return [Job.of(logs / f"{EXPERIMENT}-split1-seed{seed}.log") for seed in seeds]


def test_two_at_once_and_each_on_its_own(checkout: Checkout) -> None:
    jobs = train(checkout, seeds=SEEDS)
    assert {job.gpu for job in jobs} == {"0", "1"}
    together = [{a.gpu, b.gpu} for a, b in combinations(jobs, 2) if a.begin < b.end and b.begin < a.end]
    assert together and all(len(gpus) == 2 for gpus in together)  # of three at once two would have the same


def test_without_gpus_on_request(checkout: Checkout) -> None:
    """`--resources gpu=0`: nothing is claimed, and the jobs are told to leave GPUs alone."""
    (job,) = train(checkout, "--resources", "gpu=0", seeds=SEEDS[:1])
    assert job.gpu is None
    assert not list((checkout.root.parent / "tmp").glob("recurrent-residual-*"))
    run = json.loads((checkout.root / f"results/demo/runs/{EXPERIMENT}/split1/seed1/run.json").read_text())
    assert "--gpus 0 " in run["command"] and run["device"] == "cpu"
