"""Small real AVI files for the tests: MPEG-4, each frame painted with its own number."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, FPS = 64, 48, 25
VOP = b"\0\0\1\xb6"  # the start code of a coded frame in an MPEG-4 packet
PACKED_MARK = b"\0\0\1\xb2DivX503b1393p"  # what a stream of packed B-frames says of itself
NOT_CODED = VOP + b"\x50\x7f"  # the filler that follows a packed packet


def painted(number: int) -> np.ndarray:
    """A frame whose bars spell `number` in eight bits, dark or bright: readable after lossy coding."""
    image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for bit in range(8):
        image[:, bit * 8 : bit * 8 + 8] = 230 if number >> bit & 1 else 25
    return image


def number_of(image: np.ndarray) -> int:
    """The number that `painted` wrote."""
    bars = np.asarray(image, float).mean(axis=(0, 2)).reshape(8, WIDTH // 8).mean(axis=1)
    return sum(1 << bit for bit in range(8) if bars[bit] > 128)


def write_avi(
    path: Path,
    frames: int,
    *,
    b_frames: bool = False,
    packed: bool = False,
    codec: str = "mpeg4",
    pixels: str = "yuv420p",
) -> Path:
    """Write a clip of `frames` frames; `packed` puts a P- and the B-frame before it into one packet, as XviD does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    b_frames = b_frames or packed
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        stream.codec_context.options = {"bf": "1" if b_frames else "0", "b_strategy": "0", "q:v": "2"}
        if b_frames:
            stream.codec_context.max_b_frames = 1
        packets: list[av.Packet] = []
        for number in range(frames):
            packets += stream.encode(av.VideoFrame.from_ndarray(painted(number), format="rgb24"))
        packets += stream.encode(None)
        if codec != "mpeg4":
            container.mux(packets)
            return path
        contents = pack([bytes(packet) for packet in packets]) if packed else [bytes(packet) for packet in packets]
        for number, content in enumerate(contents):
            packet = av.Packet(content)
            packet.stream, packet.time_base = stream, Fraction(1, FPS)
            packet.pts = packet.dts = number
            packet.is_keyframe = content[content.find(VOP) + 4] >> 6 == 0
            container.mux(packet)
    return path


def pack(contents: list[bytes]) -> list[bytes]:
    """I P B P B (order of decoding) becomes I PB - PB -, with the mark in front of the first frame."""
    packed = []
    for content in contents:
        if content[content.find(VOP) + 4] >> 6 == 2 and packed:
            packed[-1] += content
            packed.append(NOT_CODED)
        else:
            packed.append(content)
    first = packed[0].find(VOP)
    return [packed[0][:first] + PACKED_MARK + packed[0][first:], *packed[1:]]
