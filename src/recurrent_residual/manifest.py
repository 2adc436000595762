"""The manifest: one table with a row a clip, which all later stages read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurrent_residual import clips, frames, tsv
from recurrent_residual.errors import UserError

MISSING_FRAMES, MISSING_SHARE = 10, 0.1  # what a sound clip's header may announce too much

COLUMNS = (*clips.COLUMNS, *frames.MEASURES)


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
        return {**super().row(), **{column: getattr(self, column) for column in frames.MEASURES}}


class DamagedClips(UserError):
    """Clips that do not decode; `tables` are those of their classes, which are not done before they are replaced."""

    def __init__(self, message: str, tables: Sequence[Path]) -> None:
        super().__init__(message)
        self.tables = tables


def read_manifest(path: str | Path) -> list[Clip]:
    """The clips of the manifest at `path`, sorted by class, then by name."""
    return [_clip(row) for row in tsv.read(path, COLUMNS)]


def build_manifest(
    listed: Sequence[clips.ListedClip],
    indexes: Iterable[str | Path],
    *,
    damaged_videos: str = "error",
    splits: Sequence[int] = clips.SPLITS,
) -> tuple[list[Clip], dict[str, Any]]:
    """Join the `listed` clips with the tables that `extract_frames` wrote; return the clips and a summary.

    `damaged_videos`: what to do with clips that do not decode, "error" or "drop". `splits`: those that will be used.
    Raises one `DamagedClips` that names all damaged clips, unless they are to be dropped; `UserError` when a clip has
    no row in any table, or dropping leaves a class without a train or a test clip in one of `splits`.
    """
    tables = {path: tsv.read(path, frames.INDEX_COLUMNS) for path in indexes}
    found = {row["video"]: row for table in tables.values() for row in table}
    for clip in listed:
        if clip.video not in found:
            raise UserError(f"{clip.video}: its frames were not extracted; run extract_frames for {clip.class_name}")
    damaged = [clip for clip in listed if found[clip.video]["problem"]]
    if damaged and damaged_videos != "drop":
        names = {clip.video for clip in damaged}
        stale = [Path(path) for path, table in tables.items() if any(row["video"] in names for row in table)]
        raise DamagedClips(_damage(damaged, {name: found[name]["problem"] for name in names}), stale)
    kept = [clip for clip in listed if not found[clip.video]["problem"]]
    short = [clip for clip in kept if _is_short(found[clip.video])]
    if damaged:
        clips.check_splits(kept, list(dict.fromkeys(clip.class_name for clip in listed)), splits)
    manifest = [_clip({**{k: str(v) for k, v in clip.row().items()}, **found[clip.video]}) for clip in kept]
    summary = {
        "clips": len(manifest),
        "frames": sum(clip.frames for clip in manifest),
        "damaged": [
            {"video": clip.video, "class": clip.class_name, "problem": found[clip.video]["problem"]} for clip in damaged
        ],
        "short": [
            {
                "video": clip.video,
                "class": clip.class_name,
                "frames": int(found[clip.video]["frames"]),
                "announced": int(found[clip.video]["announced"]),
            }
            for clip in short
        ],
        "splits": clips.split_sizes(manifest),
    }
    return manifest, summary


def _is_short(row: dict[str, str]) -> bool:
    """Whether a clip holds many frames less than its header announces: a decoder passes over damage in its middle.

    It is used and named, not refused: headers of sound clips lie, too, by up to 7 frames in 150 clips of UCF-101.
    """
    missing = int(row["announced"]) - int(row["frames"])
    return missing > max(MISSING_FRAMES, MISSING_SHARE * int(row["announced"]))


def _damage(damaged: Sequence[clips.ListedClip], problems: dict[str, str]) -> str:
    """The one line about all damaged clips: grouped by what is wrong, with the way on."""
    groups: dict[str, list[str]] = {}
    for clip in damaged:
        groups.setdefault(problems[clip.video], []).append(clip.path)
    reasons = "; ".join(f"{problem}: {', '.join(paths)}" for problem, paths in groups.items())
    return (
        f"{len(damaged)} damaged clip(s): {reasons}; replace the files and run again, or set "
        "dataset.damaged_videos: drop to leave them out"
    )


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
