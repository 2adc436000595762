"""What a job of the tuning leaves behind: the held-out error after each epoch, for each learning rate it tried."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recurrent_residual.files import write_text
from recurrent_residual.manifest import Clip
from recurrent_residual.provenance import now
from recurrent_residual.tuning import SECTIONS
from recurrent_residual.tuning.hold_out import SPLIT


@dataclass(frozen=True)
class Trial:
    """One training: `errors` after each epoch, the learning rate being constant."""

    learning_rate: float
    errors: tuple[float, ...]
    diverged: bool
    seconds: float

    @classmethod
    def of(cls, learning_rate: float, errors: Sequence[float], *, epochs: int, seconds: float) -> Trial:
        """A training that diverged, and so ended before `epochs`, has error 1 from there on."""
        missing = epochs - len(errors)
        return cls(learning_rate, (*errors, *[1.0] * missing), missing > 0, round(seconds, 3))


def write_trials(
    path: Path,
    trials: Sequence[Trial],
    *,
    experiment: str,
    family: str,
    settings: Mapping[str, Any],
    seed: int,
    clips: Sequence[Clip],
    provenance: Mapping[str, Any],
) -> None:
    """Write the trials of one experiment with all that they depend on."""
    record = {
        "experiment": experiment,
        "family": family,
        "model": settings["model"],
        "settings": settings,
        "seed": seed,
        "train_clips": sum(clip.role(SPLIT) == "train" for clip in clips),
        "held_out_clips": sum(clip.role(SPLIT) == "test" for clip in clips),
        "held_out_groups": sorted({clip.group for clip in clips if clip.role(SPLIT) == "test"}),
        "trials": [asdict(trial) for trial in trials],
        **provenance,
        "finished": now(),
    }
    write_text(path, json.dumps(record, indent=1) + "\n")


def with_rate(settings: Mapping[str, Any], family: str, rate: float) -> dict[str, Any]:
    """The settings of `settings.tuned_experiment` with a learning rate: those of a training."""
    section = SECTIONS[family]
    return {**settings, section: {**settings[section], "learning_rate": rate}}
