"""The clips of a data set: the official lists joined with the files that are on disk."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurrent_residual import tsv, ucf101
from recurrent_residual.errors import UserError

COLUMNS = ("video", "class", "label", "group", "clip", "path", "split1", "split2", "split3")
TRAIN, TEST, UNUSED = "train", "test", "-"


@dataclass(frozen=True)
class ListedClip:
    """One clip of the lists that is on disk.

    `label` is 0-based among the chosen classes in the order of the class index; `path` is relative to the folder of
    videos; `roles` is train, test or - in splits 1, 2 and 3.
    """

    video: str
    class_name: str
    label: int
    group: int
    clip: int
    path: str
    roles: tuple[str, ...]

    def role(self, split: int) -> str:
        """What the clip is in `split` (1, 2 or 3): train, test or - (in neither list)."""
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
        "roles": tuple(row[f"split{split}"] for split in ucf101.SPLITS),
    }


def read_clips(path: str | Path) -> list[ListedClip]:
    """The clips of the table that `scripts/list_clips.py` wrote."""
    return [ListedClip(**fields(row)) for row in tsv.read(path, COLUMNS)]


def write_clips(path: str | Path, clips: Sequence[ListedClip]) -> None:
    """Write `clips` as a table, atomically."""
    tsv.write(path, COLUMNS, (clip.row() for clip in clips))


def list_clips(
    videos: str | Path,
    lists: str | Path,
    *,
    classes: Sequence[str] | None = None,
    missing_videos: str = "error",
    clips_per_group: int = 0,
    splits: Sequence[int] = ucf101.SPLITS,
) -> tuple[list[ListedClip], dict[str, Any]]:
    """Join the lists with the files below `videos`; return the clips and a summary for the report.

    `classes`: the classes to use; None takes all of the class index. `missing_videos`: what to do when a clip of the
    lists is not on disk, "error" or "drop"; "drop" with no `classes` takes those on disk. `clips_per_group`: use the
    first so many clips of each group; 0 takes all. `splits`: those that will be used. The clips are sorted by class,
    then by name. Raises `UserError` for bad lists or folders, for a group that stands on both sides of a split, for
    missing clips unless they are to be dropped, and for a class that is left without a train or a test clip in one of
    `splits`.
    """
    index = ucf101.read_classes(lists)
    available = ucf101.available_classes(videos, lists)
    if not available:
        raise UserError(f"{videos}: no class folder with .avi files; name the folder that holds the class folders")
    drop = missing_videos == "drop"
    chosen = _choose(lists, index, classes or ucf101.default_classes(videos, lists, missing_videos=missing_videos))
    listed, roles = _read_lists(lists, index, chosen)
    files = {
        (name, Path(file).stem.casefold()): f"{name}/{file}"
        for name in chosen
        for file in ucf101.clips_on_disk(videos, name)
    }
    missing = sorted(entry.video for key, entry in listed.items() if key not in files)
    if missing and not drop:
        few = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
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
        clips.append(
            ListedClip(entry.video, entry.class_name, label, entry.group, entry.clip, files[key], tuple(roles[key]))
        )
    check_splits(clips, chosen, splits)
    summary = {
        "listed": len(listed),
        "found": len(clips),
        "missing": len(missing),
        "missing_videos": missing,
        "left_out": left_out,
        "classes": chosen,
        "unlisted_files": sum(key not in listed for key in files),
        "classes_not_chosen": len(index) - len(chosen),
        "absent_classes": [name for name in index if name not in available],
        "splits": {
            str(split): {role: sum(clip.role(split) == role for clip in clips) for role in (TRAIN, TEST)}
            for split in ucf101.SPLITS
        },
    }
    return clips, summary


def _choose(lists: str | Path, index: Sequence[str], classes: Sequence[str]) -> list[str]:
    """`classes` in the order of the class index."""
    for name in classes:
        if name not in index:
            raise UserError(f"classes: {name} is no class of {Path(lists) / ucf101.CLASS_INDEX}")
    return [name for name in index if name in classes]


Key = tuple[str, str]  # class and case-folded name: what a list and a file on disk have in common


def _read_lists(
    lists: str | Path, index: list[str], chosen: Sequence[str]
) -> tuple[dict[Key, ucf101.Entry], dict[Key, list[str]]]:
    """The listed clips of the `chosen` classes, and the role of each in the splits; no group on both sides."""
    listed: dict[Key, ucf101.Entry] = {}
    roles: dict[Key, list[str]] = defaultdict(lambda: [UNUSED] * len(ucf101.SPLITS))
    for split in ucf101.SPLITS:
        sides: dict[tuple[str, int], str] = {}
        for role in (TRAIN, TEST):
            for entry in ucf101.read_list(lists, role, split, index):
                if entry.class_name not in chosen:
                    continue
                if sides.setdefault((entry.class_name, entry.group), role) != role:
                    raise UserError(
                        f"{entry.where}: group g{entry.group:02d} of {entry.class_name} is in train and in test of "
                        f"split {split}; clips of a group share a scene, so keep them on one side"
                    )
                key = (entry.class_name, entry.video.casefold())
                listed.setdefault(key, entry)
                roles[key][split - 1] = role
    return listed, roles


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
