"""Official lists are complete or refused, with the file that is not; groups never stand on both sides."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from made_lists import write_lists

from recurrent_residual.datasets import Dataset, dataset
from recurrent_residual.errors import UserError
from recurrent_residual.lists import check_complete, check_groups

HMDB, UCF = dataset("hmdb51"), dataset("ucf101")


def check(data: Dataset, lists: Path) -> None:
    classes = data.read_classes(lists)
    entries = data.read_lists(lists, classes)
    check_complete(data, lists, classes, entries)
    check_groups(entries)


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lists of HMDB-51's full size."""
    return write_lists(tmp_path_factory.mktemp("hmdb51") / "lists")


@pytest.fixture
def hmdb(official: Path, tmp_path: Path) -> Path:
    """The same, to be damaged: links, so that a file is replaced and not written to."""
    (tmp_path / "lists").mkdir()
    for file in official.iterdir():
        (tmp_path / "lists" / file.name).symlink_to(file)
    return tmp_path / "lists"


def rewrite(path: Path, old: str, new: str, count: int = 1) -> None:
    text = path.read_bytes().decode()
    assert text.count(old) >= count
    path.unlink()
    path.write_bytes(text.replace(old, new, count).encode())


def test_complete_lists_pass(official: Path) -> None:
    """6,766 clips of 51 classes, 3,570 train and 1,530 test in each split: nothing to complain of."""
    check(HMDB, official)
    entries = HMDB.read_lists(official, HMDB.CLASSES)
    assert sum(entry.roles[0] == "-" for entry in entries) == 6766 - 3570 - 1530


@pytest.mark.parametrize("role, line, count", [("train", 20, 69), ("test", 0, 29)])
def test_one_line_lost(hmdb: Path, role: str, line: int, count: int) -> None:
    """One line less in one of the 153 files: that file is named, with the count that it should have."""
    path = hmdb / "kick_ball_test_split1.txt"
    wanted = {"train": " 1 \r\n", "test": " 2 \r\n"}[role]
    lines = [text for text in path.read_bytes().decode().splitlines(keepends=True) if text.endswith(wanted)]
    rewrite(path, lines[line], "")
    expected = rf"^{path}: {count} {role} clips of split 1 instead of {count + 1}; take the official lists of HMDB-51$"
    with pytest.raises(UserError, match=expected):
        check(HMDB, hmdb)


def test_unused_clip_lost(hmdb: Path) -> None:
    """A clip that no split uses, lost from all three lists, is missed in the sum of all clips."""
    for split in (1, 2, 3):
        path = hmdb / f"wave_test_split{split}.txt"
        lines = [text for text in path.read_bytes().decode().splitlines(keepends=True) if text.endswith(" 0 \r\n")]
        rewrite(path, lines[3], "")
    with pytest.raises(UserError, match=r"lists: 6,765 clips in all instead of 6,766; take the official lists"):
        check(HMDB, hmdb)


def test_many_files_are_off(hmdb: Path) -> None:
    """All that is off stands in one line, which stays readable; a list without any train clip included."""
    for name in HMDB.CLASSES[:10]:
        rewrite(hmdb / f"{name}_test_split2.txt", " 1 ", " 0 ")
    with pytest.raises(UserError, match=r"brush_hair_test_split2\.txt: 69 train .*; and 5 more; take") as error:
        check(HMDB, hmdb)
    assert "\n" not in str(error.value)
    rewrite(hmdb / "wave_test_split2.txt", " 1 ", " 0 ", 70)
    with pytest.raises(UserError, match=r"lists: 3,490 train clips of split 2 instead of 3,570"):
        check(HMDB, hmdb)


def test_own_classes_have_no_official_size(hmdb: Path) -> None:
    """Lists with another class are the user's own: how many clips they should have, nobody knows."""
    for split in (1, 2, 3):
        (hmdb / f"wave_test_split{split}.txt").rename(hmdb / f"juggle_test_split{split}.txt")
    check(HMDB, hmdb)


def test_class_that_is_lost(hmdb: Path) -> None:
    """Official lists without one of their classes are no smaller data set: they are refused, and it is named."""
    for split in (1, 2, 3):
        (hmdb / f"wave_test_split{split}.txt").unlink()
        (hmdb / f"._wave_test_split{split}.txt").touch()  # what macOS leaves is no list
    with pytest.raises(UserError, match=r"lists: 1 of 51 classes of HMDB-51 are missing \(wave\); take the official"):
        check(HMDB, hmdb)


def test_source_on_both_sides(hmdb: Path) -> None:
    """The clips of one source show one scene: one of them moved to the test is a leak, also with the counts right."""
    path = hmdb / "wave_test_split3.txt"
    rewrite(path, "wave_f_nm_np1_fr_med_0.avi 1 ", "wave_f_nm_np1_fr_med_0.avi 2 ")
    rewrite(path, "wave_u_nm_np1_fr_med_1.avi 2 ", "wave_u_nm_np1_fr_med_1.avi 1 ")
    with pytest.raises(UserError, match=r"wave_test_split3\.txt:\d+: group g\d\d of wave is in train and in test of "):
        check(HMDB, hmdb)


def test_name_of_two_classes(hmdb: Path) -> None:
    """A clip goes by its name in all later stages: two classes may not share one."""
    for split in (1, 2, 3):
        path = hmdb / f"wave_test_split{split}.txt"
        rewrite(path, "#2_00_wave_f_", "#2_00_walk_f_")
    with pytest.raises(UserError, match=r"wave_test_split1\.txt:1: #2_00_\S+ is a clip of walk as well as of wave"):
        check(HMDB, hmdb)


@pytest.mark.skipif("UCF101_LISTS" not in os.environ, reason="UCF101_LISTS names no folder of official lists")
def test_official_lists_of_ucf101(tmp_path: Path) -> None:
    """The official lists have the published counts and test groups; with one line less they are refused by name."""
    lists = Path(os.environ["UCF101_LISTS"])
    check(UCF, lists)
    entries = UCF.read_lists(lists, UCF.read_classes(lists))
    for split, first in ((1, 1), (2, 8), (3, 15)):
        groups = {role: {e.group for e in entries if e.roles[split - 1] == role} for role in ("train", "test")}
        assert groups["test"] == set(range(first, first + 7))
        assert groups["train"] == set(range(1, 26)) - groups["test"]
    for name in UCF.list_files(UCF.CLASSES):
        (tmp_path / name).write_bytes((lists / name).read_bytes())
    path = tmp_path / "trainlist02.txt"
    path.write_bytes(path.read_bytes().split(b"\n", 1)[1])
    with pytest.raises(UserError, match=rf"^{path}: 9,585 train clips of split 2 instead of 9,586; take the official"):
        check(UCF, tmp_path)
