"""The manifest: one table with a row a clip, which all later stages read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recurrent_residual import clips, frames, tsv
from recurrent_residual.errors import UserError

COLUMNS = (*clips.COLUMNS, *frames.INDEX_COLUMNS[1:])


@dataclass(frozen=True)
class Clip(clips.ListedClip):
    """A clip with what decoding it found: the number of frames, their size in pixels, and frames a second.

    `sha256` stands for the JPEGs (see `frames`): other pixels give another manifest, and all later stages go by that.
    """

    frames: int
    width: int
    height: int
    fps: float
    sha256: str

    def row(self) -> dict[str, object]:
        """The clip as a line of the manifest, one value a column."""
        return {**super().row(), **{column: getattr(self, column) for column in frames.INDEX_COLUMNS[1:]}}


def read_manifest(path: str | Path) -> list[Clip]:
    """The clips of the manifest at `path`, sorted by class, then by name."""
    return [_clip(row) for row in tsv.read(path, COLUMNS)]


def build_manifest(listed: Sequence[clips.ListedClip], indexes: Iterable[str | Path]) -> list[Clip]:
    """Join the `listed` clips with the tables that `extract_frames` wrote for their classes.

    Raises `UserError` when a clip has no row in any of them.
    """
    found = {row["video"]: row for path in indexes for row in tsv.read(path, frames.INDEX_COLUMNS)}
    for clip in listed:
        if clip.video not in found:
            raise UserError(f"{clip.video}: its frames were not extracted; run extract_frames for {clip.class_name}")
    return [_clip({**{k: str(v) for k, v in clip.row().items()}, **found[clip.video]}) for clip in listed]


def write_manifest(path: str | Path, manifest: Sequence[Clip]) -> None:
    """Write the manifest, atomically."""
    tsv.write(path, COLUMNS, (clip.row() for clip in manifest))


def class_names(manifest: Sequence[Clip]) -> list[str]:
    """Names of the classes, by label."""
    return [name for _, name in sorted({(clip.label, clip.class_name) for clip in manifest})]


def _clip(row: dict[str, str]) -> Clip:
    return Clip(
        **clips.fields(row),
        frames=int(row["frames"]),
        width=int(row["width"]),
        height=int(row["height"]),
        fps=float(row["fps"]),
        sha256=row["sha256"],
    )
