"""The files from which a training goes on, and their end. No torch in here."""

from __future__ import annotations

from pathlib import Path

CHECKPOINT = "checkpoint.pt"


def previous(path: Path) -> Path:
    """The generation before `path`: checkpoint-previous.pt beside checkpoint.pt."""
    return path.with_name(f"{path.stem}-previous{path.suffix}")


def remove_checkpoint(folder: Path) -> None:
    """Remove both generations of a training's checkpoint, when what came of it was seen by a later job.

    Not by the training itself: a Snakemake that was killed alone takes what the training wrote afterwards for
    incomplete and removes it. With its checkpoint the training is then done again in seconds, not in hours.
    """
    for file in (folder / CHECKPOINT, previous(folder / CHECKPOINT)):
        file.unlink(missing_ok=True)
