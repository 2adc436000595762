"""HMDB-51's lists: names with anything in them, groups by source, unused clips; nothing else is taken for a list."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurrent_residual.datasets import hmdb51
from recurrent_residual.errors import UserError
from recurrent_residual.lists import check_groups

# Lines of the official lists, trailing blank and all; the roles of the second and third split are made.
BRUSH = (
    ("April_09_brush_hair_u_nm_np1_ba_goo_0", "1", "2", "0"),
    ("April_09_brush_hair_u_nm_np1_ba_goo_1", "1", "2", "2"),
    ("Brushing_Her_Hair__[_NEW_AUDIO_]_UPDATED!!!!_brush_hair_h_cm_np1_fr_goo_0", "2", "1", "1"),
    ("brushing_hair_brush_hair_f_nm_np2_ri_goo_3", "1", "1", "1"),
    ("brushing_hair_2_brush_hair_h_nm_np1_ba_med_2", "0", "0", "0"),
)
CHEW = (
    ("#2_Gum_chew_h_nm_np1_fr_med_0", "1", "1", "2"),
    ("Big_League_Chew_chew_h_nm_np1_fr_goo_1", "2", "1", "1"),
    ("Double_bubble_in_one_big_bubble_-D_chew_h_cm_np1_fr_goo_12", "1", "2", "1"),
)


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    folder = tmp_path / "lists"
    folder.mkdir()
    for class_name, clips in (("chew", CHEW), ("brush_hair", BRUSH)):
        for split in (1, 2, 3):
            lines = (f"{clip[0]}.avi {clip[split]} \n" for clip in clips)
            (folder / f"{class_name}_test_split{split}.txt").write_text("".join(lines))
    (folder / "readme.txt").touch()
    return folder


def test_official_format(lists: Path) -> None:
    """Classes are in alphabetical order, groups are sources, unused is a role of its own."""
    assert hmdb51.read_classes(lists) == ["brush_hair", "chew"]
    entries = hmdb51.read_lists(lists, ["brush_hair", "chew"])
    assert [(e.video, e.class_name, e.label, e.group, e.clip, e.roles) for e in entries] == [
        (BRUSH[0][0], "brush_hair", 0, 1, 0, ("train", "test", "-")),
        (BRUSH[1][0], "brush_hair", 0, 1, 1, ("train", "test", "test")),
        (BRUSH[2][0], "brush_hair", 0, 2, 0, ("test", "train", "train")),
        (BRUSH[3][0], "brush_hair", 0, 3, 3, ("train", "train", "train")),
        (BRUSH[4][0], "brush_hair", 0, 4, 2, ("-", "-", "-")),
        (CHEW[0][0], "chew", 1, 1, 0, ("train", "train", "test")),
        (CHEW[1][0], "chew", 1, 2, 1, ("test", "train", "train")),
        (CHEW[2][0], "chew", 1, 3, 12, ("train", "test", "train")),
    ]
    assert entries[1].where == tuple(f"{lists}/brush_hair_test_split{split}.txt:2" for split in (1, 2, 3))


def test_sources_that_differ_by_case_only(tmp_path: Path) -> None:
    """They are two sources: the official lists of the first split have these on both sides."""
    names = ("How_to_do_a_Cartwheel_cartwheel_f_nm_np1_le_med_1", "how_to_do_a_cartwheel_cartwheel_f_cm_np1_ri_med_0")
    for split in (1, 2, 3):
        lines = (f"{name}.avi {role} \n" for role, name in enumerate(names, start=1))
        (tmp_path / f"cartwheel_test_split{split}.txt").write_text("".join(lines))
    entries = hmdb51.read_lists(tmp_path, ["cartwheel"])
    assert sorted(entry.group for entry in entries) == [1, 2]
    check_groups(entries)


def test_edited_lists(lists: Path) -> None:
    """CRLF, a byte order mark, blank lines and a name in another case change nothing."""
    expected = [(e.video, e.group, e.roles) for e in hmdb51.read_lists(lists, ["chew"])]
    path = lists / "chew_test_split1.txt"
    path.write_bytes(b"\xef\xbb\xbf\r\n" + path.read_bytes().replace(b"\n", b"\r\n\r\n"))
    path = lists / "chew_test_split2.txt"
    path.write_text(path.read_text().upper())
    assert [(e.video, e.group, e.roles) for e in hmdb51.read_lists(lists, ["chew"])] == expected


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("April_09_brush_hair_u_nm_np1_ba_goo_2.avi", "should look like"),
        ("April_09_brush_hair_u_nm_np1_ba_goo_2.avi 3", "should look like"),
        ("April_09_brush_hair_u_nm_np1_ba_goo_2 1", "should look like"),
        ("holiday.avi 1", "should look like"),
        ("April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1", r"listed twice \(.*:1\)"),
        ("april_09_brush_hair_u_nm_np1_ba_goo_0.avi 2", r"listed twice \(.*:1\)"),
    ],
)
def test_bad_line_is_named(lists: Path, line: str, complaint: str) -> None:
    """A wrong line is never skipped: the message has the file, the line number and what is wrong."""
    path = lists / "brush_hair_test_split2.txt"
    with open(path, "a") as file:
        file.write(line + "\n")
    with pytest.raises(UserError, match=complaint) as error:
        hmdb51.read_lists(lists, ["brush_hair"])
    assert f"{path}:6: " in str(error.value)


def test_missing_lists(lists: Path, tmp_path: Path) -> None:
    """A folder without lists, and a list that is not there, are named."""
    (tmp_path / "empty").mkdir()
    for folder in ("nowhere", "empty"):
        with pytest.raises(UserError, match=f"{folder}: .*official lists of HMDB-51"):
            hmdb51.read_classes(tmp_path / folder)
    (lists / "chew_test_split2.txt").unlink()
    with pytest.raises(UserError, match=r"chew_test_split2\.txt: No such file"):
        hmdb51.read_lists(lists, hmdb51.read_classes(lists))


@given(
    source=st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"], exclude_characters="/"), min_size=1),
    class_name=st.sampled_from(hmdb51.CLASSES),
    number=st.integers(0, 200),
)
def test_class_of_any_name(source: str, class_name: str, number: int) -> None:
    """Whatever the source is called, also like another class, a clip without a folder finds its class by its tags."""
    path = PurePosixPath(f"1{source}1_{class_name}_u_cm_np2_le_bad_{number}.avi")
    assert hmdb51.class_folder(path) == class_name


@pytest.mark.parametrize(
    "path, expected",
    [
        ("brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi", "brush_hair"),
        ("hmdb51_org/brush_hair.rar/brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi", "brush_hair"),
        ("Brush_Hair/x.AVI", "brush_hair"),
        ("brush_hair.rar/x.avi", "brush_hair"),
        ("The_Kurgan_sword_exercise_f_nm_np1_ri_med_0.avi", "sword_exercise"),
        ("Conan_draw_sword_f_nm_np1_ri_med_0.avi", "draw_sword"),
        ("brush_hair/Thumbs.db", None),
        ("brush_hair/._April_09_brush_hair_u_nm_np1_ba_goo_0.avi", None),
        ("extras/holiday.avi", None),
    ],
)
def test_class_folder(path: str, expected: str | None) -> None:
    """The folder decides (of the clip, or of the class's own archive), else the name; nothing else is a clip."""
    assert hmdb51.class_folder(PurePosixPath(path)) == expected
