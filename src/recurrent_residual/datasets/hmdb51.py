"""HMDB-51 (Kuehne, Jhuang, Garrote, Poggio, Serre, ICCV 2011).

    VIDEOS/<class>/<source>_<class>_<body part>_<camera>_np<people>_<view>_<quality>_<number>.avi
    LISTS/<class>_test_split1.txt      "April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1 "   (1 train, 2 test, 0 unused)

Body part is f, u, h or l (full, upper, head, lower), camera cm or nm (moves or not), view fr, ba, le or ri, quality
bad, med or goo. Clips of one source are cut from one video; the official splits keep a source on one side, so the
sources of a class are its groups, numbered from 1 in alphabetical order. That holds for the exact text of a source, as
a reading of all 153 lists showed; two that differ by a letter's case, and the parts of one film, do stand on both
sides. A quarter of the clips is unused in each split. Checksums were read in public text; the archive of videos holds
one RAR a class.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from recurrent_residual.datasets import SPLITS, TEST, TRAIN, UNUSED, Entry
from recurrent_residual.errors import UserError
from recurrent_residual.fetch.mirrors import Mirror
from recurrent_residual.lists import lines

TITLE = "HMDB-51"
CLIPS = 6766
SPLIT_SIZES = {split: (3570, 1530) for split in SPLITS}

_SERRE = "https://serre-lab.clps.brown.edu/wp-content/uploads/2013/10"
VIDEOS = (Mirror(f"{_SERRE}/hmdb51_org.rar", md5="517d6f1f19f215c45cdd4d25356be1fb"),)
LISTS = (Mirror(f"{_SERRE}/test_train_splits.rar", md5="15e67781e70dcfbdce2d7dbb9b3344b5"),)

_CLASSES = """
    brush_hair cartwheel catch chew clap climb climb_stairs dive draw_sword dribble drink eat fall_floor fencing
    flic_flac golf handstand hit hug jump kick kick_ball kiss laugh pick pour pullup punch push pushup ride_bike
    ride_horse run shake_hands shoot_ball shoot_bow shoot_gun sit situp smile smoke somersault stand swing_baseball
    sword sword_exercise talk throw turn walk wave
"""
CLASSES = tuple(_CLASSES.split())

ROLES = {"0": UNUSED, "1": TRAIN, "2": TEST}
_TAGS = r"[a-z]_[a-z]{2}_np\d+_[a-z]{2}_[a-z]{3}_(?P<clip>\d+)"
_LINE = re.compile(r"(?P<video>.+)\.avi\s+(?P<role>[012])", re.IGNORECASE)
_LIST_FILE = re.compile(r"(?P<class_name>.+)_test_split[123]\.txt")


def list_files(classes: Sequence[str]) -> list[str]:
    """Three files a class."""
    return [_list_file(name, split) for name in classes for split in SPLITS]


def read_classes(lists: str | Path) -> list[str]:
    """The classes that have a list, in alphabetical order. Raises `UserError` when there is none."""
    try:
        matches = [_LIST_FILE.fullmatch(file) for file in os.listdir(lists) if not file.startswith(".")]
    except OSError as error:
        raise UserError(f"{lists}: {error.strerror}; name the folder of the official lists of {TITLE}") from error
    names = sorted({match["class_name"] for match in matches if match})
    if not names:
        raise UserError(f"{lists}: holds no {_list_file('<class>', 1)}; take the official lists of {TITLE}")
    return names


def read_lists(lists: str | Path, classes: Sequence[str]) -> list[Entry]:
    """Every clip of the three lists of each class.

    Raises `UserError` with file and line for a malformed line, or a clip that stands twice in a list.
    """
    return [entry for label, name in enumerate(classes) for entry in _read_class(Path(lists), name, label)]


def class_folder(path: PurePosixPath) -> str | None:
    """The class whose folder an unpacked clip lies in (or whose archive it comes from), or that its name carries."""
    if path.suffix.lower() != ".avi" or path.name.startswith("."):
        return None
    known = {name.casefold(): name for name in CLASSES}
    for folder in reversed(path.parent.parts):
        if folder.casefold().removesuffix(".rar") in known:
            return known[folder.casefold().removesuffix(".rar")]
    # `sword` and `draw_sword` may both fit: the longer one is meant.
    fitting = [name for name in CLASSES if re.fullmatch(rf".+_{name}_{_TAGS}", path.stem, re.IGNORECASE)]
    return max(fitting, key=len, default=None)


def _list_file(class_name: str, split: int) -> str:
    return f"{class_name}_test_split{split}.txt"


def _read_class(lists: Path, class_name: str, label: int) -> list[Entry]:
    """The entries of one class, in the order in which the lists first name them."""
    spelled: dict[str, str] = {}  # case-folded name -> name
    roles: dict[str, list[str]] = {}
    places: dict[str, list[str]] = {}
    for split in SPLITS:
        path = lists / _list_file(class_name, split)
        for where, line in lines(path, TITLE):
            match = _LINE.fullmatch(line)
            if not match:
                raise UserError(f'{where}: "{line}" should look like "name.avi 1" (1 train, 2 test, 0 unused)')
            key = match["video"].casefold()
            spelled.setdefault(key, match["video"])
            place = places.setdefault(key, [""] * len(SPLITS))
            if place[split - 1]:
                raise UserError(f"{where}: {match['video']} is listed twice ({place[split - 1]}); remove one line")
            place[split - 1] = where
            roles.setdefault(key, [UNUSED] * len(SPLITS))[split - 1] = ROLES[match["role"]]

    # The lists, not the names, say which class a clip belongs to, so the class in the name need not be this one.
    pattern = re.compile(rf"(?P<source>.+?)(?:_{re.escape(class_name)})?_{_TAGS}", re.IGNORECASE)
    found: dict[str, re.Match[str]] = {}
    for key, video in spelled.items():
        match = pattern.fullmatch(video)
        if not match:
            form = f"<source>_{class_name}_u_nm_np1_fr_goo_0.avi"
            raise UserError(f'{next(filter(None, places[key]))}: "{video}.avi" should look like "{form}"')
        found[key] = match
    sources = sorted({match["source"] for match in found.values()})
    numbers = {source: number for number, source in enumerate(sources, start=1)}
    return [
        Entry(
            spelled[key],
            class_name,
            label,
            numbers[match["source"]],
            int(match["clip"]),
            tuple(roles[key]),
            tuple(places[key]),
        )
        for key, match in found.items()
    ]
