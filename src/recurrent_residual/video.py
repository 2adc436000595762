"""Every n-th frame of a clip, exactly: the frames that a sequential decode gives, and the number it really holds.

Frames are counted by decoding to the end, because headers announce frames that are not there (UCF-101's
Basketball g16), and never by seeking or by time stamps: AVI has none, and half of UCF-101 carries B-frames packed two
to a packet, on which readers that trust them return a neighbouring frame (torchcodec#1363).
"""

from __future__ import annotations

import errno
import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.stream import Discard
from av.video.reformatter import VideoReformatter

from recurrent_residual.errors import UserError

Kept = TypeVar("Kept")
FRAME_START = b"\0\0\1\xb6"  # ISO/IEC 14496-2, vop_start_code
LARGEST_FILLER = 19  # bytes: a packet up to this size may be a frame that is "not coded", as ffmpeg holds too
STREAMED = (0, 0xFFFFFFFF)  # RIFF's size as a writer leaves it that could not go back to the file's beginning
# What damaged content makes of the system's errors; all others (no such file, no permission, a server that is gone) say
# nothing of the clip. Damage mostly has a number of FFmpeg's own. Told by 1,500 clips with random damage.
DAMAGE = (errno.EINVAL, errno.EISDIR, errno.ENOMEM)


class DamagedClip(UserError):
    """A clip that is there and does not decode. `problem` says what is wrong: one line, without the file's name."""

    def __init__(self, path: Path, problem: str) -> None:
        self.problem = " ".join(problem.replace(str(path), path.name).split())
        super().__init__(f"{path}: {self.problem}; replace the file")


@dataclass(frozen=True)
class Decoded(Generic[Kept]):
    """What `decode_every` found: `kept[i]` was made of frame `i * every`; `frames` counts all that decode, `announced`
    is what the header says (0: nothing)."""

    kept: list[Kept]
    frames: int
    width: int
    height: int
    fps: float
    announced: int


def decode_every(path: str | Path, every: int, keep: Callable[[np.ndarray], Kept]) -> Decoded[Kept]:
    """Decode the clip at `path` to its end; call `keep` with frames 0, every, 2 * every, ... (uint8 RGB, (H, W, 3)).

    `keep` says what to retain of a frame, for instance its JPEG, so that a long clip need not fit into memory.
    Raises `DamagedClip` when the file does not open, is cut short, has no video stream or no frame, or has a packet
    that does not decode before its last one; `UserError` naming the file when it is not there.
    """
    path = Path(path)
    kept: list[Kept] = []
    count = 0
    reformatter = VideoReformatter()  # one for all: a frame by itself makes its own each time
    _refuse_cut_short(path)
    try:
        with av.open(str(path), metadata_errors="replace") as container:  # titles are in any encoding
            if not container.streams.video:
                raise DamagedClip(path, "has no video stream")
            if container.format.name.endswith("_pipe") or container.format.name == "image2":
                raise DamagedClip(path, "is a picture, no video")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise DamagedClip(path, "has a video stream of an unknown codec")
            stream.codec_context.thread_count = 1  # more waste time at 320 x 240; the workflow uses processes
            for other in container.streams:
                if other is not stream:
                    other.discard = Discard.all  # sound is not even read
            for frame in _frames(container, stream, every):
                if frame and count % every == 0:
                    kept.append(keep(reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()))
                count += 1
            fps = float(stream.average_rate or stream.guessed_rate or 0)
            announced = stream.frames
            width, height = stream.codec_context.width, stream.codec_context.height
    except (av.FFmpegError, OSError) as error:
        reason = error.strerror or str(error)
        if not _is_damage(error):
            raise UserError(f"{path}: {reason}; see to it and run again") from error
        raise DamagedClip(path, f"does not decode after {count} frames ({reason})") from error
    if not count:
        raise DamagedClip(path, "holds no frame that decodes")
    return Decoded(kept, count, width, height, fps, announced)


def _frames(
    container: av.container.InputContainer, stream: av.VideoStream, every: int
) -> Iterator[av.VideoFrame | None]:
    """All frames in display order; None for an unwanted B-frame, which no other frame needs and nobody decodes.

    A last packet that does not decode is passed over, as ffmpeg and OpenCV do.
    """
    decoder = stream.codec_context
    if decoder.name == "mpeg4" and decoder.has_b_frames:
        yield from _frames_but_unwanted(container, stream, every)
        return
    try:
        yield from container.decode(stream)  # its own loop over the packets: faster than one here
    except av.FFmpegError:
        if any(packet.size for packet in container.demux(stream)):
            raise
        yield from decoder.decode(None)


def _frames_but_unwanted(
    container: av.container.InputContainer, stream: av.VideoStream, every: int
) -> Iterator[av.VideoFrame | None]:
    """`_frames` of an MPEG-4 stream with B-frames."""
    decoder = stream.codec_context
    count = 0
    damage: av.FFmpegError | None = None
    for packet in _one_frame_each(container, stream):
        if not packet.size:
            continue
        if damage:
            raise damage
        # The decoder holds back one reference frame; a B-frame would come out at once, with `count` as its index.
        if count % every and _is_b_frame(packet):
            count += 1
            yield None
            continue
        try:
            decoded = decoder.decode(packet)
        except av.FFmpegError as error:
            damage = error
            continue
        count += len(decoded)
        yield from decoded
    yield from decoder.decode(None)


def _one_frame_each(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet]:
    """The packets of an MPEG-4 stream, packed B-frames taken apart by ffmpeg's own filter."""
    unpack = BitStreamFilterContext("mpeg4_unpack_bframes", stream)
    for packet in container.demux(stream):
        if packet.size:
            yield from unpack.filter(packet)
    yield from unpack.filter(None)


def _is_b_frame(packet: av.Packet) -> bool:
    """Whether an MPEG-4 packet holds a coded B-frame: the two bits after the start code of a frame tell its kind."""
    start = bytes(memoryview(packet)[:32])
    place = start.find(FRAME_START)
    return packet.size > LARGEST_FILLER and 0 <= place < len(start) - 4 and start[place + 4] >> 6 == 0b10


def _is_damage(error: OSError | av.FFmpegError) -> bool:
    return error.errno not in errno.errorcode or error.errno in DAMAGE


def _refuse_cut_short(path: Path) -> None:
    """Refuse an AVI that is shorter than it announces: a copy that broke off decodes without a complaint."""
    try:
        with open(path, "rb") as file:
            riff, size, form = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
            actual = file.seek(0, io.SEEK_END)
    except OSError as error:
        if not _is_damage(error):
            raise UserError(f"{path}: {error.strerror}; check the folder of videos") from error
        raise DamagedClip(path, error.strerror or str(error)) from error
    if not actual:
        raise DamagedClip(path, "is empty")
    if (riff, form) == (b"RIFF", b"AVI ") and size not in STREAMED and actual < size + 8:
        raise DamagedClip(path, f"cut short, {actual} of {size + 8} bytes")
