"""The clips of a data set: the official lists joined with the files that are on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurrent_residual import tsv
from recurrent_residual.class_folders import (
    available_classes,
    class_folders,
    clips_on_disk,
    default_classes,
    stray_files,
)
from recurrent_residual.datasets import SPLITS, TEST, TRAIN, UNUSED, Dataset, Entry
from recurrent_residual.errors import UserError
from recurrent_residual.lists import check_complete, check_groups

COLUMNS = ("video", "class", "label", "group", "clip", "path", "split1", "split2", "split3")
NAMED = 10  # missing clips that one message names


@dataclass(frozen=True)
class ListedClip:
    """One clip of the lists that is on disk.

    `label` is 0-based among the chosen classes in the order of the lists; `path` is relative to the folder of videos,
    spelled as on disk; `roles` is train, test or - in splits 1, 2 and 3.
    """

    video: str
    class_name: str
    label: int
    group: int
    clip: int
    path: str
    roles: tuple[str, ...]

    def role(self, split: int) -> str:
        """What the clip is in `split` (1, 2 or 3): train, test or - (unused)."""
        return self.roles[split - 1]

    def row(self) -> dict[str, object]:
        """The clip as a line of the table, one value a column."""
        values = (self.video, self.class_name, self.label, self.group, self.clip, self.path, *self.roles)
        return dict(zip(COLUMNS, values, strict=True))


def fields(row: dict[str, str]) -> dict[str, Any]:
    """The arguments of `ListedClip` from a line of the table."""
    return {
        "video": row["video"],
        "class_name": row["class"],
        "label": int(row["label"]),
        "group": int(row["group"]),
        "clip": int(row["clip"]),
        "path": row["path"],
        "roles": tuple(row[f"split{split}"] for split in SPLITS),
    }


def read_clips(path: str | Path) -> list[ListedClip]:
    """The clips of the table that `scripts/list_clips.py` wrote."""
    return [ListedClip(**fields(row)) for row in tsv.read(path, COLUMNS)]


def write_clips(path: str | Path, clips: Sequence[ListedClip]) -> None:
    """Write `clips` as a table, atomically."""
    tsv.write(path, COLUMNS, (clip.row() for clip in clips))


def list_clips(
    data: Dataset,
    videos: str | Path,
    lists: str | Path,
    *,
    classes: Sequence[str] | None = None,
    missing_videos: str = "error",
    clips_per_group: int = 0,
    splits: Sequence[int] = SPLITS,
) -> tuple[list[ListedClip], dict[str, Any]]:
    """Join the lists of `data` with the files below `videos`; return the clips and a summary for the report.

    `classes`: the classes to use; None takes all of the lists. `missing_videos`: what to do when a clip of the
    lists is not on disk, "error" or "drop"; "drop" with no `classes` takes those on disk. `clips_per_group`: use the
    first so many clips of each group; 0 takes all. `splits`: those that will be used. The clips are sorted by class,
    then by name. Raises `UserError` for bad or incomplete lists, for bad folders, for a group that stands on both
    sides of a split, for missing clips unless they are to be dropped, and for a class that is left without a train or
    a test clip in one of `splits`.
    """
    index = data.read_classes(lists)
    entries = data.read_lists(lists, index)
    check_complete(data, lists, index, entries)
    available = available_classes(videos, index)
    if not available:
        raise UserError(f"{videos}: no class folder with .avi files; name the folder that holds the class folders")
    chosen = _choose(index, classes or default_classes(videos, index, missing_videos=missing_videos))
    listed = {(entry.class_name, entry.video.casefold()): entry for entry in entries if entry.class_name in chosen}
    check_groups(list(listed.values()))
    folders = {name: folder for name, folder in class_folders(videos, index).items() if name in chosen}
    files, unlisted = _files(videos, folders, listed)
    missing = sorted(entry.video for key, entry in listed.items() if key not in files)
    if missing and missing_videos != "drop":
        few = ", ".join(missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
        raise UserError(
            f"{videos}: {len(missing)} of {len(listed)} clips of the lists are missing ({few}); "
            "complete the folder, choose dataset.classes, or set missing_videos: drop"
        )

    clips: list[ListedClip] = []
    left_out = 0
    taken: Counter[tuple[str, int]] = Counter()
    for key, entry in sorted(listed.items(), key=lambda item: (item[1].label, item[1].video)):
        if key not in files:
            continue
        group = (entry.class_name, entry.group)
        if clips_per_group and taken[group] >= clips_per_group:
            left_out += 1
            continue
        taken[group] += 1
        label = chosen.index(entry.class_name)
        clips.append(ListedClip(entry.video, entry.class_name, label, entry.group, entry.clip, files[key], entry.roles))
    check_splits(clips, chosen, splits)
    summary = {
        "listed": len(listed),
        "found": len(clips),
        "missing": len(missing),
        "missing_videos": missing,
        "left_out": left_out,
        "classes": chosen,
        "unlisted_files": unlisted,
        "stray_files": stray_files(videos, list(folders.values())),
        "classes_not_chosen": len(index) - len(chosen),
        "absent_classes": [name for name in index if name not in available],
        "splits": split_sizes(clips),
    }
    return clips, summary


def _choose(index: Sequence[str], classes: Sequence[str]) -> list[str]:
    """`classes` in the order of the lists."""
    for name in classes:
        if name not in index:
            raise UserError(f"classes: {name} is no class of the lists, which have {', '.join(index)}")
    return [name for name in index if name in classes]


Key = tuple[str, str]  # class and case-folded name: what a list and a file on disk have in common


def _files(videos: str | Path, folders: dict[str, str], listed: dict[Key, Entry]) -> tuple[dict[Key, str], int]:
    """The paths below `videos` of the listed clips, and how many .avi no list names."""
    files: dict[Key, str] = {}
    unlisted = 0
    for name, folder in folders.items():
        for file in sorted(clips_on_disk(Path(videos) / folder)):
            key, path = (name, Path(file).stem.casefold()), f"{folder}/{file}"
            if key not in listed:
                unlisted += 1
            elif key in files:
                raise UserError(f"{Path(videos) / path}: {files[key]} is the same clip; remove one of the two")
            else:
                files[key] = path
    return files, unlisted


def split_sizes(clips: Sequence[ListedClip]) -> dict[str, dict[str, int]]:
    """Split ("1", "2", "3") -> number of clips that are train, test and unused there."""
    roles = {TRAIN: "train", TEST: "test", UNUSED: "unused"}
    return {
        str(split): {name: sum(clip.role(split) == role for clip in clips) for role, name in roles.items()}
        for split in SPLITS
    }


def check_splits(clips: Sequence[ListedClip], classes: Sequence[str], splits: Sequence[int]) -> None:
    """Raise `UserError` for a class without a train or a test clip in one of `splits`: it could never be wrong."""
    for split in splits:
        for role in (TRAIN, TEST):
            present = {clip.class_name for clip in clips if clip.role(split) == role}
            for name in classes:
                if name not in present:
                    raise UserError(
                        f"{name}: no {role} clip in split {split}; add clips, leave the split out "
                        f"(seeds.split{split}: 0), or choose dataset.classes without {name}"
                    )
