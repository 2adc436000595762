"""Frames to measure with, where no video is at hand: moving textures as JPEGs, in tars as the workflow writes them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from recurrent_residual.frames import member, sampled_frames
from recurrent_residual.manifest import Clip

WIDTH, HEIGHT = 320, 240
EVERY = 10
QUALITY = 95
# Share of the picture by the width in pixels of its random tiles, so that a JPEG has the size of UCF-101's, some 24 kB.
TEXTURE = {1: 0.02, 4: 0.13, 16: 0.25, 80: 0.6}
MARGIN = 96  # pixels of the texture round the frame's place, into which it moves


def make_frames(folder: Path, *, classes: int, clips: int, samples: int, processes: int) -> list[Clip]:
    """Write a "<Class>.tar" a class into `folder`, which `frames.FrameReader` reads, and return the clips.

    Args:
        folder: made where it is not there.
        classes: number of classes.
        clips: of each class.
        samples: frames of each clip, each `EVERY`-th of an imagined video.
        processes: that work at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = [[_clip(label, number, samples) for number in range(clips)] for label in range(classes)]
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(_write, made, [folder] * classes))
    return [clip for of_class in made for clip in of_class]


def _clip(label: int, number: int, samples: int) -> Clip:
    name = f"Texture{label:03d}"
    video = f"v_{name}_g01_c{number + 1:02d}"
    return Clip(
        video=video,
        class_name=name,
        label=label,
        group=1,
        clip=number + 1,
        path=f"{name}/{video}.avi",
        roles=("train", "train", "train"),
        frames=(samples - 1) * EVERY + 1,
        width=WIDTH,
        height=HEIGHT,
        fps=25.0,
        sha256="",
    )


def _write(clips: list[Clip], folder: Path) -> None:
    with tarfile.open(folder / f"{clips[0].class_name}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        for clip in clips:
            rng = np.random.default_rng([clip.label, clip.clip])
            texture = _texture(rng)
            for frame, picture in zip(sampled_frames(clip.frames, EVERY), _moving(texture, clip, rng), strict=True):
                content = io.BytesIO()
                picture.save(content, "JPEG", quality=QUALITY)
                entry = tarfile.TarInfo(member(clip.video, frame))
                entry.size = content.tell()
                content.seek(0)
                tar.addfile(entry, content)


def _texture(rng: np.random.Generator) -> Image.Image:
    """Random tiles of several sizes, one over the other."""
    size = (WIDTH + MARGIN, HEIGHT + MARGIN)
    pixels = np.zeros((size[1], size[0], 3), np.float32)
    for side, share in TEXTURE.items():
        noise = rng.integers(0, 256, (size[1] // side + 1, size[0] // side + 1, 3), dtype=np.uint8)
        pixels += share * np.asarray(Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC), np.float32)
    return Image.fromarray(pixels.astype(np.uint8))


def _moving(texture: Image.Image, clip: Clip, rng: np.random.Generator) -> Iterator[Image.Image]:
    """Yield the clip's frames: windows of `texture` that go to and fro at a speed of the clip's own."""
    speed = rng.uniform(1, 6, 2)
    for step in range(len(sampled_frames(clip.frames, EVERY))):
        x, y = (int(abs((speed[axis] * step) % (2 * MARGIN) - MARGIN)) for axis in (0, 1))
        yield texture.crop((x, y, x + WIDTH, y + HEIGHT))
