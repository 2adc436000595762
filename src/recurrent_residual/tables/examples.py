"""A frame of a test clip, small, for the report: what a wrongly classified clip looks like."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from recurrent_residual.errors import UserError
from recurrent_residual.frames import FrameReader, sampled_frames
from recurrent_residual.manifest import Clip

WIDTH = 200  # pixels at most: ten of them on a page shall weigh no more than the rest of it
QUALITY = 80


class Examples:
    """The frame in the middle of any clip of the manifest, as a small JPEG.

    Args:
        folder: the tars of frames that `extract_frames` wrote.
        clips: the manifest.
        every: `frames.every`: which frames are in the tars.
    """

    def __init__(self, folder: Path, clips: Iterable[Clip], *, every: int) -> None:
        self._reader = FrameReader(folder)
        self._clips = {clip.video: clip for clip in clips}
        self._every = every

    def of(self, video: str) -> dict[str, Any]:
        """{"jpeg": base64, "width", "height"} of the frame in the middle of `video`.

        Raises:
            UserError: the manifest has no such clip, or its frames are not there or damaged.
        """
        clip = self._clips.get(video)
        if clip is None:
            raise UserError(f"{video}: was tested, but is no clip of the manifest; evaluate the runs again")
        frames = sampled_frames(clip.frames, self._every)
        return small_jpeg(self._reader.read(clip.class_name, video, frames[len(frames) // 2]), source=video)


def small_jpeg(jpeg: bytes | memoryview, *, source: str) -> dict[str, Any]:
    """A JPEG at most `WIDTH` pixels wide: {"jpeg": base64, "width", "height"}.

    Raises:
        UserError: it does not decode; `source` is named.
    """
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
            width, height = image.size
            if width > WIDTH:
                width, height = WIDTH, max(1, round(height * WIDTH / width))
            small = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    except OSError as error:
        raise UserError(f"{source}: a frame does not decode ({error}); run extract_frames again") from None
    out = io.BytesIO()
    small.save(out, "JPEG", quality=QUALITY, optimize=True)
    return {"jpeg": base64.b64encode(out.getvalue()).decode("ascii"), "width": width, "height": height}
