"""What lies on disk is found however it is spelled, and nothing is lost without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from recurrent_residual.class_folders import available_classes, class_folders, clips_on_disk, stray_files
from recurrent_residual.errors import UserError

CLASSES = ["ApplyLipstick", "HandstandPushups"]


def test_available_classes(tmp_path: Path) -> None:
    """Classes on disk come in the order of the lists; empty folders, hidden folders and stray files do not count."""
    for name in ("HandstandPushups", "ApplyLipstick", ".cache"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "notes.txt").touch()
    (tmp_path / "HandstandPushups" / "v_HandstandPushups_g01_c01.AVI").touch()
    assert available_classes(tmp_path, CLASSES) == ["HandstandPushups"]
    (tmp_path / "ApplyLipstick" / "v_ApplyLipstick_g01_c01.avi").touch()
    assert available_classes(tmp_path, CLASSES) == CLASSES


def test_spelling_of_folders(tmp_path: Path) -> None:
    """A folder in another case is the class's; two folders that differ by case only would hide each other's clips."""
    (tmp_path / "handstandpushups").mkdir()
    (tmp_path / "APPLYLIPSTICK").mkdir()
    expected = {"ApplyLipstick": "APPLYLIPSTICK", "HandstandPushups": "handstandpushups"}
    assert list(class_folders(tmp_path, CLASSES).items()) == list(expected.items())
    (tmp_path / "HandstandPushups").mkdir()
    with pytest.raises(UserError, match=r"handstandpushups: HandstandPushups is the same class; merge"):
        class_folders(tmp_path, CLASSES)


def test_folder_that_is_no_class(tmp_path: Path) -> None:
    """A folder of clips that the lists lack is an error that names it: they would be lost silently. Without a clip,
    as a disk's lost+found or a macOS ._clip.avi, it is a stray."""
    (tmp_path / "ApplyLipstick").mkdir()
    (tmp_path / "ApplyLipstick" / "clip.avi").touch()
    (tmp_path / "ApplyLipstik").mkdir()
    (tmp_path / "ApplyLipstik" / "._clip.avi").touch()
    assert available_classes(tmp_path, CLASSES) == ["ApplyLipstick"]
    assert stray_files(tmp_path, ["ApplyLipstick"]) == 1
    (tmp_path / "ApplyLipstik" / "clip.avi").touch()
    with pytest.raises(UserError, match="/ApplyLipstik: no class of"):
        available_classes(tmp_path, CLASSES)


def test_missing_folder(tmp_path: Path) -> None:
    """A folder of videos that is not there is named."""
    with pytest.raises(UserError, match="nowhere: No such file"):
        available_classes(tmp_path / "nowhere", CLASSES)


def test_clips_and_stray_files(tmp_path: Path) -> None:
    """A link to nothing is a missing clip, a folder named like a clip a damaged one; all other files are counted."""
    folder = tmp_path / "ApplyLipstick"
    (folder / "folder.avi").mkdir(parents=True)
    for name in ("clip.avi", "CLIP2.AVI", "Thumbs.db", ".DS_Store", "clip.avi.txt", "._clip.avi"):
        (folder / name).touch()
    (folder / "broken.avi").symlink_to("nowhere")
    (folder / "linked.avi").symlink_to("clip.avi")
    (tmp_path / "readme.txt").touch()
    (tmp_path / "clip.avi").touch()
    (tmp_path / ".snakemake_timestamp").touch()  # in a folder that a rule made
    assert sorted(clips_on_disk(folder)) == ["CLIP2.AVI", "clip.avi", "folder.avi", "linked.avi"]
    assert stray_files(tmp_path, ["ApplyLipstick"]) == 6
    assert stray_files(tmp_path, []) == 3
