"""The official lists are read as they are; anything else is refused with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from recurrent_residual import ucf101
from recurrent_residual.errors import UserError

CLASSES = ["ApplyLipstick", "HandstandPushups"]


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "classInd.txt").write_bytes(b"1 ApplyLipstick\r\n2 HandstandPushups\r\n")
    (folder / "trainlist01.txt").write_bytes(
        b"ApplyLipstick/v_ApplyLipstick_g08_c01.avi 1\r\nHandstandPushups/v_HandStandPushups_g09_c02.avi 2\r\n\r\n"
    )
    (folder / "testlist01.txt").write_bytes(b"ApplyLipstick/v_ApplyLipstick_g01_c03.avi\r\n")
    return folder


def test_official_format(lists: Path) -> None:
    """CRLF line ends leave no trace, and the class whose clips are spelled otherwise is accepted."""
    assert ucf101.read_classes(lists) == CLASSES
    train = ucf101.read_list(lists, "train", 1, CLASSES)
    assert [(e.video, e.class_name, e.label, e.group, e.clip) for e in train] == [
        ("v_ApplyLipstick_g08_c01", "ApplyLipstick", 0, 8, 1),
        ("v_HandStandPushups_g09_c02", "HandstandPushups", 1, 9, 2),
    ]
    assert [entry.clip for entry in ucf101.read_list(lists, "test", 1, CLASSES)] == [3]


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
    ],
)
def test_bad_line_is_named(lists: Path, line: str, complaint: str) -> None:
    """A wrong line is never skipped: the message has the file, the line number and what is wrong."""
    path = lists / "trainlist01.txt"
    path.write_text(f"ApplyLipstick/v_ApplyLipstick_g09_c01.avi 1\n{line}\n")
    with pytest.raises(UserError, match=complaint) as error:
        ucf101.read_list(lists, "train", 1, CLASSES)
    assert f"{path}:2" in str(error.value)


@pytest.mark.parametrize("text", ["2 ApplyLipstick\n", "1 ApplyLipstick\n2 ApplyLipstick\n", "ApplyLipstick\n", "\n"])
def test_bad_class_index(lists: Path, text: str) -> None:
    """Labels come from the numbers of the class index: they must count up from 1, each class once."""
    (lists / "classInd.txt").write_text(text)
    with pytest.raises(UserError, match="classInd.txt"):
        ucf101.read_classes(lists)


def test_available_classes(lists: Path, tmp_path: Path) -> None:
    """Classes on disk come in the order of the index; empty folders, hidden folders and stray files do not count."""
    videos = tmp_path / "videos"
    for name in ("HandstandPushups", "ApplyLipstick", ".cache"):
        (videos / name).mkdir(parents=True)
    (videos / "notes.txt").touch()
    (videos / "HandstandPushups" / "v_HandstandPushups_g01_c01.AVI").touch()
    assert ucf101.available_classes(videos, lists) == ["HandstandPushups"]
    (videos / "ApplyLipstick" / "v_ApplyLipstick_g01_c01.avi").touch()
    assert ucf101.available_classes(videos, lists) == CLASSES


def test_folder_that_is_no_class(lists: Path, tmp_path: Path) -> None:
    """A class folder that the index lacks is an error that names it: its clips would be lost silently."""
    (tmp_path / "videos" / "ApplyLipstik").mkdir(parents=True)
    with pytest.raises(UserError, match="videos/ApplyLipstik: no class of"):
        ucf101.available_classes(tmp_path / "videos", lists)


def test_missing_folders(lists: Path, tmp_path: Path) -> None:
    """Folders and lists that are not there are named."""
    with pytest.raises(UserError, match="nowhere"):
        ucf101.available_classes(tmp_path / "nowhere", lists)
    with pytest.raises(UserError, match="nowhere/classInd.txt"):
        ucf101.available_classes(tmp_path, tmp_path / "nowhere")
    with pytest.raises(UserError, match="testlist02.txt"):
        ucf101.read_list(lists, "test", 2, CLASSES)
