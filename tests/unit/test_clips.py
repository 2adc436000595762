"""Lists joined with files: nothing leaks between train and test, nothing is lost in silence."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from made_lists import write_lists

from recurrent_residual import clips as module
from recurrent_residual.clips import read_clips, write_clips
from recurrent_residual.datasets import dataset
from recurrent_residual.errors import UserError

CLASSES = ("Juggling", "Archery")  # one is none of UCF-101: our own lists; not in alphabetical order
TEST_GROUPS = {1: range(1, 3), 2: range(3, 5), 3: range(5, 7)}
GROUPS, CLIPS = range(1, 9), range(1, 4)

list_clips = partial(module.list_clips, dataset("ucf101"))


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
    assert {clip.class_name: clip.label for clip in clips} == {"Juggling": 0, "Archery": 1}
    assert clips == sorted(clips, key=lambda clip: (clip.label, clip.video))
    for clip in clips:
        assert (layout.videos / clip.path).is_file()
        for split, test in TEST_GROUPS.items():
            assert clip.role(split) == ("test" if clip.group in test else "train")
    assert summary["splits"]["2"] == {"train": 36, "test": 12, "unused": 0}


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
    train, test = (layout.lists / f"{role}list0{split}.txt" for role in ("train", "test"))
    train.write_text(train.read_text().replace("Archery/v_Archery_g08_c02.avi 2\n", ""))
    with open(test, "a") as file:
        file.write("Archery/v_Archery_g08_c02.avi\r\n")
    words = (
        rf"list0{split}\.txt:\d+: group g08 of Archery is in train and in test of split {split} \(.*_c0\d, .*_c0\d\)"
    )
    with pytest.raises(UserError, match=words):
        list_clips(*layout)
    clips, _ = list_clips(*layout, classes=["Juggling"])  # the leak of a class that is not used does not matter
    assert len(clips) == 24


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
    with pytest.raises(UserError, match=r"2 of 48 .*\(v_Archery_g05_c01, v_Archery_g05_c02\).*missing_videos: drop"):
        list_clips(*layout)
    clips, summary = list_clips(*layout, missing_videos="drop")
    assert summary["missing_videos"] == ["v_Archery_g05_c01", "v_Archery_g05_c02"]
    assert len(clips) == summary["found"] == 46


def test_names_match_without_case(layout: Layout) -> None:
    """The lists' spelling names the clip, the disk's spelling is its path (HandStandPushups in UCF-101)."""
    folder = layout.videos / "Archery"
    (folder / "v_Archery_g01_c01.avi").rename(folder / "v_archERY_g01_c01.AVI")
    folder.rename(layout.videos / "archery")
    clips, summary = list_clips(*layout)
    clip = next(c for c in clips if c.video == "v_Archery_g01_c01")
    assert (clip.class_name, clip.path) == ("Archery", "archery/v_archERY_g01_c01.AVI")
    assert (summary["found"], summary["absent_classes"]) == (48, [])
    (layout.videos / "archery" / "V_Archery_g01_c01.avi").touch()
    with pytest.raises(UserError, match=r"archery/v_archERY_g01_c01\.AVI: archery/V_\S+ is the same clip; remove one"):
        list_clips(*layout)


def test_stray_files(layout: Layout) -> None:
    """What is no clip of the lists is left alone and counted: files of the system, notes, clips that no list names."""
    for name in ("Archery/Thumbs.db", "Archery/.DS_Store", "readme.txt", "Juggling/v_x_g01_c01.txt"):
        (layout.videos / name).touch()
    for name in ("Archery/v_Archery_g01_c99.avi", "Archery/._v_Archery_g01_c01.avi", "Archery/holiday.avi"):
        (layout.videos / name).touch()
    _, summary = list_clips(*layout)
    assert (summary["found"], summary["unlisted_files"], summary["stray_files"]) == (48, 2, 5)


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
    with pytest.raises(UserError, match=r"24 of 48 .*\((v_Archery_\w+, ){10}\.\.\.\); .*missing_videos: drop"):
        list_clips(*layout, classes=classes)
    if classes:
        with pytest.raises(UserError, match="Archery: no train clip in split 1"):
            list_clips(*layout, classes=classes, missing_videos="drop")
        return
    clips, summary = list_clips(*layout, missing_videos="drop")
    assert summary["found"] == len(clips) == 24
    assert (summary["classes"], summary["classes_not_chosen"]) == (["Juggling"], 1)
    assert summary["absent_classes"] == ["Archery"]


def test_class_without_test_clip(layout: Layout) -> None:
    """A class that dropping leaves without a test clip would count as never wrong; it is refused in a used split."""
    for file in (layout.videos / "Archery").glob("*_g0[34]_*"):
        file.unlink()
    with pytest.raises(UserError, match=r"Archery: no test clip in split 2; .*seeds\.split2: 0.*dataset\.classes"):
        list_clips(*layout, missing_videos="drop")
    clips, summary = list_clips(*layout, missing_videos="drop", splits=[1, 3])
    assert len(clips) == 42 and summary["splits"]["2"] == {"train": 36, "test": 6, "unused": 0}


def test_clip_in_no_list_of_a_split(layout: Layout) -> None:
    """A clip that a split leaves out is neither train nor test there (HMDB-51 has many)."""
    path = layout.lists / "trainlist01.txt"
    path.write_text(path.read_text().replace("Archery/v_Archery_g08_c03.avi 2", ""))
    clips, summary = list_clips(*layout)
    assert next(c for c in clips if c.video == "v_Archery_g08_c03").roles == ("-", "train", "train")
    assert summary["splits"]["1"] == {"train": 35, "test": 12, "unused": 1}


def test_hmdb51(tmp_path: Path) -> None:
    """The other data set goes the same way; clips that no split uses are listed and counted as unused."""
    lists, videos = write_lists(tmp_path / "lists"), tmp_path / "videos"
    hmdb = dataset("hmdb51")
    classes = ["wave", "sword"]
    for entry in hmdb.read_lists(lists, hmdb.CLASSES):
        if entry.class_name in classes:
            (videos / entry.class_name).mkdir(parents=True, exist_ok=True)
            (videos / entry.class_name / f"{entry.video}.avi").touch()
    with pytest.raises(UserError, match=r"6502 of 6766 clips of the lists are missing"):
        module.list_clips(hmdb, videos, lists)
    clips, summary = module.list_clips(hmdb, videos, lists, classes=classes)
    assert (summary["classes"], summary["classes_not_chosen"], summary["listed"]) == (["sword", "wave"], 49, len(clips))
    assert summary["splits"]["3"] == {"train": 140, "test": 60, "unused": len(clips) - 200}
    assert sum(clip.roles == ("-", "-", "-") for clip in clips) == len(clips) - 200
    write_clips(tmp_path / "clips.tsv", clips)
    assert read_clips(tmp_path / "clips.tsv") == clips
    path = lists / "chew_test_split2.txt"
    path.write_bytes(path.read_bytes().replace(b" 2 ", b" 0 ", 1))  # official lists are complete, or nothing is done
    with pytest.raises(UserError, match=r"chew_test_split2\.txt: 29 test clips of split 2 instead of 30"):
        module.list_clips(hmdb, videos, lists, classes=classes)
