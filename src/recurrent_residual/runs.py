"""A run is one training: an experiment on one split with one seed. Its folder holds all that came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from recurrent_residual.files import atomic, write_text
from recurrent_residual.provenance import now

COSTS = ("energy_joules", "peak_memory_bytes", "starts", "machines", "micro_batch_frames", "decoder", "engine")
"""What `write_run` may be told of a training's cost; null in run.json where nobody told it.

The GPU's energy, and the most memory in use, over all starts (`meter.Meter`); how often the training was started, and
on which machines; frames that went through the network at once; who decoded its JPEGs, in the last start; the engine's
settings.
"""


@dataclass(frozen=True)
class Run:
    """A run and its folder, <runs>/<experiment>/split<split>/seed<seed>."""

    folder: Path
    experiment: str
    split: int
    seed: int

    @classmethod
    def within(cls, runs: Path, experiment: str, split: int, seed: int) -> Run:
        """The run's folder below the folder of all runs."""
        return cls(runs / experiment / f"split{split}" / f"seed{seed}", experiment, split, seed)

    @property
    def weights(self) -> Path:
        """The trained network or baseline."""
        return self.folder / "weights.safetensors"

    def read(self) -> dict[str, Any]:
        """The content of run.json."""
        return json.loads((self.folder / "run.json").read_text(encoding="utf-8"))


def write_history(folder: Path, history: list[dict[str, float]]) -> None:
    """Write history.jsonl, a line an epoch."""
    write_text(folder / "history.jsonl", "".join(json.dumps(line) + "\n" for line in history))


def write_run(
    run: Run,
    model: nn.Module,
    history: list[dict[str, float]],
    *,
    settings: dict[str, Any],
    provenance: dict[str, object],
    counts: dict[str, int],
    seconds: float,
    costs: Mapping[str, Any] | None = None,
) -> None:
    """Write a training's weights, history and description; run.json last, so that it vouches for the others.

    Args:
        run: where.
        model: what was trained.
        history: a line an epoch.
        settings: of the experiment, with all that it depends on.
        provenance: of `provenance.describe`, from before the training.
        counts: clips, chunks, updates.
        seconds: the training's, over all starts.
        costs: any of `COSTS`.
    """
    from safetensors.torch import save_file  # here, since a GPU machine's benchmarks do without it

    unknown = set(costs or {}) - set(COSTS)
    assert not unknown, f"costs: {unknown} are none of {COSTS}"
    state = {key: value.contiguous().cpu() for key, value in model.state_dict().items()}
    with atomic(run.weights) as part:
        save_file(state, part)
    write_history(run.folder, history)
    description = {
        "experiment": run.experiment,
        "split": run.split,
        "seed": run.seed,
        "model": settings["model"],
        "settings": settings,
        **counts,
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(seconds, 3),
        **dict.fromkeys(COSTS),
        **(costs or {}),
        **provenance,
        "finished": now(),
    }
    write_text(run.folder / "run.json", json.dumps(description, indent=2) + "\n")
