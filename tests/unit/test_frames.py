"""The tars of frames hold what the clips hold, open with standard tools, and are never half-written."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from made_clips import number_of, write_avi

from recurrent_residual import tsv
from recurrent_residual.clips import ListedClip
from recurrent_residual.errors import UserError
from recurrent_residual.extraction import extract_frames
from recurrent_residual.frames import INDEX_COLUMNS, FrameReader, _map
from recurrent_residual.video import decode_every

LENGTHS = {1: 41, 2: 50, 3: 9}


def listed(group: int) -> ListedClip:
    video = f"v_Archery_g{group:02d}_c01"
    return ListedClip(video, "Archery", 0, group, 1, f"Archery/{video}.avi", ("train", "test", "train"))


def pull(folder: Path, name: str = "Archery", quality: int = 95) -> tuple[int, int, int]:
    tar, index = folder / f"{name}.tar", folder / f"{name}.tsv"
    clips = [listed(group) for group in LENGTHS]
    return extract_frames(clips, folder / "videos", tar, index, every=10, quality=quality)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three clips of one class, one with packed B-frames, extracted."""
    for group, frames in LENGTHS.items():
        write_avi(tmp_path / "videos" / listed(group).path, frames, packed=group == 2)
    pull(tmp_path)
    return tmp_path


def test_tar_and_index(folder: Path) -> None:
    """A standard tar in the order of the clips, frames 0, 10, ... of each, and a table of what was decoded."""
    with tarfile.open(folder / "Archery.tar") as archive:
        names = archive.getnames()
    expected = [f"v_Archery_g{g:02d}_c01/{f:06d}.jpg" for g, n in LENGTHS.items() for f in range(0, n, 10)]
    assert names == expected
    rows = tsv.read(folder / "Archery.tsv", INDEX_COLUMNS)
    assert [int(row["frames"]) for row in rows] == list(LENGTHS.values())
    assert {(row["width"], row["height"], row["fps"]) for row in rows} == {("64", "48", "25.0")}


def test_same_bytes_each_time(folder: Path) -> None:
    """Extracting again changes no byte, so nothing after it is run again; the returned counts are what is there."""
    assert pull(folder, "again") == (100, 11, 0)
    assert (folder / "again.tar").read_bytes() == (folder / "Archery.tar").read_bytes()
    assert (folder / "again.tsv").read_bytes() == (folder / "Archery.tsv").read_bytes()


def test_digest(folder: Path) -> None:
    """Each clip's row has the digest of its own JPEGs in their order; another quality gives every clip another one."""
    with tarfile.open(folder / "Archery.tar") as archive:
        contents = {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]
    digests = {row["video"]: row["sha256"] for row in tsv.read(folder / "Archery.tsv", INDEX_COLUMNS)}
    for video, digest in digests.items():
        jpegs = [contents[name] for name in sorted(contents) if name.startswith(f"{video}/")]
        assert hashlib.sha256(b"".join(jpegs)).hexdigest().startswith(digest) and len(digest) == 16
    pull(folder, "other", quality=90)
    others = {row["video"]: row["sha256"] for row in tsv.read(folder / "other.tsv", INDEX_COLUMNS)}
    assert others.keys() == digests.keys() and not set(others.values()) & set(digests.values())


def test_reader_gives_the_frame_that_is_asked_for(folder: Path) -> None:
    """The painted number of each frame read, in any order, is the one asked for; the JPEG is near the decoded frame."""
    reader = FrameReader(folder)
    for group, frames in reversed(LENGTHS.items()):
        kept = decode_every(folder / "videos" / listed(group).path, 10, np.copy).kept
        for frame in reversed(range(0, frames, 10)):
            image = simplejpeg.decode_jpeg(reader.read("Archery", listed(group).video, frame))
            assert number_of(image) == frame
            assert np.abs(image.astype(int) - kept[frame // 10]).mean() < 4


def test_reader_agrees_with_tarfile(folder: Path) -> None:
    """The reader's own scan of the headers finds the members, offsets and sizes that tarfile finds."""
    with tarfile.open(folder / "Archery.tar") as archive:
        expected = {info.name: (info.offset_data, info.size) for info in archive}
    assert _map(folder / "Archery.tar")[1] == expected


def test_reader_of_a_repacked_tar(folder: Path) -> None:
    """A tar that another tool wrote, with folders and longer padding, reads the same."""
    expected = bytes(FrameReader(folder).read("Archery", "v_Archery_g02_c01", 30))
    with tarfile.open(folder / "Archery.tar") as old:
        contents = {info.name: old.extractfile(info).read() for info in old}  # type: ignore[union-attr]
    with tarfile.open(folder / "Archery.tar", "w", format=tarfile.GNU_FORMAT) as new:
        directory = tarfile.TarInfo("v_Archery_g02_c01")
        directory.type = tarfile.DIRTYPE
        new.addfile(directory)
        for name, content in sorted(contents.items(), reverse=True):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            new.addfile(info, io.BytesIO(content))
    assert bytes(FrameReader(folder).read("Archery", "v_Archery_g02_c01", 30)) == expected


def test_reader_pickled_threaded_and_forked(folder: Path) -> None:
    """Data-loader workers get the same bytes, however the reader reaches them."""
    asked = [("Archery", listed(g).video, f) for g, n in LENGTHS.items() for f in range(0, n, 10)] * 20
    expected = [bytes(FrameReader(folder).read(*one)) for one in asked]
    used = FrameReader(folder)
    used.read(*asked[0])
    copy = pickle.loads(pickle.dumps(used))
    assert [bytes(copy.read(*one)) for one in asked] == expected

    fresh, gate = FrameReader(folder), threading.Barrier(4)

    def read_all(_: int) -> list[bytes]:
        gate.wait()
        return [bytes(fresh.read(*one)) for one in asked]

    with ThreadPoolExecutor(4) as pool:
        assert all(result == expected for result in pool.map(read_all, range(4)))

    child = os.fork()
    if child == 0:
        os._exit(0 if [bytes(used.read(*one)) for one in asked] == expected else 1)
    assert os.waitpid(child, 0)[1] == 0


LONGEST = "lol_im_so_weird___'(&!)[;]+-#_" + "x" * 40 + "_chew_h_cm_np1_fr_med_0"


@pytest.mark.parametrize("video", ["v_HandStandPushups_g01_c01", LONGEST, LONGEST[:89], LONGEST[:90], "x" * 155])
def test_any_name(tmp_path: Path, video: str) -> None:
    """The name need not tell the class, may have odd characters, and may be so long that tar splits it (above 100)."""
    assert len(LONGEST) == 93
    clip = ListedClip(video, "chew", 0, 1, 1, "x.avi", ("train", "test", "train"))
    write_avi(tmp_path / clip.path, 15)
    tar = tmp_path / "chew.tar"
    extract_frames([clip], tmp_path, tar, tar.with_suffix(".tsv"), every=10, quality=95)
    reader = FrameReader(tmp_path)
    assert [number_of(simplejpeg.decode_jpeg(reader.read("chew", video, frame))) for frame in (0, 10)] == [0, 10]
    with tarfile.open(tar) as archive:
        assert list(_map(tar)[1]) == archive.getnames() == [f"{video}/000000.jpg", f"{video}/000010.jpg"]


def test_what_is_not_there(folder: Path) -> None:
    """A frame, a class or a folder that is not there is named."""
    reader = FrameReader(folder)
    with pytest.raises(UserError, match="no v_Archery_g01_c01/000005.jpg"):
        reader.read("Archery", "v_Archery_g01_c01", 5)
    with pytest.raises(UserError, match="no tar for Diving, the class of v_Diving_g01_c01"):
        reader.read("Diving", "v_Diving_g01_c01", 0)
    with pytest.raises(UserError, match="no tar of frames"):
        FrameReader(folder / "videos")


def test_truncated_tar(folder: Path) -> None:
    """A tar cut anywhere before its end mark is refused; not one cut passes."""
    path = folder / "Archery.tar"
    content = path.read_bytes()
    with tarfile.open(path) as archive:
        last = archive.getmembers()[-1]
    end = last.offset_data + -(-last.size // 512) * 512
    for cut in [0, 1, 300, 512, 700, *range(1024, end, 4999), end - 1, end]:
        path.write_bytes(content[:cut])
        with pytest.raises(UserError, match=r"Archery\.tar: "):
            FrameReader(folder).read("Archery", "v_Archery_g01_c01", 0)


def test_damaged_clips_stop_nothing(folder: Path) -> None:
    """A damaged clip has its row, which says why, and no frame; the others are as if it were not there."""
    before = tsv.read(folder / "Archery.tsv", INDEX_COLUMNS)
    (folder / "videos" / listed(1).path).write_bytes(b"")
    (folder / "videos" / listed(3).path).unlink()
    (folder / "videos" / listed(3).path).mkdir()
    assert pull(folder) == (50, 5, 2)
    after = tsv.read(folder / "Archery.tsv", INDEX_COLUMNS)
    assert [row["problem"] for row in before] == ["", "", ""] and after[1] == before[1]
    assert [list(after[at].values()) for at in (0, 2)] == [
        [listed(1).video, "0", "0", "0", "0.0", "", "0", "is empty"],
        [listed(3).video, "0", "0", "0", "0.0", "", "0", "Is a directory"],
    ]
    with tarfile.open(folder / "Archery.tar") as archive:
        assert {name.partition("/")[0] for name in archive.getnames()} == {listed(2).video}


def test_all_clips_damaged(folder: Path) -> None:
    """The tar of a class without any frame is empty, and read as such beside those of other classes."""
    pull(folder, "Other")
    for group in LENGTHS:
        (folder / "videos" / listed(group).path).write_bytes(b"")
    assert pull(folder) == (0, 0, 3)
    reader = FrameReader(folder)
    assert number_of(simplejpeg.decode_jpeg(reader.read("Other", listed(2).video, 30))) == 30
    with pytest.raises(UserError, match="no v_Archery_g02_c01/000030.jpg"):
        reader.read("Archery", listed(2).video, 30)


def test_absent_clip(folder: Path) -> None:
    """A clip that went away since it was listed is no damaged one: nothing is written, and it is named."""
    before = {path.name: path.read_bytes() for path in folder.glob("Archery.*")}
    (folder / "videos" / listed(3).path).unlink()
    for name in ("Archery", "new"):
        with pytest.raises(UserError, match=r"_g03_c01\.avi: No such file"):
            pull(folder, name)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("every, quality", [(0, 95), (-10, 95), (10, 0), (10, 101)])
def test_settings_out_of_range(tmp_path: Path, every: int, quality: int) -> None:
    """Settings that make no sense are refused before anything is read or written."""
    with pytest.raises(UserError, match="every must be 1 or more"):
        extract_frames([listed(1)], tmp_path, tmp_path / "x.tar", tmp_path / "x.tsv", every=every, quality=quality)
    assert not list(tmp_path.iterdir())


def test_guarded_reader_opens_nothing_of_other_clips(folder: Path, tmp_path: Path) -> None:
    """With `only`, any other clip is refused before its class's tar is opened, also in a worker's copy."""
    allowed = listed(next(iter(LENGTHS))).video
    whole = bytes(FrameReader(folder).read("Archery", allowed, 0))
    (tmp_path / "Archery.tar").write_bytes((folder / "Archery.tar").read_bytes())
    (tmp_path / "Bowling.tar").write_bytes(b"garbage")
    reader = FrameReader(tmp_path, only=[allowed])
    for own in (reader, pickle.loads(pickle.dumps(reader))):
        for class_name in ("Archery", "Bowling"):
            with pytest.raises(PermissionError, match="v_Archery_g99_c01: is none of the clips that this job may read"):
                own.read(class_name, "v_Archery_g99_c01", 0)
        assert not own._open
        assert bytes(own.read("Archery", allowed, 0)) == whole
