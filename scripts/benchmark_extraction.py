"""Frames a second of extraction, beside OpenCV and the ffmpeg command, on the same clips in one run.

    python scripts/benchmark_extraction.py UCF-101 --clips 20 --repeats 5

All run on one core, taking turns; the figure is source frames decoded a second of CPU time (user and system, the
method's own processes included, so that other work on the machine does not enter), the median of the repeats.
Clips with and without B-frames are measured apart. "RGB" ends with every n-th frame as an array (for ffmpeg: raw RGB
through a pipe), "JPEG" with its JPEG (4:2:0) in memory. OpenCV (opencv-python-headless) is
needed by this script only; the ffmpeg command is left out where there is none. It is started once for each clip, and
its figure holds that.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import simplejpeg

from recurrent_residual import cli
from recurrent_residual.errors import UserError
from recurrent_residual.provenance import processor
from recurrent_residual.video import decode_every

try:
    import cv2
except ImportError:
    cv2 = None  # type: ignore[assignment]

Method = Callable[[Path, int], None]
QUALITY = 95  # of JPEG, for this project and OpenCV alike


def ours_rgb(clip: Path, every: int) -> None:
    decode_every(clip, every, lambda image: image)


def ours_jpeg(clip: Path, every: int) -> None:
    decode_every(clip, every, lambda image: simplejpeg.encode_jpeg(image, quality=QUALITY, colorsubsampling="420"))


def opencv(clip: Path, every: int, keep: Callable[[np.ndarray], object]) -> None:
    capture = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG)
    kept, frame = [], 0
    while capture.grab():
        if frame % every == 0:
            kept.append(keep(capture.retrieve()[1]))
        frame += 1


def opencv_rgb(clip: Path, every: int) -> None:
    opencv(clip, every, lambda image: image)  # as OpenCV gives it, BGR: no time for swapping is charged


def opencv_jpeg(clip: Path, every: int) -> None:
    opencv(clip, every, lambda image: cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


def ffmpeg(clip: Path, every: int, output: list[str]) -> None:
    select = ["-vf", f"select=not(mod(n\\,{every}))", "-fps_mode", "passthrough"]
    command = ["ffmpeg", "-v", "error", "-threads", "1", "-i", str(clip), "-an", *select, *output, "pipe:1"]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)


def ffmpeg_rgb(clip: Path, every: int) -> None:
    ffmpeg(clip, every, ["-f", "rawvideo", "-pix_fmt", "rgb24"])


def ffmpeg_jpeg(clip: Path, every: int) -> None:
    ffmpeg(clip, every, ["-f", "image2pipe", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "2"])


METHODS: dict[str, dict[str, Method]] = {
    "RGB": {"this project": ours_rgb, "OpenCV": opencv_rgb, "ffmpeg command": ffmpeg_rgb},
    "JPEG": {"this project": ours_jpeg, "OpenCV": opencv_jpeg, "ffmpeg command": ffmpeg_jpeg},
}


def arguments() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__)
    parser.add_argument("videos", type=Path, help="folder with .avi files in it or in its folders")
    parser.add_argument("--every", type=int, default=10, help="keep frames 0, N, 2N, ...")
    parser.add_argument("--clips", type=int, default=20, help="clips of each kind, spread over the folder")
    parser.add_argument("--repeats", type=int, default=5, help="rounds; in each all methods take a turn")
    return parser


def has_b_frames(clip: Path) -> bool:
    with av.open(str(clip)) as container:
        return any(frame.pict_type == av.video.frame.PictureType.B for frame in container.decode(video=0))


def spread(clips: list[Path], count: int) -> list[Path]:
    return [clips[len(clips) * i // count] for i in range(count)] if len(clips) > count else clips


def cpu_seconds() -> float:
    """CPU time so far of this process and of those that it has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(clips: list[Path], every: int, repeats: int) -> dict[tuple[str, str], float]:
    """Median source frames a second of each (kind of output, method); the methods take turns."""
    frames = sum(decode_every(clip, every, lambda image: None).frames for clip in clips)
    rates: dict[tuple[str, str], list[float]] = {}
    for _ in range(repeats):
        for kind, methods in METHODS.items():
            for name, method in methods.items():
                if name == "ffmpeg command" and not shutil.which("ffmpeg"):
                    continue
                start = cpu_seconds()
                for clip in clips:
                    method(clip, every)
                rates.setdefault((kind, name), []).append(frames / (cpu_seconds() - start))
    return {key: statistics.median(values) for key, values in rates.items()}


def main(options: argparse.Namespace) -> None:
    if cv2 is None:
        raise UserError("benchmark_extraction: OpenCV is missing; install opencv-python-headless")
    clips = sorted(options.videos.rglob("*.avi"))
    if not clips:
        raise UserError(f"{options.videos}: no .avi file; name a folder of clips")
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    cv2.setNumThreads(1)
    kinds: dict[str, list[Path]] = {"with B-frames": [], "without": []}
    for clip in clips:
        kinds["with B-frames" if has_b_frames(clip) else "without"].append(clip)

    print(
        f"{processor()}, one core; PyAV {av.__version__}, OpenCV {cv2.__version__}, Python {platform.python_version()}"
    )
    print(f"every {options.every}th frame; source frames a second of CPU time, median of {options.repeats};")
    print("the ffmpeg command is started for each clip\n")
    print("| clips | output | method | frames/s | times OpenCV |\n|---|---|---|---:|---:|")
    for kind, found in kinds.items():
        chosen = spread(found, options.clips)
        rates = measure(chosen, options.every, options.repeats) if chosen else {}
        for (output, method), rate in rates.items():
            ratio = rate / rates[output, "OpenCV"]
            print(f"| {len(chosen)} {kind} | {output} | {method} | {rate:,.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    cli.run(main, arguments())
