"""UCF-101's lists are read as they are; anything else is refused with file and line."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from recurrent_residual.datasets import ucf101
from recurrent_residual.errors import UserError

CLASSES = ["ApplyLipstick", "HandstandPushups"]


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    folder = tmp_path / "lists"
    folder.mkdir()
    for name in ucf101.list_files(CLASSES):
        (folder / name).touch()
    (folder / "classInd.txt").write_bytes(b"1 ApplyLipstick\r\n2 HandstandPushups\r\n")
    (folder / "trainlist01.txt").write_bytes(
        b"ApplyLipstick/v_ApplyLipstick_g08_c01.avi 1\r\nHandstandPushups/v_HandStandPushups_g09_c02.avi 2\r\n\r\n"
    )
    (folder / "testlist01.txt").write_bytes(b"ApplyLipstick/v_ApplyLipstick_g01_c03.avi\r\n")
    (folder / "trainlist03.txt").write_bytes(b"ApplyLipstick/v_ApplyLipstick_g01_c03.avi 1\r\n")
    return folder


def test_official_format(lists: Path) -> None:
    """CRLF line ends leave no trace, a clip's roles come from all lists, and clips spelled otherwise are accepted."""
    assert ucf101.read_classes(lists) == CLASSES
    entries = ucf101.read_lists(lists, CLASSES)
    assert [(e.video, e.class_name, e.label, e.group, e.clip, e.roles) for e in entries] == [
        ("v_ApplyLipstick_g08_c01", "ApplyLipstick", 0, 8, 1, ("train", "-", "-")),
        ("v_HandStandPushups_g09_c02", "HandstandPushups", 1, 9, 2, ("train", "-", "-")),
        ("v_ApplyLipstick_g01_c03", "ApplyLipstick", 0, 1, 3, ("test", "-", "train")),
    ]
    assert entries[2].where == (f"{lists}/testlist01.txt:1", "", f"{lists}/trainlist03.txt:1")


def test_edited_lists(lists: Path) -> None:
    """A byte order mark, blank lines and another spelling, as editors and copies leave them, change nothing."""
    expected = [(e.video.lower(), e.class_name, e.roles) for e in ucf101.read_lists(lists, CLASSES)]
    for name in ("classInd.txt", "trainlist01.txt"):
        (lists / name).write_bytes(b"\xef\xbb\xbf\r\n \r\n" + (lists / name).read_bytes())
    path = lists / "testlist01.txt"
    path.write_bytes(b"applylipstick/v_applylipstick_g01_c03.AVI\n")
    assert ucf101.read_classes(lists) == CLASSES
    assert [(e.video.lower(), e.class_name, e.roles) for e in ucf101.read_lists(lists, CLASSES)] == expected


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("ApplyLipstick/v_ApplyLipstick_g08_c01.avi", "should look like"),  # a train line without its label
        ("ApplyLipstick v_ApplyLipstick_g08_c01.avi 1", "should look like"),
        ("ApplyLipstick/v_ApplyLipstick_c01.avi 1", "should look like"),
        ("ApplyLipstick/v_ApplyLipstick_g08_c01.avi one", "should look like"),
        ("Archery/v_Archery_g08_c01.avi 1", "Archery is not in classInd.txt"),
        ("ApplyLipstick/v_ApplyLipstick_g08_c01.avi 2", "contradicts itself"),
        ("ApplyLipstick/v_HandStandPushups_g08_c01.avi 1", "contradicts itself"),
        ("ApplyLipstick/v_ApplyLipstick_g09_c01.avi 1", "listed twice"),
        ("ApplyLipstick/v_applylipstick_g09_c01.avi 1", "listed twice"),
    ],
)
def test_bad_line_is_named(lists: Path, line: str, complaint: str) -> None:
    """A wrong line is never skipped: the message has the file, the line number and what is wrong."""
    path = lists / "trainlist01.txt"
    path.write_text(f"ApplyLipstick/v_ApplyLipstick_g09_c01.avi 1\n{line}\n")
    with pytest.raises(UserError, match=complaint) as error:
        ucf101.read_lists(lists, CLASSES)
    assert f"{path}:2" in str(error.value)


def test_clip_in_train_and_in_test(lists: Path) -> None:
    """A clip on both sides of one split would be learnt and then asked for; both lines are named."""
    with open(lists / "testlist01.txt", "a") as file:
        file.write("ApplyLipstick/v_ApplyLipstick_g08_c01.avi\n")
    with pytest.raises(UserError, match=r"testlist01\.txt:2: .*listed twice \(.*trainlist01\.txt:1\)"):
        ucf101.read_lists(lists, CLASSES)


@pytest.mark.parametrize(
    "text", ["2 ApplyLipstick\n", "1 ApplyLipstick\n2 Applylipstick\n", "ApplyLipstick\n", "\n", "1 \n"]
)
def test_bad_class_index(lists: Path, text: str) -> None:
    """Labels come from the numbers of the class index: they must count up from 1, each class once."""
    (lists / "classInd.txt").write_text(text)
    with pytest.raises(UserError, match="classInd.txt"):
        ucf101.read_classes(lists)


def test_missing_lists(lists: Path, tmp_path: Path) -> None:
    """A list that is not there, or is no text, is named."""
    with pytest.raises(UserError, match="nowhere/classInd.txt: No such file"):
        ucf101.read_classes(tmp_path / "nowhere")
    (lists / "testlist02.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"testlist02\.txt: is not a text file; .*official files of UCF-101"):
        ucf101.read_lists(lists, CLASSES)
    (lists / "testlist02.txt").unlink()
    with pytest.raises(UserError, match=r"testlist02\.txt: No such file"):
        ucf101.read_lists(lists, CLASSES)


@pytest.mark.parametrize(
    "path, expected",
    [
        ("UCF-101/HandstandPushups/v_HandStandPushups_g01_c01.avi", "HandstandPushups"),
        ("v_HandStandPushups_g01_c01.avi", "HandstandPushups"),  # the mirror's zip has no folders
        ("UCF101/v_applylipstick_g01_c01.AVI", "ApplyLipstick"),
        ("UCF-101/ApplyLipstick/Thumbs.db", None),
        ("UCF-101/ApplyLipstick/v_ApplyLipstick_g01_c01.txt", None),
        ("__MACOSX/ApplyLipstick/._v_ApplyLipstick_g01_c01.avi", None),
        ("readme.avi", None),
    ],
)
def test_class_folder(path: str, expected: str | None) -> None:
    """Each clip of either archive is laid into the folder of its class; nothing else is."""
    assert ucf101.class_folder(PurePosixPath(path)) == expected
