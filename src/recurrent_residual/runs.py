"""A run is one training: an experiment on one split with one seed. Its folder holds all that came of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from recurrent_residual.files import atomic, write_text
from recurrent_residual.provenance import now


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


def write_run(
    run: Run,
    model: nn.Module,
    history: list[dict[str, float]],
    *,
    settings: dict[str, Any],
    provenance: dict[str, object],
    counts: dict[str, int],
    seconds: float,
) -> None:
    """Write a training's weights, history and description; run.json last, so that it vouches for the others."""
    state = {key: value.contiguous().cpu() for key, value in model.state_dict().items()}
    with atomic(run.weights) as part:
        save_file(state, part)
    write_text(run.folder / "history.jsonl", "".join(json.dumps(line) + "\n" for line in history))
    description = {
        "experiment": run.experiment,
        "split": run.split,
        "seed": run.seed,
        "model": settings["model"],
        "settings": settings,
        **counts,
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(seconds, 3),
        **provenance,
        "finished": now(),
    }
    write_text(run.folder / "run.json", json.dumps(description, indent=2) + "\n")
