"""Clips with frames in memory, for tests that need pictures but no videos."""

import numpy as np
import simplejpeg

from recurrent_residual.manifest import Clip


def made_clip(number: int, *, label: int = 0, frames: int = 41, group: int = 1, splits=("train",) * 3) -> Clip:
    name = f"Class{label}"
    video = f"v_{name}_g{group:02d}_c{number:02d}"
    return Clip(
        video=video,
        class_name=name,
        label=label,
        group=group,
        clip=number,
        path=f"{name}/{video}.avi",
        roles=tuple(splits),
        frames=frames,
        width=32,
        height=24,
        fps=25.0,
        sha256=f"{label:04x}{group:04x}{number:08x}",
    )


class MadeSource:
    """JPEGs whose brightness tells the label and the frame, with some noise."""

    def __init__(self, clips: list[Clip], *, height: int = 24, width: int = 32) -> None:
        self.labels = {(clip.class_name, clip.video): clip.label for clip in clips}
        self.size = (height, width, 3)
        self.asked: list[tuple[str, int]] = []

    def read(self, class_name: str, video: str, frame: int) -> bytes:
        self.asked.append((video, frame))
        rng = np.random.default_rng([frame, *video.encode()])
        pixels = rng.integers(0, 60, self.size) + 60 * self.labels[class_name, video] + frame % 50
        return simplejpeg.encode_jpeg(np.ascontiguousarray(pixels.clip(0, 255), dtype=np.uint8))
