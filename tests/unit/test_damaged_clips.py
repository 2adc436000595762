"""Damage anywhere in a data set is found in one run and told in one message, or left out and told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from made_clips import write_avi
from test_video import damage, write_sound

from recurrent_residual.clips import ListedClip, write_clips
from recurrent_residual.errors import UserError
from recurrent_residual.extraction import extract_frames
from recurrent_residual.manifest import DamagedClips, build_manifest, read_manifest

ROOT = Path(__file__).parents[2]
CLASSES = ("Diving", "Archery", "Bowling")
GROUPS = range(1, 7)


def made(name: str, group: int) -> ListedClip:
    """Groups 1 and 2 are tested on; a class folder is spelled otherwise than the class."""
    video = f"v_{name}_g{group:02d}_c01"
    roles = ("test", "train", "-") if group < 3 else ("train", "test", "-")
    return ListedClip(video, name, CLASSES.index(name), group, 1, f"{name.lower()}/{video}.avi", roles)


LISTED = [made(name, group) for name in CLASSES for group in GROUPS]
DAMAGED = {
    made("Diving", 2): "cut short, 2000 of ",
    made("Diving", 4): "is empty",
    made("Diving", 5): "does not decode after 0 frames (Invalid data found when processing input)",
    made("Archery", 3): "has no video stream",
    made("Archery", 4): "is empty",
    made("Archery", 6): "does not decode after 1",
    made("Bowling", 6): "Is a directory",
}


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Three classes of six clips; of the damaged ones each in another way. Two more have headers that lie."""
    videos = tmp_path / "videos"
    for number, clip in enumerate(LISTED):
        write_avi(videos / clip.path, 21, packed=number % 2 == 0)
    cut, empty, text, sound, empty_too, middle, folder = (videos / clip.path for clip in DAMAGED)
    cut.write_bytes(cut.read_bytes()[:2000])
    empty.write_bytes(b"")
    empty_too.write_bytes(b"")
    text.write_text("404 Not Found\n" * 99)
    write_sound(sound)
    damage(middle, 12)
    folder.unlink()
    folder.mkdir()
    for at, clip in ((4, made("Bowling", 1)), (48, made("Bowling", 2))):  # RIFF's size, dwTotalFrames
        path = videos / clip.path
        content = bytearray(path.read_bytes())
        content[at : at + 4] = b"\xff\xff\xff\xff"
        path.write_bytes(content)
    return videos


def extract(videos: Path) -> list[Path]:
    """Extract the frames of all classes; return the tables."""
    indexes = [videos.parent / f"{name} frames.tsv" for name in CLASSES]
    for name, index in zip(CLASSES, indexes, strict=True):
        clips = [clip for clip in LISTED if clip.class_name == name]
        extract_frames(clips, videos, index.with_suffix(".tar"), index, every=10, quality=95)
    return indexes


def test_one_message_names_all(videos: Path) -> None:
    """All damaged clips of all classes, each with what is wrong, and the way on; none that is whole."""
    indexes = extract(videos)
    with pytest.raises(DamagedClips, match=r"^7 damaged clip\(s\): ") as error:
        build_manifest(LISTED, indexes)
    message = str(error.value)
    assert "\n" not in message and "\t" not in message
    for clip in LISTED:
        assert (clip.path in message) == (clip in DAMAGED)
    for problem in DAMAGED.values():
        assert message.count(problem) == 1
    assert "is empty: diving/v_Diving_g04_c01.avi, archery/v_Archery_g04_c01.avi;" in message
    assert "replace the files and run again, or set dataset.damaged_videos: drop" in message
    assert error.value.tables == indexes, "these classes are not done"


def test_the_remedy_helps(videos: Path) -> None:
    """Done as the message says, the run goes through, and the manifest is as if nothing had been."""
    indexes = extract(videos)
    for clip in DAMAGED:
        path = videos / clip.path
        if path.is_dir():
            path.rmdir()
        write_avi(path, 21)
    for index in indexes:
        index.unlink()
    manifest, summary = build_manifest(LISTED, extract(videos))
    assert [clip.video for clip in manifest] == [clip.video for clip in LISTED]
    assert {clip.frames for clip in manifest} == {21} and summary["damaged"] == []


def test_drop(videos: Path) -> None:
    """Dropped clips are left out and named with their class and problem; the counts are those after it."""
    manifest, summary = build_manifest(LISTED, extract(videos), damaged_videos="drop", splits=[1, 2])
    assert [clip.video for clip in manifest] == [clip.video for clip in LISTED if clip not in DAMAGED]
    assert {clip.frames for clip in manifest} == {21}
    assert (summary["clips"], summary["frames"]) == (11, 11 * 21)
    assert {"video": "v_Archery_g03_c01", "class": "Archery", "problem": "has no video stream"} in summary["damaged"]
    assert [(row["video"], row["class"]) for row in summary["damaged"]] == [
        (clip.video, clip.class_name) for clip in LISTED if clip in DAMAGED
    ]
    assert summary["splits"] == {
        "1": {"train": 6, "test": 5, "unused": 0},
        "2": {"train": 5, "test": 6, "unused": 0},
        "3": {"train": 0, "test": 0, "unused": 11},
    }


def test_dropping_too_much(videos: Path) -> None:
    """A class that dropping leaves without a clip to test on would never be wrong; it is refused."""
    (videos / made("Diving", 1).path).write_bytes(b"")
    indexes = extract(videos)
    with pytest.raises(UserError, match="Diving: no test clip in split 1"):
        build_manifest(LISTED, indexes, damaged_videos="drop", splits=[1])
    for group in GROUPS:
        (videos / made("Diving", group).path).write_bytes(b"")
    with pytest.raises(UserError, match="Diving: no train clip in split 1"):
        build_manifest(LISTED, extract(videos), damaged_videos="drop", splits=[1])


def test_scripts(videos: Path) -> None:
    """The two command lines: extraction goes on, the manifest stops in one line or, told to drop, tells what it did."""
    folder = videos.parent
    write_clips(folder / "clips.tsv", LISTED)

    def run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, ROOT / "scripts" / script, "--clips", folder / "clips.tsv", *words]
        environment = {"PYTHONPATH": str(ROOT / "src")}
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    for name in CLASSES:
        out = ("--frames", f"{name}.tar", "--index", f"{name}.tsv")
        done = run("extract_frames.py", "--videos", "videos", "--class-name", name, *out)
        assert done.returncode == 0, done.stderr
    assert done.stdout == "Bowling: 6 clips, 105 frames decoded, 15 written; 1 damaged\n"
    words = (
        "--indexes",
        *(f"{name}.tsv" for name in CLASSES),
        "--output",
        "manifest.tsv",
        "--summary",
        "manifest.json",
    )
    done = run("build_manifest.py", *words, "--splits", "1", "2", "--damaged-videos", "drop")
    assert (done.returncode, done.stdout) == (0, "11 clips, 231 frames; 7 damaged clips left out\n"), done.stderr
    assert len(read_manifest(folder / "manifest.tsv")) == 11
    assert len(json.loads((folder / "manifest.json").read_text())["damaged"]) == 7
    for file in folder.glob("manifest.*"):
        file.unlink()
    done = run("build_manifest.py", *words, "--splits", "1", "2")
    assert done.returncode == 1 and done.stderr.startswith("error: 7 damaged clip(s): ")
    assert done.stderr.count("\n") == 1
    assert {file.name for file in folder.glob("*.tsv")} == {"clips.tsv"}, "a class with a damaged clip is not done"
