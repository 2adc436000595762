"""The UCF-101 layout: class folders of clips, and the official lists of three train/test splits.

    VIDEOS/<Class>/v_<Class>_g01_c01.avi
    LISTS/classInd.txt             "1 ApplyEyeMakeup"
    LISTS/trainlist01.txt          "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1"
    LISTS/testlist01.txt           "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi"

Clips of one group (gNN) show the same people in the same place; the official splits keep a group on one side.
The lists spell one class v_HandStandPushups_*, some copies of the data v_HandstandPushups_*: names of clips are
compared without regard to case. The Snakefile imports this module each time it is parsed: keep its imports light.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recurrent_residual.errors import UserError

SPLITS = (1, 2, 3)
CLASS_INDEX = "classInd.txt"
LIST_FILES = (CLASS_INDEX, *(f"{role}list{split:02d}.txt" for split in SPLITS for role in ("train", "test")))

_NAME = re.compile(r"v_(?P<class_name>\w+)_g(?P<group>\d+)_c(?P<clip>\d+)")
_LINE = re.compile(r"(?P<class_name>[^/\s]+)/(?P<video>[^/\s]+)\.avi(?:\s+(?P<number>\d+))?")


@dataclass(frozen=True)
class Entry:
    """One line of a list. `label` is the class's 0-based place in the class index; `where` is "file:line"."""

    video: str
    class_name: str
    label: int
    group: int
    clip: int
    where: str


def read_classes(lists: str | Path) -> list[str]:
    """The class names of `classInd.txt`, in its order. Raises `UserError` for a malformed line or wrong number."""
    names: list[str] = []
    for where, line in _lines(Path(lists) / CLASS_INDEX):
        number, _, name = line.partition(" ")
        if number != str(len(names) + 1) or not name or name in names:
            raise UserError(f'{where}: "{line}" should be "{len(names) + 1} ClassName", each class once')
        names.append(name)
    if not names:
        raise UserError(f"{Path(lists) / CLASS_INDEX}: names no class; take the official file")
    return names


def read_list(lists: str | Path, role: str, split: int, classes: list[str]) -> list[Entry]:
    """The entries of `<role>list0<split>.txt`, where `role` is train or test and `classes` the class index.

    Raises `UserError` with file and line for a malformed line, a class that the index lacks, a label that is not
    the class's number, a clip whose name belongs to another class, or a clip that is listed twice.
    """
    entries: dict[str, Entry] = {}
    labels = {name: label for label, name in enumerate(classes)}
    for where, line in _lines(Path(lists) / f"{role}list{split:02d}.txt"):
        match = _LINE.fullmatch(line)
        name = match and _NAME.fullmatch(match["video"])
        if not match or not name or (role == "train" and not match["number"]):
            form = "Class/v_Class_g01_c01.avi" + (" 1" if role == "train" else "")
            raise UserError(f'{where}: "{line}" should look like "{form}"')
        class_name, video, number = match["class_name"], match["video"], match["number"]
        if class_name not in labels:
            raise UserError(f"{where}: class {class_name} is not in {CLASS_INDEX}; correct the name or add the class")
        label = labels[class_name]
        if (number and int(number) != label + 1) or name["class_name"].casefold() != class_name.casefold():
            raise UserError(f'{where}: "{line}" contradicts itself: class {class_name} is number {label + 1}')
        if video.casefold() in entries:
            raise UserError(f"{where}: {video} is listed twice; remove one line")
        entries[video.casefold()] = Entry(video, class_name, label, int(name["group"]), int(name["clip"]), where)
    return list(entries.values())


def available_classes(videos: str | Path, lists: str | Path) -> list[str]:
    """The classes that have a folder with at least one .avi below `videos`, in the order of the class index.

    Costs one listing of `videos` and the first clip of each folder. Files beside the class folders are ignored.
    Raises `UserError` when a folder or the class index is missing, or a folder is no class of the index.
    """
    classes = read_classes(lists)
    try:
        folders = sorted(entry.name for entry in os.scandir(videos) if entry.is_dir() and entry.name[0] != ".")
    except OSError as error:
        raise UserError(f"{videos}: {error.strerror}; name the folder that holds the class folders") from error
    for name in folders:
        if name not in classes:
            raise UserError(f"{Path(videos) / name}: no class of {Path(lists) / CLASS_INDEX}; move the folder away")
    return [name for name in classes if name in folders and next(clips_on_disk(videos, name), None)]


def default_classes(videos: str | Path, lists: str | Path, *, missing_videos: str) -> list[str]:
    """The classes to use where none are chosen: with "drop" those on disk; with "error" all of the class index, so that
    a class without a folder is an error like a missing clip."""
    return available_classes(videos, lists) if missing_videos == "drop" else read_classes(lists)


def clips_on_disk(videos: str | Path, class_name: str) -> Iterator[str]:
    """The file names of the clips in the folder of `class_name`; none where there is no such folder."""
    folder = Path(videos) / class_name
    if folder.is_dir():
        yield from (entry.name for entry in os.scandir(folder) if entry.name.lower().endswith(".avi"))


def class_of(video: str) -> str:
    """The class that a clip's name carries: "ApplyLipstick" for "v_ApplyLipstick_g01_c01"."""
    match = _NAME.fullmatch(video)
    if not match:
        raise UserError(f"{video}: no name of a clip, which looks like v_ApplyLipstick_g01_c01")
    return match["class_name"]


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """("file:line", text) of the lines that are not blank; the official files end theirs in CRLF."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not a text file"
        raise UserError(f"{path}: {reason}; the folder of lists needs the official UCF-101 files") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield f"{path}:{number}", line.strip()
