"""Whatever the archive looks like inside, the result is the UCF-101 layout, or nothing."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from recurrent_residual import unpack as module
from recurrent_residual.errors import UserError
from recurrent_residual.unpack import unpack

CLIPS = ["Archery/v_Archery_g01_c01.avi", "HandstandPushups/v_HandStandPushups_g01_c01.avi"]


def make_zip(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, f"content of {name.split('/')[-1]}" * 20)
    return path


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("top", ["", "UCF-101/", "a/b/UCF-101/"])
@pytest.mark.parametrize("count", [1, 2])
def test_class_folders(tmp_path: Path, top: str, count: int) -> None:
    """Class folders keep their spelling, whatever wraps them, also when there is one class only."""
    archive = make_zip(tmp_path / "x.zip", [top + clip for clip in CLIPS[-count:]] + [f"__MACOSX/{top}._x"])
    assert unpack(archive, tmp_path / "out", strip=True) == count
    assert tree(tmp_path / "out") == set(CLIPS[-count:])
    assert "content of v_HandStand" in (tmp_path / "out" / CLIPS[1]).read_text()


def test_flat_archive(tmp_path: Path) -> None:
    """The mirror's zip has all clips in one folder: each goes into the folder of its class."""
    flat = ["UCF101/v_Archery_g01_c01.avi", "UCF101/v_HandstandPushups_g01_c01.avi"]
    unpack(make_zip(tmp_path / "x.zip", flat), tmp_path / "out", strip=True)
    assert tree(tmp_path / "out") == {CLIPS[0], "HandstandPushups/v_HandstandPushups_g01_c01.avi"}


def test_lists(tmp_path: Path) -> None:
    """The lists end up in the folder itself."""
    names = ["ucfTrainTestlist/classInd.txt", "ucfTrainTestlist/trainlist01.txt"]
    unpack(make_zip(tmp_path / "x.zip", names), tmp_path / "out", strip=True)
    assert tree(tmp_path / "out") == {"classInd.txt", "trainlist01.txt"}


def test_without_strip(tmp_path: Path) -> None:
    """Without strip the archive's own layout stays."""
    unpack(make_zip(tmp_path / "x.zip", CLIPS), tmp_path / "out")
    assert tree(tmp_path / "out") == set(CLIPS)


@pytest.mark.parametrize("name", ["../evil.avi", "a/../../evil.avi", "/tmp/evil.avi", "..\\evil.avi"])
def test_member_that_leaves_the_folder(tmp_path: Path, name: str) -> None:
    """Zip slip: such an archive is refused as a whole, and nothing is written."""
    archive = make_zip(tmp_path / "x.zip", [*CLIPS, name])
    with pytest.raises(UserError, match="would leave the folder"):
        unpack(archive, tmp_path / "out", strip=True)
    assert tree(tmp_path) == {"x.zip"} and not (tmp_path / "out").exists()


def test_damaged_or_useless_archive(tmp_path: Path) -> None:
    """A damaged, empty or foreign archive, or none, is one line that names it and leaves nothing behind."""
    archive = make_zip(tmp_path / "x.zip", CLIPS)
    content = bytearray(archive.read_bytes())
    content[60] ^= 0xFF  # inside the first member's data: its checksum no longer fits
    archive.write_bytes(content)
    foreign = make_zip(tmp_path / "foreign.zip", ["readme.txt"])
    for path, reason in {archive: "does not unpack", foreign: "neither clips", tmp_path / "no.zip": "no such"}.items():
        with pytest.raises(UserError, match=f"{path.name}: .*{reason}"):
            unpack(path, tmp_path / "out", strip=True)
    assert tree(tmp_path) == {"x.zip", "foreign.zip"} and not (tmp_path / "out").exists()


def test_filled_output_is_left_alone(tmp_path: Path) -> None:
    """A folder with content is never mixed with the archive's; an empty one is taken."""
    archive = make_zip(tmp_path / "x.zip", CLIPS)
    (tmp_path / "out").mkdir()
    unpack(archive, tmp_path / "out", strip=True)
    with pytest.raises(UserError, match="is there already"):
        unpack(archive, tmp_path / "out", strip=True)


def test_leftovers_of_a_killed_try(tmp_path: Path) -> None:
    """What a killed try left beside the output is removed, and nothing else."""
    for name in (".out.part-7/content/x", ".other.part-7/x"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    unpack(make_zip(tmp_path / "x.zip", CLIPS), tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"x.zip", "out", ".other.part-7"}


def test_no_tool_for_rar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a tool for RAR the message says which to install."""
    (tmp_path / "x.rar").write_bytes(b"Rar!\x1a\x07\x00")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="x.rar: needs one of unrar, unar, bsdtar, 7z .*none is installed"):
        unpack(tmp_path / "x.rar", tmp_path / "out")


# Making a RAR takes a licensed tool. These go by content, not by name: a zip that all of them read stands in for it.
@pytest.mark.parametrize("tool", ["unar", "bsdtar", "7z"])
def test_tools_for_rar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str) -> None:
    """The command line for each tool unpacks into the folder that it is given, and its failure is one line."""
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")
    monkeypatch.setattr(module, "RAR_TOOLS", {tool: module.RAR_TOOLS[tool]})
    monkeypatch.setattr(module.zipfile, "is_zipfile", lambda path: False)
    archive = make_zip(tmp_path / "x y.rar", [f"UCF-101/{clip}" for clip in CLIPS])
    assert unpack(archive, tmp_path / "out", strip=True) == 2
    assert tree(tmp_path / "out") == set(CLIPS)
    archive.write_bytes(bytes(range(256)) * 8)
    with pytest.raises(UserError, match=rf"x y\.rar: needs one of {tool} \({tool}: ") as error:
        unpack(archive, tmp_path / "again", strip=True)
    assert "\n" not in str(error.value) and not (tmp_path / "again").exists()


def test_next_tool_takes_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that leaves half and fails leaves nothing behind for the next, which unpacks all."""
    copy = ["sh", "-c", 'cp -r "$1"/. "$2"', "sh", str(tmp_path / "source"), "{folder}"]
    for clip in CLIPS:
        (tmp_path / "source" / clip).parent.mkdir(parents=True)
        (tmp_path / "source" / clip).touch()
    half = ["sh", "-c", 'mkdir "$1/Archery" && touch "$1/Archery/v_Archery_g09_c09.avi"; exit 3', "sh", "{folder}"]
    monkeypatch.setattr(module, "RAR_TOOLS", {"sh": half, "/bin/sh": copy})
    (tmp_path / "x.rar").write_bytes(b"Rar!")
    assert unpack(tmp_path / "x.rar", tmp_path / "out", strip=True) == 2
    assert tree(tmp_path / "out") == set(CLIPS)


def test_link_in_a_rar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link could lead outside the folder: such an archive is refused."""
    monkeypatch.setattr(module, "RAR_TOOLS", {"ln": ["ln", "-s", "/etc", "{folder}/v_Archery_g01_c01.avi"]})
    (tmp_path / "x.rar").write_bytes(b"Rar!")
    with pytest.raises(UserError, match="is a link"):
        unpack(tmp_path / "x.rar", tmp_path / "out")
    assert not (tmp_path / "out").exists()
