"""Frames a second of extraction, beside OpenCV and the ffmpeg command, on the same clips in one run.

    python scripts/benchmark_extraction.py UCF-101 --clips 20 --repeats 5

"RGB" ends with every n-th frame as an array (for ffmpeg: raw RGB through a pipe), "JPEG" with its JPEG (4:2:0) in
memory. OpenCV (opencv-python-headless) is needed by this script only; the ffmpeg command is left out where there is
none. It is started once for each clip; "less its start" takes off what `ffmpeg -version` costs, clip by clip.

First table: one core, clips with and without B-frames apart; source frames decoded a second of CPU time (user and
system, the method's own processes included, so that other work on the machine does not enter), the median of the
repeats; the ratio is the median of the rounds' ratios. This project and OpenCV take turns in coming first.
Second table: all clips, one process a core, on one core and on all (two at least): frames a second of wall time.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
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
OURS = "this project"
FFMPEG = "ffmpeg command"
UCF101_FRAMES = 27 * 3600 * 25  # 27 hours of video at 25 frames a second (Soomro, Zamir, Shah 2012, Table 2)


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
    "RGB": {OURS: ours_rgb, "OpenCV": opencv_rgb, FFMPEG: ffmpeg_rgb},
    "JPEG": {OURS: ours_jpeg, "OpenCV": opencv_jpeg, FFMPEG: ffmpeg_jpeg},
}


def arguments() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__)
    parser.add_argument("videos", type=Path, help="folder with .avi files in it or in its folders")
    parser.add_argument("--every", type=int, default=10, help="keep frames 0, N, 2N, ...")
    parser.add_argument("--clips", type=int, default=20, help="clips of each kind, spread over the folder")
    parser.add_argument("--repeats", type=int, default=15, help="rounds; in each all methods take a turn")
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


def available(methods: dict[str, Method]) -> list[str]:
    return [name for name in methods if name != FFMPEG or shutil.which("ffmpeg")]


def frames_of(clips: Sequence[Path]) -> int:
    return sum(decode_every(clip, 10**9, lambda image: None).frames for clip in clips)


def measure(clips: list[Path], every: int, repeats: int) -> dict[tuple[str, str], list[float]]:
    """Source frames a second of CPU time in each round, of each (kind of output, method)."""
    frames = frames_of(clips)
    rates: dict[tuple[str, str], list[float]] = {}
    for turn in range(repeats):
        for output, methods in METHODS.items():
            # This project and OpenCV take turns in coming first: that is right after ffmpeg's many processes.
            for name in sorted(available(methods), key=lambda name: (name == FFMPEG, (name == OURS) == turn % 2)):
                start = cpu_seconds()
                for clip in clips:
                    methods[name](clip, every)
                seconds = cpu_seconds() - start
                rates.setdefault((output, name), []).append(frames / seconds)
                if name == FFMPEG:
                    start = cpu_seconds()
                    for _ in clips:
                        subprocess.run(["ffmpeg", "-version"], check=True, capture_output=True)
                    less = seconds - (cpu_seconds() - start)
                    rates.setdefault((output, f"{FFMPEG}, less its start"), []).append(frames / less)
    order = {
        key: i for i, key in enumerate((o, n) for o in METHODS for n in (*METHODS[o], f"{FFMPEG}, less its start"))
    }
    return {key: rates[key] for key in sorted(rates, key=order.__getitem__)}


def work(core: int, output: str, name: str, clips: Sequence[Path], every: int, start: object, end: object) -> None:
    """One process of `throughput`: its share of the clips on a core of its own, between two barriers."""
    pin(core)
    method = METHODS[output][name]
    method(clips[0], every)  # libraries are loaded, code is compiled
    start.wait()  # type: ignore[attr-defined]
    for clip in clips:
        method(clip, every)
    end.wait()  # type: ignore[attr-defined]


def throughput(clips: list[Path], output: str, name: str, every: int, cores: list[int]) -> float:
    """Source frames a second of wall time with a process on each of `cores`."""
    context = get_context("spawn")
    start, end = context.Barrier(len(cores) + 1), context.Barrier(len(cores) + 1)
    shares = [clips[i :: len(cores)] for i in range(len(cores))]
    processes = [
        context.Process(target=work, args=(core, output, name, share, every, start, end), daemon=True)
        for core, share in zip(cores, shares, strict=True)
    ]
    for process in processes:
        process.start()
    start.wait(60)
    began = time.perf_counter()
    end.wait(600)
    seconds = time.perf_counter() - began
    for process in processes:
        process.join()
    return frames_of(clips) / seconds


def pin(core: int) -> None:
    os.sched_setaffinity(0, {core})
    cv2.setNumThreads(1)


def cpu_table(kinds: dict[str, list[Path]], every: int, repeats: int, *, clips: int) -> None:
    """Print the first table."""
    print(f"{processor()}; PyAV {av.__version__}, OpenCV {cv2.__version__}, Python {platform.python_version()}")
    print(f"every {every}th frame; one core, source frames a second of CPU time, median of {repeats}\n")
    print("| clips | output | method | frames/s | times OpenCV |\n|---|---|---|---:|---:|")
    for kind, found in kinds.items():
        chosen = spread(found, clips)
        rates = measure(chosen, every, repeats) if chosen else {}
        for (output, method), rounds in rates.items():
            ratio = statistics.median(a / b for a, b in zip(rounds, rates[output, "OpenCV"], strict=True))
            rate = statistics.median(rounds)
            print(f"| {len(chosen)} {kind} | {output} | {method} | {rate:,.0f} | {ratio:.2f} |")


def throughput_table(clips: list[Path], every: int, cores: list[int]) -> None:
    """Print the second table, and what it means for all of UCF-101."""
    numbers = [1, len(cores)] if len(cores) > 1 else [1]
    titles = [f"{number} core{'s' * (number > 1)}" for number in numbers]
    print(f"\nAll {len(clips)} clips to JPEG, one process a core, frames a second of wall time, median of 3\n")
    print(f"| method | {' | '.join(titles)} |\n|---{'|---:' * len(numbers)}|")
    for name in available(METHODS["JPEG"]):
        rounds = [[throughput(clips, "JPEG", name, every, cores[:number]) for number in numbers] for _ in range(3)]
        rates = [statistics.median(column) for column in zip(*rounds, strict=True)]
        print(f"| {name} | {' | '.join(f'{rate:,.0f}' for rate in rates)} |")
        if name == OURS:
            minutes = [UCF101_FRAMES / rate / 60 for rate in rates]
    estimates = ", ".join(f"{m:.1f} minutes on {title}" for m, title in zip(minutes, titles, strict=True))
    print(f"\nAll of UCF-101, {UCF101_FRAMES / 1e6:.2f} million frames (27 hours at 25 a second): {estimates}.")
    print("An estimate: longer and larger clips, a slower disk and Snakemake's own time are not in it.")


def main(options: argparse.Namespace) -> None:
    if cv2 is None:
        raise UserError("benchmark_extraction: OpenCV is missing; install opencv-python-headless")
    clips = sorted(options.videos.rglob("*.avi"))
    if not clips:
        raise UserError(f"{options.videos}: no .avi file; name a folder of clips")
    cores = sorted(os.sched_getaffinity(0))
    pin(cores[0])
    kinds: dict[str, list[Path]] = {"with B-frames": [], "without": []}
    for clip in clips:
        kinds["with B-frames" if has_b_frames(clip) else "without"].append(clip)

    cpu_table(kinds, options.every, options.repeats, clips=options.clips)
    throughput_table(clips, options.every, cores)


if __name__ == "__main__":
    cli.run(main, arguments())
