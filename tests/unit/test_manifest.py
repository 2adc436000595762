"""The manifest says of each clip what the lists and the decoder say, and lacks none."""

from __future__ import annotations

from pathlib import Path

import pytest

from recurrent_residual import tsv
from recurrent_residual.clips import ListedClip
from recurrent_residual.errors import UserError
from recurrent_residual.frames import INDEX_COLUMNS, sampled_frames
from recurrent_residual.manifest import Clip, build_manifest, read_manifest, write_manifest

LISTED = [
    ListedClip(f"v_{name}_g{group:02d}_c01", name, label, group, 1, f"{name}/{group}.avi", ("train", "test", "-"))
    for label, name in enumerate(("Diving", "Archery"))
    for group in (1, 2)
]


@pytest.fixture
def indexes(tmp_path: Path) -> list[Path]:
    """The tables of two classes, their rows in another order than the clips."""
    for name, frames in (("Archery", 100), ("Diving", 50)):
        rows = [
            {"video": f"v_{name}_g{group:02d}_c01", "frames": frames + group, "width": 320, "height": 240, "fps": 29.97}
            | {"sha256": f"{group:016x}", "announced": frames + group + 7, "problem": ""}
            for group in (2, 1)
        ]
        tsv.write(tmp_path / f"{name}.tsv", INDEX_COLUMNS, rows)
    return sorted(tmp_path.glob("*.tsv"))


def test_clips_that_are_shorter_than_announced(indexes: list[Path]) -> None:
    """Damage in a clip's middle that the decoder passes over shows in the number of frames: named, and used."""
    rows = tsv.read(indexes[0], INDEX_COLUMNS)
    rows[1]["announced"] = "160"
    tsv.write(indexes[0], INDEX_COLUMNS, rows)
    manifest, summary = build_manifest(LISTED, indexes)
    assert len(manifest) == 4
    assert summary["short"] == [{"video": "v_Archery_g01_c01", "class": "Archery", "frames": 101, "announced": 160}]


def test_join_and_round_trip(indexes: list[Path], tmp_path: Path) -> None:
    """Each clip gets its own row, in the clips' order, and reads back equal."""
    manifest, summary = build_manifest(LISTED, indexes)
    assert [(clip.video, clip.frames) for clip in manifest] == [
        ("v_Diving_g01_c01", 51),
        ("v_Diving_g02_c01", 52),
        ("v_Archery_g01_c01", 101),
        ("v_Archery_g02_c01", 102),
    ]
    assert summary == {
        "clips": 4,
        "frames": 306,
        "damaged": [],
        "short": [],
        "splits": {
            "1": {"train": 4, "test": 0, "unused": 0},
            "2": {"train": 0, "test": 4, "unused": 0},
            "3": {"train": 0, "test": 0, "unused": 4},
        },
    }
    path = tmp_path / "manifest.tsv"
    write_manifest(path, manifest)
    assert read_manifest(path) == manifest
    assert path.read_text().splitlines()[:2] == [
        "video class label group clip path split1 split2 split3 frames width height fps sha256".replace(" ", "\t"),
        "v_Diving_g01_c01 Diving 0 1 1 Diving/1.avi train test - 51 320 240 29.97 0000000000000001".replace(" ", "\t"),
    ]


def test_role() -> None:
    """Splits are counted from 1, as in the names of the lists."""
    clip = Clip("v", "c", 0, 1, 1, "p", ("train", "test", "-"), frames=3, width=1, height=1, fps=25.0, sha256="")
    assert [clip.role(split) for split in (1, 2, 3)] == ["train", "test", "-"]


def test_clip_without_a_row(indexes: list[Path]) -> None:
    """A clip that was not extracted is named, never left out."""
    with pytest.raises(UserError, match="v_Archery_g01_c01: its frames were not extracted"):
        build_manifest(LISTED, indexes[1:])


def test_missing_or_cut_table(indexes: list[Path], tmp_path: Path) -> None:
    """A table that is not there, or whose last line is cut, is named with its line."""
    with pytest.raises(UserError, match="nowhere.tsv: No such file"):
        read_manifest(tmp_path / "nowhere.tsv")
    write_manifest(tmp_path / "manifest.tsv", build_manifest(LISTED, indexes)[0])
    text = (tmp_path / "manifest.tsv").read_text()
    (tmp_path / "manifest.tsv").write_text(text[: text.rindex("\t")])
    with pytest.raises(UserError, match="manifest.tsv:5: the line is cut short"):
        read_manifest(tmp_path / "manifest.tsv")


@pytest.mark.parametrize("frames, expected", [(1, [0]), (10, [0]), (11, [0, 10]), (28, [0, 10, 20])])
def test_sampled_frames(frames: int, expected: list[int]) -> None:
    """Frame 0 is always sampled; the shortest UCF-101 clip has three samples."""
    assert list(sampled_frames(frames, 10)) == expected
