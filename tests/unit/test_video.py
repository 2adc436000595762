"""Every n-th frame is the one that a sequential decode gives, also with B-frames; damaged clips are refused."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_clips import FPS, HEIGHT, VOP, WIDTH, number_of, painted, write_avi

from recurrent_residual.errors import UserError
from recurrent_residual.video import DamagedClip, _frames, decode_every

KINDS = {"plain": {}, "b_frames": {"b_frames": True}, "packed": {"packed": True}}


def kinds_of_frames(path: Path) -> set[str]:
    with av.open(str(path)) as container:
        return {av.video.frame.PictureType(frame.pict_type).name for frame in container.decode(video=0)}


def packets_with_two_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(bytes(packet).count(VOP) > 1 for packet in container.demux(video=0))


def test_painted_numbers_can_be_read() -> None:
    """The tests below rest on this: a frame says which one it is."""
    assert [number_of(painted(number)) for number in range(256)] == list(range(256))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [1, 2, 10, 11, 41, 100])
def test_every_tenth_frame_is_the_right_one(tmp_path: Path, kind: str, frames: int) -> None:
    """Frames 0, 10, 20, ... come out, none beside them, and the count is the number that was painted."""
    path = write_avi(tmp_path / "clip.avi", frames, **KINDS[kind])
    decoded = decode_every(path, 10, number_of)
    assert decoded.kept == list(range(0, frames, 10))
    assert decoded.frames == frames
    assert (decoded.width, decoded.height, decoded.fps) == (WIDTH, HEIGHT, FPS)


def sequential(path: Path) -> list[np.ndarray]:
    """All frames as PyAV decodes them one after the other, every packet as it lies in the file."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("every", [1, 2, 3, 7, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_sampling_equals_sequential_decode(tmp_path: Path, kind: str, every: int) -> None:
    """Pixel by pixel, frame i of a sample is frame i * every of a plain decode, though B-frames are skipped."""
    path = write_avi(tmp_path / "clip.avi", 50, **KINDS[kind])
    whole = sequential(path)
    decoded = decode_every(path, every, np.copy)
    assert decoded.frames == len(whole) == 50
    assert np.array_equal(decoded.kept, whole[::every])


@pytest.mark.parametrize("kind", ["b_frames", "packed"])
def test_unwanted_b_frames_are_skipped(tmp_path: Path, kind: str) -> None:
    """Half of these clips' frames are B-frames; all but the wanted ones are counted without being decoded."""
    path = write_avi(tmp_path / "clip.avi", 51, **KINDS[kind])
    with av.open(str(path)) as container:
        frames = list(_frames(container, container.streams.video[0], 10))
    assert len(frames) == 51 and frames.count(None) >= 20


@pytest.mark.parametrize("codec, pixels", [("mjpeg", "yuvj420p"), ("msmpeg4v3", "yuv420p"), ("mpeg2video", "yuv420p")])
def test_other_codecs(tmp_path: Path, codec: str, pixels: str) -> None:
    """One's own clips need not be MPEG-4: any codec that ffmpeg knows decodes the same way."""
    path = write_avi(tmp_path / "clip.avi", 41, codec=codec, pixels=pixels)
    decoded = decode_every(path, 10, number_of)
    assert (decoded.kept, decoded.frames) == ([0, 10, 20, 30, 40], 41)


def test_the_clips_are_what_they_claim(tmp_path: Path) -> None:
    """The B-frame clip has B-frames, and two frames share a packet in the packed one, or the tests above are void."""
    plain, b_frames, packed = (write_avi(tmp_path / kind / "c.avi", 30, **KINDS[kind]) for kind in KINDS)
    assert "B" not in kinds_of_frames(plain)
    assert "B" in kinds_of_frames(b_frames) and packets_with_two_frames(b_frames) == 0
    assert "B" in kinds_of_frames(packed) and packets_with_two_frames(packed) >= 10


def test_header_that_announces_more_frames(tmp_path: Path) -> None:
    """The count is what decodes: a header that says otherwise (Basketball g16 of UCF-101) changes nothing."""
    path = write_avi(tmp_path / "clip.avi", 20)
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"avih", 24), (b"strh", 40)):  # dwTotalFrames, dwLength
        place = content.find(mark) + offset
        assert int.from_bytes(content[place : place + 4], "little") == 20
        content[place : place + 4] = (29).to_bytes(4, "little")
    path.write_bytes(content)
    assert decode_every(path, 10, number_of).kept == [0, 10]
    assert decode_every(path, 10, number_of).frames == 20


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_clip_that_breaks_off(tmp_path: Path, share: float) -> None:
    """A clip cut short is refused wherever it breaks off: most cuts decode without a complaint, only shorter."""
    path = write_avi(tmp_path / "clip.avi", 40)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DamagedClip, match=r"clip\.avi: "):
        decode_every(path, 10, number_of)


def damage(path: Path, number: int) -> None:
    """Overwrite the frame `number` with nonsense that no decoder takes, leaving the container whole."""
    with av.open(str(path)) as container:
        content = bytes([p for p in container.demux(video=0) if p.size][number])
    whole = path.read_bytes()
    assert whole.count(content) == 1
    path.write_bytes(whole.replace(content, b"\xff" * len(content)))


def test_damage_in_the_middle(tmp_path: Path) -> None:
    """A frame in the middle that does not decode would shift all that follow: the clip is refused."""
    path = write_avi(tmp_path / "clip.avi", 40)
    damage(path, 15)
    with pytest.raises(DamagedClip, match=r"clip\.avi: does not decode after 1\d frames"):
        decode_every(path, 10, number_of)


def test_damage_at_the_very_end(tmp_path: Path) -> None:
    """An invalid last packet is passed over, as ffmpeg and OpenCV do: nothing follows that it could shift."""
    path = write_avi(tmp_path / "clip.avi", 40)
    damage(path, 39)
    decoded = decode_every(path, 10, number_of)
    assert (decoded.kept, decoded.frames) == ([0, 10, 20, 30], 39)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
@pytest.mark.parametrize("kind", KINDS)
def test_streamed(tmp_path: Path, kind: str, size: int) -> None:
    """A writer that could not go back leaves no sizes in the headers and no index; all frames are there anyway."""
    path = write_avi(tmp_path / "clip.avi", 41, **KINDS[kind])
    content = path.read_bytes()
    movi = content.index(b"movi")
    sizeless = size.to_bytes(4, "little")
    path.write_bytes(b"RIFF" + sizeless + content[8 : movi - 4] + sizeless + content[movi : content.index(b"idx1")])
    decoded = decode_every(path, 10, number_of)
    assert (decoded.kept, decoded.frames) == ([0, 10, 20, 30, 40], 41)


def test_title_in_another_encoding(tmp_path: Path) -> None:
    """What a writer says of itself may be in Latin-1: no reason to refuse the frames."""
    path = write_avi(tmp_path / "clip.avi", 11)
    content = path.read_bytes()
    assert content.count(b"Lavf") == 1
    path.write_bytes(content.replace(b"Lavf", "Caf\xe9".encode("latin-1")))
    assert decode_every(path, 10, number_of).kept == [0, 10]


def write_sound(path: Path) -> None:
    with av.open(str(path), "w", format="avi") as container:
        sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(sound.encode(frame))


def test_no_clip_at_all(tmp_path: Path) -> None:
    """An empty file, text, sound only, no frame, an unknown codec, a folder: the problem is told in one line."""
    (tmp_path / "empty.avi").touch()
    (tmp_path / "text.avi").write_text("this is no video\n" * 100)
    (tmp_path / "folder.avi").mkdir()
    write_sound(tmp_path / "sound.avi")
    damage(write_avi(tmp_path / "frameless.avi", 1), 0)
    unknown = write_avi(tmp_path / "unknown.avi", 5)
    unknown.write_bytes(unknown.read_bytes().replace(b"FMP4", b"?!?!"))
    for name, problem in {
        "empty": "is empty",
        "text": "does not decode after 0 frames (Invalid data found when processing input)",
        "folder": "Is a directory",
        "sound": "has no video stream",
        "frameless": "holds no frame that decodes",
        "unknown": "has a video stream of an unknown codec",
    }.items():
        with pytest.raises(DamagedClip) as error:
            decode_every(tmp_path / f"{name}.avi", 10, number_of)
        assert error.value.problem == problem
        assert str(error.value) == f"{tmp_path}/{name}.avi: {problem}; replace the file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads any file")
def test_unreadable_file(tmp_path: Path) -> None:
    """A file without permission to read is no damaged clip: leaving out damaged ones must not leave it out as well."""
    path = write_avi(tmp_path / "clip.avi", 5)
    path.chmod(0)
    with pytest.raises(UserError, match=r"clip\.avi: Permission denied") as error:
        decode_every(path, 10, number_of)
    assert not isinstance(error.value, DamagedClip)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A disk or a server that fails says nothing of the clip: `drop` must not take it for damaged."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    path = write_avi(tmp_path / "clip.avi", 5)
    monkeypatch.setattr(av, "open", fail)
    with pytest.raises(UserError, match=os.strerror(number)) as error:
        decode_every(path, 10, number_of)
    assert not isinstance(error.value, DamagedClip)


def test_picture_named_as_clip(tmp_path: Path) -> None:
    """ffmpeg takes a picture for a video of one frame; it is none."""
    path = tmp_path / "clip.avi"
    with av.open(path, "w", format="image2") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "rgb24"
        container.mux(stream.encode(av.VideoFrame(32, 24, "rgb24")))
        container.mux(stream.encode())
    with pytest.raises(DamagedClip, match="is a picture, no video"):
        decode_every(path, 10, np.copy)


def test_absent_file(tmp_path: Path) -> None:
    """A file that is not there is no damaged clip: leaving out damaged ones must not leave it out as well."""
    with pytest.raises(UserError, match=r"absent\.avi: No such file") as error:
        decode_every(tmp_path / "absent.avi", 10, number_of)
    assert not isinstance(error.value, DamagedClip)


@given(problem=st.text(), folder=st.text(st.characters(exclude_characters="\0/"), min_size=1))
def test_a_problem_fits_into_a_table(problem: str, folder: str) -> None:
    """Whatever a decoder says, it is one line without tabs, and without the folders of this machine."""
    path = Path("/home") / folder / "clip.avi"
    text = DamagedClip(path, f"{path}\t{problem}\r\n").problem
    assert text == " ".join(text.split()) and not text.startswith("/home/")


REAL = pytest.mark.skipif("UCF101_VIDEOS" not in os.environ, reason="UCF101_VIDEOS names no folder of real clips")


def real_clips() -> list[Path]:
    """Up to 84 real clips with two frames in a packet, and up to 84 others."""
    clips = sorted(Path(os.environ["UCF101_VIDEOS"]).rglob("*.avi"))
    assert clips, "UCF101_VIDEOS holds no clip"
    packed = [clip for clip in clips if packets_with_two_frames(clip)]
    return packed[:84] + [clip for clip in clips if clip not in packed][:84]


def check_equal(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> None:
    """The same number of frames, each pixel equal but for the rounding of another build's colour conversion."""
    assert len(ours) == len(theirs)
    assert np.abs(np.array(ours).astype(int) - np.array(theirs)).max() <= 2


@REAL
def test_real_clips_against_opencv() -> None:
    """OpenCV and PyAV reading frame after frame give the same count and pixels."""
    cv2 = pytest.importorskip("cv2", reason="the comparison needs OpenCV")
    for clip in real_clips():
        capture, number, expected = cv2.VideoCapture(str(clip)), 0, []
        while True:
            there, image = capture.read()
            if not there:
                break
            if number % 10 == 0:
                expected.append(image[:, :, ::-1])
            number += 1
        decoded = decode_every(clip, 10, np.copy)
        assert decoded.frames == number
        assert np.array_equal(decoded.kept, sequential(clip)[::10])
        check_equal(decoded.kept, expected)


@REAL
def test_real_clips_against_ffmpeg() -> None:
    """The ffmpeg command selects the same frames by its own count."""
    if not shutil.which("ffmpeg"):
        pytest.skip("the comparison needs the ffmpeg command")
    select = ("-an", "-vf", "select=not(mod(n\\,10))", "-fps_mode", "passthrough")
    output = ("-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1")
    for clip in real_clips():
        decoded = decode_every(clip, 10, np.copy)
        command = ["ffmpeg", "-v", "error", "-threads", "1", "-i", str(clip), *select, *output]
        pixels = subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout
        check_equal(decoded.kept, np.frombuffer(pixels, np.uint8).reshape(-1, decoded.height, decoded.width, 3))
