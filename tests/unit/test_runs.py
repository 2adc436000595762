"""What a run leaves beside its weights: every number's circumstances."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from recurrent_residual import provenance
from recurrent_residual.provenance import describe
from recurrent_residual.runs import COSTS, Run, write_run

CPU = torch.device("cpu")


def written(folder: Path, **costs: Any) -> dict[str, Any]:
    """A run of a tiny model, written; the content of run.json."""
    run = Run.within(folder, "mine", 2, 1)
    write_run(
        run,
        nn.Linear(2, 3),
        [{"epoch": 1, "loss": 0.5}],
        settings={"model": "m", "training": {"deterministic": False}},
        provenance=describe(CPU),
        counts={"updates": 7},
        seconds=1.25,
        **costs,
    )
    return run.read()


def test_a_run_has_its_costs(tmp_path: Path) -> None:
    """Energy, memory, starts and micro-batch stand in run.json beside time, versions and settings."""
    costs = {
        "energy_joules": 12.5,
        "peak_memory_bytes": 2**30,
        "starts": 3,
        "machines": ["a GPU, torch 2.15"],
        "micro_batch_frames": 64,
        "decoder": "gpu",
        "engine": {"compile": "auto"},
    }
    assert set(costs) == set(COSTS)
    record = written(tmp_path, costs=costs)
    assert {key: record[key] for key in costs} == costs
    assert record["updates"] == 7 and record["parameters"] == 9 and record["seconds"] == 1.25
    assert record["settings"]["training"]["deterministic"] is False
    assert record["gpu_memory_bytes"] is None and "driver" not in record["versions"]
    assert record["finished"] >= record["started"]
    run = Run.within(tmp_path, "mine", 2, 1)
    assert load_file(run.weights)["weight"].shape == (3, 2)
    assert json.loads((run.folder / "history.jsonl").read_text()) == {"epoch": 1, "loss": 0.5}


def test_costs_that_nobody_told_are_null(tmp_path: Path) -> None:
    """A baseline has none; a mistyped one must not get lost."""
    record = written(tmp_path)
    assert [record[key] for key in COSTS] == [None] * len(COSTS)
    with pytest.raises(AssertionError, match="energy_jules"):
        written(tmp_path, costs={"energy_jules": 1.0})


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Jan 23 21:24:25 UTC 2025", "570.86.15"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs@x)", "580.65.06"),
        ("something else", None),
    ],
)
def test_the_drivers_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, version: str | None) -> None:
    """As Linux shows it for both kinds of NVIDIA's kernel module."""
    file = tmp_path / "version"
    monkeypatch.setattr(provenance, "DRIVER", file)
    assert provenance.driver() is None
    file.write_text(f"{line}\nGCC version:  gcc version 12.2.0\n")
    assert provenance.driver() == version


def test_versions_on_a_gpu_name_what_lies_below_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA and cuDNN are torch's own; a driver that does not tell is left out."""
    monkeypatch.setattr(provenance, "DRIVER", tmp_path / "none")
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91200)
    found = provenance.versions(torch.device("cuda"))
    assert (found["cuda"], found["cudnn"]) == ("13.2", "91200") and "driver" not in found
    assert "cuda" not in provenance.versions(CPU)


def test_who_ran_it_is_recorded_and_may_be_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The login name; a container's user without one is no reason for a training to fail."""
    monkeypatch.setattr(provenance.getpass, "getuser", lambda: "zoë")
    assert written(tmp_path / "one")["user"] == "zoë"

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(provenance.getpass, "getuser", nobody)
    assert written(tmp_path / "two")["user"] is None
