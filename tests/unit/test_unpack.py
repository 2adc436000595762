"""Whatever an archive looks like or tries, the result is the data set's layout, or nothing and one line."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import cast

import pytest
from closed_folders import WAYS, close
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_archives import MAKERS, RAR4, Made, rar4, rar5, zipped

from recurrent_residual import datasets
from recurrent_residual.errors import UserError
from recurrent_residual.fetch import archives, progress
from recurrent_residual.fetch import unpack as unpacking
from recurrent_residual.fetch import unrar as rar
from recurrent_residual.fetch.unpack import unpack

SCRIPT = Path(__file__).parents[2] / "scripts" / "unpack.py"
SOURCE = os.pathsep.join([str(SCRIPT.parents[1] / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
ENVIRONMENT = {**os.environ, "PYTHONPATH": SOURCE}
UCF, HMDB = datasets.dataset("ucf101"), datasets.dataset("hmdb51")
ODD = "#19_Let's_(Try)&[Go];_+Now!_kick_ball_f_cm_np1_ba_med_0.avi"


def clip(name: str, **more: object) -> Made:
    return Made(name, f"the bytes of {name.split('/')[-1].casefold()} ".encode() * 50, **more)  # type: ignore[arg-type]


CLIPS = [clip("Archery/v_Archery_g01_c01.avi"), clip("HandstandPushups/v_HandStandPushups_g01_c01.avi")]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def content(*members: Made) -> dict[str, bytes]:
    return {member.name: member.data for member in members}


def refused(archive: Path, match: str, **options: object) -> None:
    """The archive is refused in one line that names it, and nothing is left behind."""
    folder = archive.parent
    before = tree(folder)
    with pytest.raises(UserError, match=match) as error:
        unpack(archive, folder / "refused", **options)  # type: ignore[arg-type]
    assert "\n" not in str(error.value) and str(error.value).startswith(str(archive))
    assert tree(folder) == before and not (folder / "refused").exists()


def need(*tools: str) -> None:
    for tool in tools:
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")


def need_any() -> None:
    if not any(shutil.which(tool) for tool in rar.RAR_TOOLS):
        pytest.skip("no tool for RAR is installed")


@pytest.fixture(params=list(rar.RAR_TOOLS))
def tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each tool for RAR that is installed, with no other to take over."""
    need(request.param)
    monkeypatch.setattr(rar, "RAR_TOOLS", {request.param: rar.RAR_TOOLS[request.param]})
    return str(request.param)


# The layout


@pytest.mark.parametrize("top", ["", "UCF-101/", "a/b/UCF-101/"])
@pytest.mark.parametrize("count", [1, 2])
def test_class_folders(tmp_path: Path, top: str, count: int) -> None:
    """Clips end up in the folders of their classes, whatever wraps those; all else is ignored and counted."""
    others = [Made(f"__MACOSX/{top}._x"), Made(f"{top}._v_Archery_g01_c01.avi"), Made(f"{top}readme.txt")]
    members = [Made(top + clip.name, clip.data) for clip in CLIPS[-count:]]
    done = unpack(zipped(tmp_path / "x.zip", members + others), tmp_path / "out", dataset=UCF, part="videos")
    assert tree(tmp_path / "out") == content(*CLIPS[-count:])
    assert set(done.ignored) == {other.name for other in others} and len(done.classes) == count


@pytest.mark.parametrize("data", [UCF, HMDB], ids=["ucf101", "hmdb51"])
@pytest.mark.parametrize("hidden", ["__MACOSX/", ".Trash-0/", "a/.cache/b/", "__MACOSX/._x.rar/", "."])
def test_hidden_clips(tmp_path: Path, data: datasets.Dataset, hidden: str) -> None:
    """What programs put aside in the archive is not the clip, though a data set's module takes it for one."""
    name = "wave/a_wave_u_cm_np1_fr_med_0.avi" if data is HMDB else CLIPS[0].name
    archive = zipped(tmp_path / "x.zip", [clip(name), Made(f"{hidden}{name}", b"other")])
    done = unpack(archive, tmp_path / "out", dataset=anything_goes(data), part="videos")
    assert tree(tmp_path / "out") == content(clip(name)) and done.ignored == [hidden + name]
    inner = Made(f"{hidden}x.rar", zipped(tmp_path / "y", [Made(name, b"other")]).read_bytes())
    done = unpack(zipped(tmp_path / "z.zip", [clip(name), inner]), tmp_path / "2", dataset=data, part="videos")
    assert tree(tmp_path / "2") == content(clip(name)) and done.ignored == [f"{inner.name}/{name}"]


def anything_goes(data: datasets.Dataset) -> datasets.Dataset:
    """`data` with a `class_folder` that lets nothing out."""

    class Lenient:
        TITLE = data.TITLE

        def class_folder(self, path: PurePosixPath) -> str | None:
            return path.parent.name

    return cast(datasets.Dataset, Lenient())


def test_flat_archive(tmp_path: Path) -> None:
    """The mirror's zip has all clips in one folder, one class spelt in another case: each goes to its class."""
    flat = [clip("UCF101/v_Archery_g01_c01.avi"), clip("UCF101/v_HandstandPushups_g01_c01.avi")]
    unpack(zipped(tmp_path / "x.zip", flat), tmp_path / "out", dataset=UCF, part="videos")
    assert set(tree(tmp_path / "out")) == {CLIPS[0].name, "HandstandPushups/v_HandstandPushups_g01_c01.avi"}


@pytest.mark.parametrize("other", ["b/v_archery_g01_c01.avi", "b/v_Archery_g01_c01.AVI", "b/v_Archery_g01_c01.avi"])
def test_two_clips_with_one_place(tmp_path: Path, other: str) -> None:
    """Neither of two clips is lost to the other, also where their names differ in case only."""
    archive = zipped(tmp_path / "x.zip", [CLIPS[0], clip(other)])
    refused(archive, "both to become", dataset=UCF, part="videos")


@pytest.mark.parametrize("data", [UCF, HMDB], ids=["ucf101", "hmdb51"])
def test_lists(tmp_path: Path, data: datasets.Dataset) -> None:
    """The lists end up in the folder itself; when one lacks, the line names it."""
    names = data.list_files(data.CLASSES)
    lists = [Made(f"splits/{name}", name.encode()) for name in names]
    unpack(zipped(tmp_path / "x.zip", [*lists, Made("a.txt")]), tmp_path / "out", dataset=data, part="lists")
    assert tree(tmp_path / "out") == {name: name.encode() for name in names}
    refused(zipped(tmp_path / "y.zip", [*lists[:4], *lists[5:]]), f"lacks {names[4]}", dataset=data, part="lists")


@pytest.mark.parametrize("left", [[], [".DS_Store"], [".DS_Store", "folder/mine.txt", "classInd.txt"]])
def test_lists_join_other_files(tmp_path: Path, left: list[str]) -> None:
    """Snakemake deletes the lists and no more: they come into the folder that is there, and the rest stays."""
    names = UCF.list_files(UCF.CLASSES)
    archive = zipped(tmp_path / "x.zip", [Made(f"splits/{name}", name.encode()) for name in names])
    out = made(tmp_path / "out")
    for name in left:
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(b"left")
    unpack(archive, out, dataset=UCF, part="lists")
    assert tree(out) == {name: b"left" for name in left} | {name: name.encode() for name in names}
    assert {path.name for path in tmp_path.iterdir()} == {"x.zip", "out"}
    before = tree(out)
    with pytest.raises(UserError, match="lacks"):
        unpack(zipped(tmp_path / "y.zip", [Made(names[0], b"new")]), out, dataset=UCF, part="lists")
    assert tree(out) == before


def test_own_layout(tmp_path: Path) -> None:
    """Without a data set the archive's own layout stays, and its empty folders go."""
    members = [*CLIPS, Made("readme", b"x"), Made("empty", folder=True)]
    unpack(zipped(tmp_path / "x.zip", members), tmp_path / "out")
    assert tree(tmp_path / "out") == content(*CLIPS, members[2])


def test_nothing_of_use(tmp_path: Path) -> None:
    """An archive without a clip, an empty one, and what is none or not there, are one line."""
    refused(zipped(tmp_path / "x.zip", [Made("v.txt", b"v")]), "holds no clip of UCF-101", dataset=UCF, part="videos")
    refused(zipped(tmp_path / "y.zip", []), "holds no file")
    (tmp_path / "z.zip").write_bytes(b"<html>404</html>")
    refused(tmp_path / "z.zip", "neither a zip nor a RAR; download it again")
    refused(tmp_path / "no.zip", "no such file; download")


# RAR


@pytest.mark.parametrize("make", [rar4, rar5])
def test_rar(tmp_path: Path, tool: str, make: Callable[..., Path]) -> None:
    """Each tool unpacks both versions, told by content and not by name, with HMDB-51's odd names in odd folders."""
    members = [Made("a b", folder=True), clip(f"a b/{ODD}"), Made("a b/empty"), clip("a b/ü é.avi")]
    unpack(make(tmp_path / "it's (1) x.zip", members), tmp_path / "o u't")
    assert tree(tmp_path / "o u't") == content(*members[1:])


@pytest.mark.parametrize("make", [rar4, rar5])
def test_solid_rar(tmp_path: Path, make: Callable[..., Path]) -> None:
    """What the tools that are here make of a solid archive does not matter, as long as one of them can read it."""
    need_any()
    if not any(shutil.which(tool) for tool in rar.RAR_TOOLS if tool != "bsdtar"):
        pytest.skip("no other tool than bsdtar is installed, which reads no solid archive of stored members")
    unpack(make(tmp_path / "x.rar", CLIPS, solid=True), tmp_path / "out", dataset=UCF, part="videos")
    assert tree(tmp_path / "out") == content(*CLIPS)


def test_next_tool_takes_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """bsdtar reads no solid RAR4; whichever comes next unpacks all of it."""
    need("bsdtar", "unar")
    monkeypatch.setattr(rar, "RAR_TOOLS", {tool: rar.RAR_TOOLS[tool] for tool in ("bsdtar", "unar")})
    archive = rar4(tmp_path / "x.rar", CLIPS, solid=True)
    unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == content(*CLIPS)
    monkeypatch.setattr(rar, "RAR_TOOLS", {"bsdtar": rar.RAR_TOOLS["bsdtar"]})
    refused(archive, r"bsdtar: .* another tool \(apt install unar, or conda install -c conda-forge unrar\)")


def test_half_of_a_failed_tool_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a tool left before it failed does not end up among what the next one unpacks."""
    need("unar")
    half = ["sh", "-c", 'mkdir "$1/Archery" && touch "$1/Archery/v_Archery_g09_c09.avi"; exit 3', "sh", "{folder}"]
    monkeypatch.setattr(rar, "RAR_TOOLS", {"sh": half, "unar": rar.RAR_TOOLS["unar"]})
    unpack(rar4(tmp_path / "x.rar", CLIPS), tmp_path / "out", dataset=UCF, part="videos")
    assert tree(tmp_path / "out") == content(*CLIPS)


def test_no_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a tool for RAR the line says how to install one."""
    archive = rar5(tmp_path / "x.rar", CLIPS)
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(archive, "no tool for RAR is installed; apt install unar, or conda install -c conda-forge unrar")


@pytest.mark.parametrize("inner", list(MAKERS))
@pytest.mark.parametrize("outer", list(MAKERS))
def test_archives_in_an_archive(tmp_path: Path, outer: str, inner: str) -> None:
    """As HMDB-51: one archive a class in an archive; those have a class folder, or their name is the class."""
    need_any()
    kick, wave = clip(f"kick_ball/{ODD}"), clip("no_name_of_a_class.avi")
    packed = [MAKERS[inner](tmp_path / f"{name}.rar", [one]) for name, one in (("kick_ball", kick), ("wave", wave))]
    archive = MAKERS[outer](tmp_path / "x.rar", [Made(f"top/{file.name}", file.read_bytes()) for file in packed])
    done = unpack(archive, tmp_path / "out", dataset=HMDB, part="videos")
    assert tree(tmp_path / "out") == {kick.name: kick.data, f"wave/{wave.name}": wave.data}
    assert not done.ignored and done.classes == {"kick_ball", "wave"}
    unpack(archive, tmp_path / "own")
    assert tree(tmp_path / "own") == {f"top/{kick.name}": kick.data, f"top/{wave.name}": wave.data}


def test_archives_in_an_archive_go_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is removed once it is unpacked, so that HMDB-51 does not take its place on the disk twice."""
    packed = [zipped(tmp_path / f"{name}.zip", [clip(f"{name}/a.avi")]) for name in "abc"]
    archive = zipped(tmp_path / "x.zip", [Made(file.name, file.read_bytes()) for file in packed])
    left = []
    monkeypatch.setattr(
        unpacking.os, "replace", lambda source, target: left.append(len(list(tmp_path.glob(".o*/c*/*"))))
    )
    unpacking._lay_out(archive, made(tmp_path / ".o"), made(tmp_path / "laid"), lambda found: str(found.path))
    assert left == [2, 1, 0]


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


# Hostile archives: refused by their headers, so without any tool

EVIL: dict[str, tuple[list[Made], str]] = {
    "..": ([*CLIPS, clip("../evil.avi")], "would leave the folder"),
    ".. within": ([*CLIPS, clip("a/../../evil.avi")], "would leave the folder"),
    "absolute": ([*CLIPS, clip("/tmp/evil.avi")], "would leave the folder"),
    "drive": ([*CLIPS, clip("C:evil.avi")], "would leave the folder"),
    "control character": ([*CLIPS, clip("a\nb.avi")], "would leave the folder"),
    "link": ([*CLIPS, Made("ln", link="/etc")], "is a link"),
    "through a link": ([Made("ln", link="/tmp"), clip("ln/evil.avi")], "is a link"),
    "device": ([*CLIPS, Made("dev", mode=0o060644)], "is a device"),
    "encrypted": ([*CLIPS, clip("e.avi", encrypted=True)], "is encrypted"),
    "twice": ([*CLIPS, CLIPS[0]], "stands in it twice"),
    "twice, spelt otherwise": ([*CLIPS, Made("./" + CLIPS[0].name, b"other")], "stands in it twice"),
    "file and folder": ([clip("a"), clip("a/b")], "is both a file and a folder"),
    "long name": ([clip("a" * 256)], "no name that a file can have"),
    "too large": ([clip("a.avi", size=0xFFFFFFF0)], "would unpack to 4.29 GB, all in all more than 100 times"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", list(EVIL))
@pytest.mark.parametrize("maker", list(MAKERS))
def test_hostile(tmp_path: Path, maker: str, case: str) -> None:
    """Such an archive is refused as a whole before anything is written, also within another archive."""
    members, reason = EVIL[case]
    reason += ".*; do not trust this archive"
    archive = MAKERS[maker](tmp_path / "x.archive", members)
    refused(archive, reason)
    refused(zipped(tmp_path / "outer.zip", [*CLIPS, Made("in", archive.read_bytes())]), f"outer.zip: in: .*{reason}")


def test_hostile_zip(tmp_path: Path) -> None:
    """A backslash separates folders in a RAR, but in a zip only to Windows; and no name goes on after a null byte."""
    refused(zipped(tmp_path / "x.zip", [clip("..\\evil.avi")]), "would leave the folder")
    archive = zipped(tmp_path / "y.zip", [clip("a.avi~.txt")])
    archive.write_bytes(archive.read_bytes().replace(b"a.avi~", b"a.avi\0"))
    refused(archive, "would leave the folder")


@pytest.mark.parametrize("other", ["../evil.avi", "{}/evil.avi", "folder/", "b.avi"])
@pytest.mark.parametrize("folder", [False, True])
def test_second_name_in_a_zip(tmp_path: Path, other: str, folder: bool) -> None:
    """The name that was checked counts, not the one of the Unicode path field, which Python 3.12 and later read."""
    out = made(tmp_path / "in") / "out"
    archive = zipped(
        tmp_path / "x.zip", [clip("a.avi"), Made("c", folder=folder, second_name=other.format(tmp_path)), clip("b.avi")]
    )
    unpack(archive, out)
    assert tree(out) == content(clip("a.avi"), clip("b.avi")) | ({} if folder else {"c": b""})
    assert {path.name for path in [*tmp_path.iterdir(), *out.parent.iterdir()]} == {"x.zip", "in", "out"}


@pytest.mark.parametrize("make", [rar4, rar5])
def test_hostile_rar(tmp_path: Path, make: Callable[..., Path]) -> None:
    """Encrypted headers, and one volume of several, are told before a tool asks for what is missing."""
    refused(make(tmp_path / "x.rar", CLIPS, locked=True), "is encrypted")
    refused(make(tmp_path / "y.rar", CLIPS, volume=True), "one of several volumes")


def test_hard_link(tmp_path: Path) -> None:
    """RAR5 knows hard links, which a tool would follow."""
    refused(rar5(tmp_path / "x.rar", [*CLIPS, Made("hl", hard_link="/etc/passwd")]), "is a link")


def test_larger_than_a_terabyte(tmp_path: Path) -> None:
    """Sizes beyond 32 bits are read as such."""
    for make in (rar4, rar5):
        refused(make(tmp_path / "x.rar", [clip("a.avi", size=1 << 42)]), "would unpack to 4.40 TB")


def test_bomb(tmp_path: Path) -> None:
    """Zeros pack a thousandfold: refused, also spread over archives in an archive each of which is small enough."""
    refused(zipped(tmp_path / "x.zip", [Made("a.avi", bytes(20 << 20))]), "more than 100 times")
    small = [zipped(tmp_path / f"{i}.zip", [Made(f"{i}.avi", bytes(6 << 20))]) for i in range(3)]
    archive = zipped(tmp_path / "y.zip", [Made(one.name, one.read_bytes()) for one in small])
    refused(archive, "y.zip: 2.zip: would unpack to 6.29 MB, all in all more than 100 times")


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that does not fit on the disk is refused before it fills it."""
    monkeypatch.setattr(unpacking, "MARGIN", shutil.disk_usage(tmp_path).total)
    refused(zipped(tmp_path / "x.zip", CLIPS), r"unpacks to \S+ kB, and \S+ [GT]B are free in .*; make room")


def test_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone else may fill the disk meanwhile: a line, and nothing stays."""

    def full(path: Path, mode: str) -> object:
        return open("/dev/full", mode, buffering=0) if mode == "wb" else open(path, mode)

    monkeypatch.setattr(unpacking, "open", full, raising=False)
    with pytest.raises(UserError, match="out: the disk is full; make room"):
        unpack(zipped(tmp_path / "x.zip", CLIPS), tmp_path / "out")
    assert set(tree(tmp_path)) == {"x.zip"}


# Tools that misbehave


def fake(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(rar, "RAR_TOOLS", {"sh": ["sh", "-c", script, "sh", "{folder}"]})


def test_tool_that_writes_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that writes more than the archive announces is stopped while it does so."""
    monkeypatch.setattr(rar, "SLACK", 100_000)
    fake(monkeypatch, 'i=0; while [ $i -lt 9000 ]; do i=$((i+1)); head -c 50000 /dev/zero > "$1/$i"; done')
    start = time.monotonic()
    refused(rar4(tmp_path / "x.rar", CLIPS), "more comes out than it announces")
    assert time.monotonic() - start < 5


def test_tool_that_writes_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file grows beyond the largest that is announced, also between two looks at the folder."""
    monkeypatch.setattr(rar, "SLACK", 100_000)
    monkeypatch.setattr(rar, "_measure", lambda folder: (0, 0))
    fake(monkeypatch, 'exec dd if=/dev/zero of="$1/a" bs=50k count=20')
    refused(rar4(tmp_path / "x.rar", CLIPS), "more comes out than it announces")


def test_tool_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that waits for ever is stopped, and the next takes over."""
    monkeypatch.setattr(rar, "STALL", 0.3)
    fake(monkeypatch, "exec sleep 60")
    refused(rar4(tmp_path / "x.rar", CLIPS), r"sh: wrote nothing for 0\.3 s and was stopped")


def test_tool_that_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that asks a question waits for nobody's answer; what it said first is in the line."""
    fake(monkeypatch, "echo overwrite?; echo x >&2; read answer && sleep 60; exit 4")
    monkeypatch.setattr(rar, "STALL", 2.0)
    reader, writer = os.pipe()
    ours = os.dup(0)
    os.dup2(reader, 0)
    try:
        os.write(writer, b"yes\n")
        refused(rar4(tmp_path / "x.rar", CLIPS), r"\(sh: overwrite\?\)")
    finally:
        os.dup2(ours, 0)
        for number in (ours, reader, writer):
            os.close(number)


def test_tool_that_leaves_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that the headers did not show is found in what came out."""
    fake(monkeypatch, 'ln -s /etc "$1/v_Archery_g01_c01.avi"')
    refused(rar4(tmp_path / "x.rar", [Made("v_Archery_g01_c01.avi")]), "which is no file")


# Damage


@pytest.mark.parametrize("make", [rar4, rar5])
@pytest.mark.parametrize("wrong", [{"crc": 1}, {"size": 2000}, {"size": 1000}], ids=["checksum", "short", "long"])
def test_damaged_rar(tmp_path: Path, tool: str, make: Callable[..., Path], wrong: dict[str, int]) -> None:
    """Bytes that do not fit the checksum or the size are not taken, even where the tool itself (bsdtar) takes them."""
    refused(
        make(tmp_path / "x.rar", [CLIPS[0], clip("v_Archery_g01_c02.avi", **wrong)]), rf"does not unpack \({tool}: "
    )


@pytest.mark.parametrize("wrong", [{"crc": 1}, {"size": 5000}, {"size": 1000}], ids=["checksum", "short", "long"])
def test_damaged_zip(tmp_path: Path, wrong: dict[str, int]) -> None:
    """The same for zip."""
    refused(zipped(tmp_path / "x.zip", [CLIPS[0], clip("b.avi", **wrong)]), r"does not unpack \(b\.avi: .*download it")


@pytest.mark.parametrize("maker", list(MAKERS))
def test_broken_off(tmp_path: Path, maker: str) -> None:
    """An archive that ends early, in a header or in data, never passes for a whole one."""
    if maker != "zip":
        need_any()
    whole = MAKERS[maker](tmp_path / "whole", CLIPS).read_bytes()
    closing = {"zip": 0, "rar4": 7, "rar5": 8}[maker]  # a RAR without its closing block still has all members
    for length in [*range(0, 120, 17), *range(120, len(whole) - closing, 431), len(whole) - closing - 1]:
        (tmp_path / "x").write_bytes(whole[:length])
        refused(tmp_path / "x", "does not unpack|neither a zip nor a RAR|holds no file|several volumes")


# Kills, leftovers, two at once


def start(archive: Path, output: Path, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), "--archive", str(archive), "--output", str(output)]
    command += ["--dataset", "ucf101", "--part", "videos"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**ENVIRONMENT, **environment})


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A zip that takes about half a second."""
    data = os.urandom(1 << 16)
    clips = [Made(f"UCF/v_Archery_g{g:02d}_c{c:02d}.avi", data + bytes([g, c])) for g in range(20) for c in range(15)]
    path = zipped(tmp_path_factory.mktemp("large") / "x.zip", clips)
    return path, {f"Archery/{clip.name[4:]}": clip.data for clip in clips}


@pytest.mark.parametrize("moment", [0, 1, 60, 150, 299, "laid_out"])
def test_killed(tmp_path: Path, large: tuple[Path, dict[str, bytes]], moment: int | str) -> None:
    """kill -9 at any moment leaves no output, and the next run ends right and leaves nothing else."""
    archive, expected = large
    output, work = tmp_path / "out", tmp_path / ".out.part"

    def reached() -> bool:
        if moment == "laid_out":
            return len(list(work.glob("*/laid_out/*/*"))) > 20
        return work.exists() and len(list(work.glob("*/content/*/*"))) >= int(moment)

    for _ in range(20):  # on a busy machine it may be done before it is killed
        process = start(archive, output)
        wait_for(lambda process=process: reached() or process.poll() is not None)
        process.kill()
        process.communicate()
        if not output.exists():
            break
        assert tree(output) == expected
        shutil.rmtree(output)
    assert process.returncode == -signal.SIGKILL and work.exists()
    again = start(archive, output)
    _, said = again.communicate()
    assert again.returncode == 0, said
    assert tree(output) == expected and [path.name for path in tmp_path.iterdir()] == ["out"]


def test_killed_with_its_tool(tmp_path: Path) -> None:
    """The tool for RAR dies with the process that is killed, and does not write on into what the next run makes."""
    need("unar")
    (tmp_path / "bin").mkdir()
    unrar = tmp_path / "bin" / "unrar"
    unrar.write_text(
        f'#!/bin/sh\necho $$ > "{tmp_path}/pid.part"; mv "{tmp_path}/pid.part" "{tmp_path}/pid"; exec sleep 60'
    )
    unrar.chmod(0o755)
    archive = rar4(tmp_path / "x.rar", CLIPS)
    process = start(archive, tmp_path / "out", PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    wait_for((tmp_path / "pid").exists)
    process.kill()
    process.communicate()
    state = Path("/proc") / (tmp_path / "pid").read_text().strip() / "stat"
    wait_for(lambda: not state.exists() or state.read_text().split()[2] == "Z")
    again = start(archive, tmp_path / "out")
    assert again.communicate() and again.returncode == 0
    assert tree(tmp_path / "out") == content(*CLIPS) and not (tmp_path / ".out.part").exists()


def test_leftovers_that_cannot_be_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another program holds open comes back on NFS under such a name; it stands in nobody's way."""
    work = made(tmp_path / ".out.part")
    left = [work / ".nfs0001", work / "content" / ".nfs0002", work / "laid_out" / ".nfs0003"]
    for file in [*left, work / "file", work / "content" / "old.avi"]:
        file.parent.mkdir(exist_ok=True)
        file.touch()
    (work / "link").symlink_to(made(tmp_path / "elsewhere"))
    unlink = os.unlink

    def busy(path: str | Path, **more: int) -> None:
        if Path(path).name.startswith(".nfs"):
            raise OSError(errno.EBUSY, "Device or resource busy")
        unlink(path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", busy)
        unpack(zipped(tmp_path / "x.zip", CLIPS), tmp_path / "out")
    assert tree(tmp_path / "out") == content(*CLIPS)
    assert {path for path in work.rglob("*") if not path.is_dir()} == set(left)
    unpack(tmp_path / "x.zip", tmp_path / "2")
    shutil.rmtree(tmp_path / "out")
    unpack(tmp_path / "x.zip", tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "out", "2", "x.zip"}


def test_leftover_file(tmp_path: Path) -> None:
    """A file left where the work is done goes."""
    (made(tmp_path / ".out.part") / ".nfs0001").touch()
    unpack(zipped(tmp_path / "x.zip", CLIPS), tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"out", "x.zip"}


def test_two_at_once(tmp_path: Path) -> None:
    """A second process on the same folder stops, and leaves what the first has so far alone."""
    (tmp_path / ".out.part" / "content").mkdir(parents=True)
    with open(tmp_path / ".out.part" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="out: another process is unpacking to it"):
            unpack(zipped(tmp_path / "x.zip", CLIPS), tmp_path / "out")
        assert (tmp_path / ".out.part" / "content").exists()


def test_filled_output_is_left_alone(tmp_path: Path) -> None:
    """A folder with content is never mixed with the archive's; an empty one is taken, also through a link."""
    archive = zipped(tmp_path / "x.zip", CLIPS)
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to("disk")
    unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "disk") == content(*CLIPS) and (tmp_path / "out").is_symlink()
    with pytest.raises(UserError, match="is there already"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("how", WAYS)
def test_folder_that_cannot_be_written_to(tmp_path: Path, how: str) -> None:
    """It is named, with what to do, in one line."""
    archive, bad = zipped(tmp_path / "x.zip", CLIPS), tmp_path / "bad"
    close(bad, how)
    with pytest.raises(UserError, match=r"bad/x: cannot be written to \(.*\); .* name another one$"):
        unpack(archive, bad / "x" / "out")


# Any archive at all

harmless = ["a", "a", "B", "c", "x.avi", "ü", " ", "-", "*", "~", "'", "/", "/", "/"]
part_of_a_name = st.sampled_from([*harmless, "..", ".", "\\", ":", "\n"])
names = st.lists(st.lists(part_of_a_name, min_size=1, max_size=7).map("".join), min_size=1, max_size=4)
lenient = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], Path]:
    """A new folder for each example of hypothesis."""
    numbers: Iterator[int] = iter(range(10**6))
    return lambda: made(tmp_path / str(next(numbers)))


def stays_inside(maker: str, folder: Path, found: list[str]) -> None:
    members = [Made(name, name.encode()) for name in found]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, of duplicates
        archive = MAKERS[maker](folder / "x.archive", members)
    try:
        done = unpack(archive, folder / "in" / "out")
    except UserError:
        assert [path.name for path in folder.rglob("*") if path.is_file()] == ["x.archive"]
        return
    outside = [path for path in folder.rglob("*") if path.is_file() and folder / "in" / "out" not in path.parents]
    assert [path.name for path in outside] == ["x.archive"]
    assert sorted(tree(folder / "in" / "out").values()) == sorted(member.data for member in members)
    assert len(done.files) == len(members)


@settings(max_examples=200, **lenient)  # type: ignore[arg-type]
@given(found=names)
def test_any_names_in_a_zip(fresh: Callable[[], Path], found: list[str]) -> None:
    """Whatever the members are called: the archive is refused, or all of it lies inside the folder."""
    stays_inside("zip", fresh(), [name for name in found if not name.endswith("/")])


@pytest.mark.parametrize("maker", ["rar4", "rar5"])
@settings(max_examples=30, **lenient)  # type: ignore[arg-type]
@given(found=names)
def test_any_names_in_a_rar(fresh: Callable[[], Path], maker: str, found: list[str]) -> None:
    """The same with the tools for RAR."""
    need_any()
    stays_inside(maker, fresh(), [name for name in found if not name.endswith(("/", "\\"))])


@pytest.mark.parametrize("maker", list(MAKERS))
@settings(max_examples=150, **lenient)  # type: ignore[arg-type]
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), data=st.data())
def test_any_wrong_byte(fresh: Callable[[], Path], maker: str, place: float, byte: int, data: st.DataObject) -> None:
    """A wrong byte anywhere is refused in one line or changes no content; never is it a traceback."""
    archive = MAKERS[maker](fresh() / "x", [Made("a/b.avi", b"content" * 5), Made("c.avi", b"other")])
    content = bytearray(archive.read_bytes())
    content[int(place * len(content))] = byte
    archive.write_bytes(content)
    try:
        if maker != "zip":  # the tools' turn comes in the tests above
            archives.members(archive)
            return
        unpack(archive, archive.parent / "out")
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert set(tree(archive.parent / "out").values()) <= {b"content" * 5, b"other"}


# The command


def test_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """While it works it says how far it is, at the end with all files and without a colon too many."""
    monkeypatch.setattr(progress, "SECONDS", 0)
    unpack(zipped(tmp_path / "x.zip", [*CLIPS, Made("folder", folder=True), Made("empty")]), tmp_path / "out")
    *lines, last = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"x\.zip: 3 of 3 files: \S+ of \S+B \(100%\), .*", last)
    assert any(line.startswith("x.zip: 1 of 3 files: ") for line in lines)
    assert not any(": :" in line for line in lines)


def test_progress_of_a_rar(
    tmp_path: Path, tool: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same for a tool, which may be done before anyone looks."""
    monkeypatch.setattr(progress, "SECONDS", 0)
    unpack(rar5(tmp_path / "x.rar", CLIPS), tmp_path / "out")
    assert re.fullmatch(r"x\.rar: 2 of 2 files: \S+ of \S+B \(100%\), .*", capsys.readouterr().err.splitlines()[-1])


def test_command(tmp_path: Path) -> None:
    """The script says how many clips and classes came out, and what was ignored; a refusal is one line."""
    archive = zipped(tmp_path / "x.zip", [*CLIPS, *(Made(f"{i}.txt") for i in range(5))])
    options = ["--archive", str(archive), "--output", str(tmp_path / "out")]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(SCRIPT), *options, *more], capture_output=True, text=True, env=ENVIRONMENT
        )

    assert run("--part", "videos").stderr == "error: --dataset and --part: give both or neither\n"
    done = run("--dataset", "ucf101", "--part", "videos")
    others = "5 other files in the archive are ignored (0.txt, 1.txt, 2.txt, ...)"
    assert done.stdout == f"{tmp_path / 'out'}: 2 clips of 2 classes; {others}\n"
    again = run("--dataset", "ucf101", "--part", "videos")
    assert again.returncode == 1 and again.stderr.count("\n") == 1 and "is there already" in again.stderr


def test_command_removes_the_part(tmp_path: Path) -> None:
    """The part that the download left goes when its archive is unpacked, no sooner; no file put there by hand does."""
    part, archive, out = tmp_path / "x.zip.part", tmp_path / "videos.archive", tmp_path / "out"
    by_hand, other = tmp_path / "UCF101.zip", tmp_path / "other.part"
    zipped(part, CLIPS)
    for second in (archive, by_hand):
        os.link(part, second)
    shutil.copyfile(part, other)
    made(out / "").joinpath("mine").touch()
    words = [sys.executable, str(SCRIPT), "--archive", str(archive), "--output", str(out)]
    assert subprocess.run(words, capture_output=True, env=ENVIRONMENT).returncode == 1 and part.exists()
    shutil.rmtree(out)
    subprocess.run(words, check=True, env=ENVIRONMENT)
    assert {path.name for path in tmp_path.iterdir()} == {by_hand.name, other.name, archive.name, "out"}
    words = [sys.executable, str(SCRIPT), "--archive", str(other), "--output", str(tmp_path / "2")]
    subprocess.run(words, check=True, env=ENVIRONMENT)
    assert other.exists()


def test_magic() -> None:
    """The makers' RAR4 starts as UCF101.rar does."""
    assert RAR4 == b"Rar!\x1a\x07\x00" and archives.MAGIC[RAR4] == "rar"
