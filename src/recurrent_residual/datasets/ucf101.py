"""UCF-101 (Soomro, Zamir, Shah 2012, arXiv 1212.0402), and whatever else is laid out like it.

    VIDEOS/<Class>/v_<Class>_g01_c01.avi
    LISTS/classInd.txt             "1 ApplyEyeMakeup"
    LISTS/trainlist01.txt          "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1"
    LISTS/testlist01.txt           "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi"

Clips of one group (gNN) show the same people in the same place; the official splits keep a group on one side.
The lists spell one class v_HandStandPushups_*, some copies of the data v_HandstandPushups_*: names of clips are
compared without regard to case. Sizes and checksums were read in public text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from recurrent_residual.datasets import SPLITS, TEST, TRAIN, UNUSED, Entry
from recurrent_residual.errors import UserError
from recurrent_residual.fetch.mirrors import Mirror
from recurrent_residual.lists import lines

TITLE = "UCF-101"
CLIPS = 13320
SPLIT_SIZES = {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}

_ZIP = (6960400115, "dabf56f573cd19c79e096563529fec8126a2a34e18e10c72eb621dd687532b0d")
_RAR = (6932971618, "ca8dfadb4c891cb11316f94d52b6b0ac2a11994e67a0cae227180cd160bd8e55")
_LISTS = (113943, "5c0d1a53b8ed364a2ac830a73f405e51bece7d98ce1254fd19ed4a36b224bd27")
_UCF = "https://www.crcv.ucf.edu"  # its chain of certificates is broken; the first mirror's is sound

VIDEOS = (
    Mirror("https://storage.googleapis.com/thumos14_files/UCF101_videos.zip", *_ZIP),
    Mirror(f"{_UCF}/data/UCF101/UCF101.rar", *_RAR),
    Mirror(f"{_UCF}/datasets/human-actions/ucf101/UCF101.rar", *_RAR),
)
LISTS = (
    Mirror(f"{_UCF}/data/UCF101/UCF101TrainTestSplits-RecognitionTask.zip", *_LISTS),
    Mirror(f"{_UCF}/wp-content/uploads/2019/03/UCF101TrainTestSplits-RecognitionTask.zip", *_LISTS),
)

_CLASSES = """
    ApplyEyeMakeup ApplyLipstick Archery BabyCrawling BalanceBeam BandMarching BaseballPitch Basketball BasketballDunk
    BenchPress Biking Billiards BlowDryHair BlowingCandles BodyWeightSquats Bowling BoxingPunchingBag BoxingSpeedBag
    BreastStroke BrushingTeeth CleanAndJerk CliffDiving CricketBowling CricketShot CuttingInKitchen Diving Drumming
    Fencing FieldHockeyPenalty FloorGymnastics FrisbeeCatch FrontCrawl GolfSwing Haircut Hammering HammerThrow
    HandstandPushups HandstandWalking HeadMassage HighJump HorseRace HorseRiding HulaHoop IceDancing JavelinThrow
    JugglingBalls JumpingJack JumpRope Kayaking Knitting LongJump Lunges MilitaryParade Mixing MoppingFloor Nunchucks
    ParallelBars PizzaTossing PlayingCello PlayingDaf PlayingDhol PlayingFlute PlayingGuitar PlayingPiano PlayingSitar
    PlayingTabla PlayingViolin PoleVault PommelHorse PullUps Punch PushUps Rafting RockClimbingIndoor RopeClimbing
    Rowing SalsaSpin ShavingBeard Shotput SkateBoarding Skiing Skijet SkyDiving SoccerJuggling SoccerPenalty StillRings
    SumoWrestling Surfing Swing TableTennisShot TaiChi TennisSwing ThrowDiscus TrampolineJumping Typing UnevenBars
    VolleyballSpiking WalkingWithDog WallPushups WritingOnBoard YoYo
"""
CLASSES = tuple(_CLASSES.split())

CLASS_INDEX = "classInd.txt"
_NAME = re.compile(r"v_(?P<class_name>\w+)_g(?P<group>\d+)_c(?P<clip>\d+)")
_LINE = re.compile(r"(?P<class_name>[^/\s]+)/(?P<video>[^/\s]+)\.avi(?:\s+(?P<number>\d+))?", re.IGNORECASE)


def list_files(classes: Sequence[str]) -> list[str]:
    """The class index and the lists of the three splits, whatever the classes."""
    return [CLASS_INDEX, *(_list_file(role, split) for split in SPLITS for role in (TRAIN, TEST))]


def read_classes(lists: str | Path) -> list[str]:
    """The class names of `classInd.txt`, in its order. Raises `UserError` for a malformed line or wrong number."""
    names: dict[str, str] = {}
    for where, line in lines(Path(lists) / CLASS_INDEX, TITLE):
        number, _, name = line.partition(" ")
        name = name.strip()
        if number != str(len(names) + 1) or not name or name.casefold() in names:
            raise UserError(f'{where}: "{line}" should be "{len(names) + 1} ClassName", each class once')
        names[name.casefold()] = name
    if not names:
        raise UserError(f"{Path(lists) / CLASS_INDEX}: names no class; take the official file")
    return list(names.values())


def read_lists(lists: str | Path, classes: Sequence[str]) -> list[Entry]:
    """Every clip of the six lists.

    Raises `UserError` with file and line for a malformed line, a class that the index lacks, a label that is not
    the class's number, a clip whose name belongs to another class, or a clip that stands twice in a split's lists.
    """
    entries: dict[tuple[str, str], Entry] = {}
    for split in SPLITS:
        for role in (TRAIN, TEST):
            for new in _read_list(Path(lists) / _list_file(role, split), role, split, classes):
                key = (new.class_name, new.video.casefold())
                old = entries.setdefault(key, new)
                if old is new:
                    continue
                if old.where[split - 1]:
                    one = old.where[split - 1]
                    raise UserError(f"{new.where[split - 1]}: {new.video} is listed twice ({one}); remove one line")
                entries[key] = replace(
                    old,
                    roles=tuple(new.roles[i] if i == split - 1 else was for i, was in enumerate(old.roles)),
                    where=tuple(new.where[i] if i == split - 1 else was for i, was in enumerate(old.where)),
                )
    return list(entries.values())


def class_folder(path: PurePosixPath) -> str | None:
    """The class that a clip's name carries, as the class index spells it (v_HandStandPushups_* are HandstandPushups).

    Folders do not matter: the official archive has one a class, the mirror's zip has all clips in one.
    """
    match = _NAME.fullmatch(path.stem)
    if not match or path.suffix.lower() != ".avi":
        return None
    known = {name.casefold(): name for name in CLASSES}
    return known.get(match["class_name"].casefold(), match["class_name"])


def _list_file(role: str, split: int) -> str:
    return f"{role}list{split:02d}.txt"


def _read_list(path: Path, role: str, split: int, classes: Sequence[str]) -> Iterator[Entry]:
    """The entries of one list, which is that of `role` (train or test) in `split`."""
    labels = {name.casefold(): label for label, name in enumerate(classes)}
    for where, line in lines(path, TITLE):
        match = _LINE.fullmatch(line)
        name = match and _NAME.fullmatch(match["video"])
        if not match or not name or (role == TRAIN and not match["number"]):
            form = "Class/v_Class_g01_c01.avi" + (" 1" if role == TRAIN else "")
            raise UserError(f'{where}: "{line}" should look like "{form}"')
        class_name, number = match["class_name"], match["number"]
        label = labels.get(class_name.casefold())
        if label is None:
            raise UserError(f"{where}: class {class_name} is not in {CLASS_INDEX}; correct the name or add the class")
        if (number and int(number) != label + 1) or name["class_name"].casefold() != class_name.casefold():
            raise UserError(f'{where}: "{line}" contradicts itself: class {class_name} is number {label + 1}')
        yield Entry(
            match["video"],
            classes[label],
            label,
            int(name["group"]),
            int(name["clip"]),
            roles=tuple(role if split == at else UNUSED for at in SPLITS),
            where=tuple(where if split == at else "" for at in SPLITS),
        )
