"""The class folders of a data set on disk: <videos>/<Class>/<clip>.avi, found without regard to case.

The Snakefile imports this module each time it is parsed: keep its imports light.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from recurrent_residual.errors import UserError

SNAKEMAKE = ".snakemake_timestamp"  # its own, in a folder that a rule made


def class_folders(videos: str | Path, classes: Sequence[str]) -> dict[str, str]:
    """Class -> its folder's name below `videos`, for those of `classes` that have one, in their order.

    What lies beside the class folders is ignored, but for a folder of clips that is no class: raises `UserError` for
    that, for a class that has two folders, and when `videos` is missing.
    """
    known = {name.casefold(): name for name in classes}
    found: dict[str, str] = {}
    for folder in _folders(videos):
        name = known.get(folder.casefold())
        if name is None and not _has_clips(Path(videos) / folder):
            continue
        if name is None:
            raise UserError(f"{Path(videos) / folder}: no class of the lists; move the folder away")
        if name in found:
            raise UserError(f"{Path(videos) / folder}: {found[name]} is the same class; merge the two folders")
        found[name] = folder
    return {name: found[name] for name in classes if name in found}


def available_classes(videos: str | Path, classes: Sequence[str]) -> list[str]:
    """Those of `classes` that have a folder with at least one .avi, in their order.

    Costs one listing of `videos` and the first clip of each folder. Raises `UserError` as `class_folders` does.
    """
    folders = class_folders(videos, classes)
    return [name for name, folder in folders.items() if next(clips_on_disk(Path(videos) / folder), None)]


def default_classes(videos: str | Path, classes: Sequence[str], *, missing_videos: str) -> list[str]:
    """The classes to use where none are chosen: with "drop" those on disk; with "error" all of the lists' `classes`, so
    that a class without a folder is an error like a missing clip."""
    return available_classes(videos, classes) if missing_videos == "drop" else list(classes)


def clips_on_disk(folder: str | Path) -> Iterator[str]:
    """The names of the .avi in `folder`. A link that leads nowhere is no clip, nor is a hidden file (macOS puts a "._"
    beside each on some disks); a folder named so is a damaged one."""
    for entry in os.scandir(folder):
        if _is_named_as_clip(entry.name) and (entry.is_file() or entry.is_dir()):
            yield entry.name


def stray_files(videos: str | Path, folders: Sequence[str]) -> int:
    """How many files and folders are no clips: beside the class `folders`, and files that are not .avi in them."""
    beside = sum(entry.name not in (*folders, SNAKEMAKE) for entry in os.scandir(videos))
    within = (entry for folder in folders for entry in os.scandir(Path(videos) / folder))
    return beside + sum(entry.is_file() and not _is_named_as_clip(entry.name) for entry in within)


def _is_named_as_clip(name: str) -> bool:
    return name.lower().endswith(".avi") and not name.startswith(".")


def _has_clips(folder: Path) -> bool:
    try:
        return next(clips_on_disk(folder), None) is not None
    except PermissionError:  # a disk's lost+found
        return False


def _folders(videos: str | Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(videos) if entry.is_dir() and entry.name[0] != ".")
    except OSError as error:
        raise UserError(f"{videos}: {error.strerror}; name the folder that holds the class folders") from error
