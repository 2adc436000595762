"""Lists joined with files: nothing leaks between train and test, nothing is lost in silence."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

from recurrent_residual import ucf101
from recurrent_residual.clips import list_clips, read_clips, write_clips
from recurrent_residual.errors import UserError

CLASSES = ("BabyCrawling", "Archery")  # not in alphabetical order: the order of the index must win
TEST_GROUPS = {1: range(1, 3), 2: range(3, 5), 3: range(5, 7)}
GROUPS, CLIPS = range(1, 9), range(1, 4)


class Layout(NamedTuple):
    videos: Path
    lists: Path


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Empty files in the UCF-101 layout (the join reads names only): 2 classes x 8 groups x 3 clips."""
    videos, lists = tmp_path / "videos", tmp_path / "lists"
    lists.mkdir()
    (lists / "classInd.txt").write_text("".join(f"{i} {name}\r\n" for i, name in enumerate(CLASSES, start=1)))
    lines: dict[str, list[str]] = defaultdict(list)
    for label, name in enumerate(CLASSES, start=1):
        (videos / name).mkdir(parents=True)
        for group in GROUPS:
            for clip in CLIPS:
                path = f"{name}/v_{name}_g{group:02d}_c{clip:02d}.avi"
                (videos / path).touch()
                for split, test in TEST_GROUPS.items():
                    if group in test:
                        lines[f"testlist0{split}.txt"].append(path)
                    else:
                        lines[f"trainlist0{split}.txt"].append(f"{path} {label}")
    for file, content in lines.items():
        (lists / file).write_text("\r\n".join(content) + "\r\n")
    return Layout(videos, lists)


def test_all_clips(layout: Layout) -> None:
    """Labels follow the class index, roles follow the lists, and the counts add up."""
    clips, summary = list_clips(*layout)
    assert summary["listed"] == summary["found"] == len(clips) == 48
    assert {clip.class_name: clip.label for clip in clips} == {"BabyCrawling": 0, "Archery": 1}
    assert clips == sorted(clips, key=lambda clip: (clip.label, clip.video))
    for clip in clips:
        assert (layout.videos / clip.path).is_file()
        for split, test in TEST_GROUPS.items():
            assert clip.role(split) == ("test" if clip.group in test else "train")
    assert summary["splits"]["2"] == {"train": 36, "test": 12}


def test_table_round_trip(layout: Layout, tmp_path: Path) -> None:
    """What one stage writes the next one reads, field by field."""
    clips, _ = list_clips(*layout)
    write_clips(tmp_path / "clips.tsv", clips)
    assert read_clips(tmp_path / "clips.tsv") == clips
    (tmp_path / "clips.tsv").write_text("video\tclass\nv_x\tX\n")
    with pytest.raises(UserError, match="column label is missing"):
        read_clips(tmp_path / "clips.tsv")


@pytest.mark.parametrize("split", [1, 2, 3])
def test_group_on_both_sides_is_refused(layout: Layout, split: int) -> None:
    """A group shares its scene: one clip of a train group in the test list is a leak, named by split and group."""
    with open(layout.lists / f"testlist0{split}.txt", "a") as file:
        file.write("Archery/v_Archery_g08_c02.avi\r\n")
    with pytest.raises(UserError, match=f"group g08 of Archery is in train and in test of split {split}"):
        list_clips(*layout)


def test_same_group_number_of_another_class_is_no_leak(layout: Layout) -> None:
    """Group 1 of one class has nothing to do with group 1 of another: swapping one class's sides is fine."""
    for role in ("train", "test"):
        path = layout.lists / f"{role}list01.txt"
        kept = [line for line in path.read_text().splitlines() if not line.startswith("Archery/")]
        for group in GROUPS:
            if (group in TEST_GROUPS[1]) == (role == "train"):
                kept += [f"Archery/v_Archery_g{group:02d}_c{c:02d}.avi" + " 2" * (role == "train") for c in CLIPS]
        path.write_text("\n".join(kept))
    clips, _ = list_clips(*layout)
    assert {c.role(1) for c in clips if c.group == 1} == {"train", "test"}


def test_missing_clips(layout: Layout) -> None:
    """Missing clips stop the run, with their number and the way on; dropped ones are counted and named."""
    for clip in (1, 2):
        (layout.videos / "Archery" / f"v_Archery_g05_c0{clip}.avi").unlink()
    with pytest.raises(UserError, match=r"2 of 48 .*v_Archery_g05_c01, v_Archery_g05_c02\).*missing_videos: drop"):
        list_clips(*layout)
    clips, summary = list_clips(*layout, missing_videos="drop")
    assert summary["missing_videos"] == ["v_Archery_g05_c01", "v_Archery_g05_c02"]
    assert len(clips) == summary["found"] == 46


def test_names_match_without_case(layout: Layout) -> None:
    """The lists' spelling names the clip, the disk's spelling is its path (HandStandPushups in UCF-101)."""
    folder = layout.videos / "Archery"
    (folder / "v_Archery_g01_c01.avi").rename(folder / "v_archERY_g01_c01.AVI")
    clips, _ = list_clips(*layout)
    clip = next(c for c in clips if c.video == "v_Archery_g01_c01")
    assert clip.path == "Archery/v_archERY_g01_c01.AVI"


def test_clips_per_group(layout: Layout) -> None:
    """The first clips of each group that are on disk are used; the rest is counted as left out."""
    (layout.videos / "Archery" / "v_Archery_g05_c01.avi").unlink()
    clips, summary = list_clips(*layout, clips_per_group=1, missing_videos="drop")
    assert len(clips) == 16
    assert {c.clip for c in clips if (c.class_name, c.group) == ("Archery", 5)} == {2}
    assert summary["listed"] == summary["found"] + summary["missing"] + summary["left_out"]


def test_chosen_classes(layout: Layout) -> None:
    """Labels count the chosen classes only; a class that the index or the disk lacks is named."""
    (layout.videos / "Archery" / "v_Archery_g99_c01.avi").touch()
    clips, summary = list_clips(*layout, classes=["Archery"])
    assert {clip.label for clip in clips} == {0}
    assert (summary["classes"], summary["classes_not_chosen"], summary["unlisted_files"]) == (["Archery"], 1, 1)
    with pytest.raises(UserError, match="classes: Archry is no class"):
        list_clips(*layout, classes=["Archry"])


@pytest.mark.parametrize("emptied", [True, False], ids=["empty folder", "no folder"])
@pytest.mark.parametrize("classes", [None, CLASSES], ids=["all", "named"])
def test_class_that_is_not_there(layout: Layout, classes: tuple[str, ...] | None, emptied: bool) -> None:
    """A class of the index without videos is missing clips like any other; dropping leaves it out and names it."""
    for file in (layout.videos / "Archery").iterdir():
        file.unlink()
    if not emptied:
        (layout.videos / "Archery").rmdir()
    with pytest.raises(UserError, match=r"24 of 48 .*\(v_Archery_g01_c01, .*, \.\.\.\); .*missing_videos: drop"):
        list_clips(*layout, classes=classes)
    if classes:
        with pytest.raises(UserError, match="Archery: no train clip in split 1"):
            list_clips(*layout, classes=classes, missing_videos="drop")
        return
    clips, summary = list_clips(*layout, missing_videos="drop")
    assert summary["found"] == len(clips) == 24
    assert (summary["classes"], summary["classes_not_chosen"]) == (["BabyCrawling"], 1)
    assert summary["absent_classes"] == ["Archery"]


def test_class_without_test_clip(layout: Layout) -> None:
    """A class that dropping leaves without a test clip would count as never wrong; it is refused in a used split."""
    for file in (layout.videos / "Archery").glob("*_g0[34]_*"):
        file.unlink()
    with pytest.raises(UserError, match=r"Archery: no test clip in split 2; .*seeds\.split2: 0.*dataset\.classes"):
        list_clips(*layout, missing_videos="drop")
    clips, summary = list_clips(*layout, missing_videos="drop", splits=[1, 3])
    assert len(clips) == 42 and summary["splits"]["2"] == {"train": 36, "test": 6}


def test_clip_in_no_list_of_a_split(layout: Layout) -> None:
    """A clip that a split leaves out is neither train nor test there (HMDB-51 has many)."""
    path = layout.lists / "trainlist01.txt"
    path.write_text(path.read_text().replace("Archery/v_Archery_g08_c03.avi 2", ""))
    clips, _ = list_clips(*layout)
    assert next(c for c in clips if c.video == "v_Archery_g08_c03").roles == ("-", "train", "train")


@pytest.mark.skipif("UCF101_LISTS" not in os.environ, reason="UCF101_LISTS names no folder of official lists")
def test_official_lists_have_the_published_counts() -> None:
    """The official lists: 13,320 clips; sizes of the splits and test groups as published."""
    lists = os.environ["UCF101_LISTS"]
    classes = ucf101.read_classes(lists)
    assert len(classes) == 101
    sizes, videos = {}, set()
    for split, first in ((1, 1), (2, 8), (3, 15)):
        train, test = (ucf101.read_list(lists, role, split, classes) for role in ("train", "test"))
        sizes[split] = (len(train), len(test))
        assert {entry.group for entry in test} == set(range(first, first + 7))
        assert {entry.group for entry in train} == set(range(1, 26)) - {entry.group for entry in test}
        videos |= {entry.video for entry in train + test}
    assert sizes == {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}
    assert len(videos) == 13320
