"""The loader alone, beside its peers in one run: what a network could take, on the same sampled frames.

    python scripts/benchmark_loader.py --clips UCF-101 --number 24 --rounds 5

Every method ends with what a network gets: chunks of two frames (every 10th of the clip), resized to 340x256, the
centre 224x224, normalised, in float32 on the processor.

- this project: threads decode JPEGs from the classes' tars, the caller computes the views. "without views" ends with
  the decoded frames: what is left to the processor where a GPU computes the views.
- DataLoader, Pillow: a plain Dataset on the same tars, torchvision's transforms as in PyTorch's ImageNet example.
- VideoClips: torchvision.datasets.video_utils on the AVIs, at a tenth of their frame rate, in a DataLoader; needs
  torchcodec. Each chunk opens its file and decodes all frames between its two.
- PyAV (decode_every), decord: AVIs decoded on the fly in a DataLoader, a whole clip at a time and each clip once. This
  is the least that decoding can cost: chunks in random order would decode a clip many times.

A worker is a thread of this project's loader, beside the thread that takes the views, and a process of a DataLoader.
All methods take turns, after a turn that does not count. CPU time is that of all processes; the ratio is the median of
the rounds' ratios. A method whose library is missing is left out with the reason. Without --clips, demo clips are made.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import multiprocessing
import os
import platform
import resource
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from recurrent_residual import cli, loader
from recurrent_residual.chunks import Chunk, cut
from recurrent_residual.clips import ListedClip
from recurrent_residual.demo.videos import make_videos
from recurrent_residual.errors import UserError
from recurrent_residual.extraction import extract_frames
from recurrent_residual.frames import FrameReader, sampled_frames
from recurrent_residual.loader import Request, load_views
from recurrent_residual.manifest import Clip, build_manifest
from recurrent_residual.provenance import processor
from recurrent_residual.video import decode_every
from recurrent_residual.views import IMAGENET_MEAN, IMAGENET_STD, ViewSettings, test_window, views_of

T = 2  # frames in a chunk
EVERY = 10
BATCH = 32  # chunks
VIEW = ViewSettings((340, 256), 224, (256,), flip=False)
OURS, NO_VIEWS = "this project", "this project, without views"


class TarChunks(Dataset):
    """A chunk an item, frame by frame as PyTorch's ImageNet example does it: Pillow, then torchvision's transforms."""

    def __init__(self, source: FrameReader, chunks: Sequence[Chunk]) -> None:
        self.source, self.chunks = source, chunks
        width, height = VIEW.resize
        self.transform = transforms.Compose(
            [
                transforms.Resize((height, width)),
                transforms.CenterCrop(VIEW.size),
                transforms.ToTensor(),
                transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.chunks)

    def __getitem__(self, index: int) -> Tensor:
        chunk = self.chunks[index]
        jpegs = [self.source.read(chunk.class_name, chunk.video, frame) for frame in chunk.frames]
        return torch.stack([self.transform(Image.open(io.BytesIO(jpeg)).convert("RGB")) for jpeg in jpegs])


class VideoChunks(Dataset):
    """A chunk an item, by torchvision's VideoClips and its transforms for tensors."""

    def __init__(self, paths: Sequence[Path]) -> None:
        from torchvision.datasets.video_utils import VideoClips

        self.clips = VideoClips([str(path) for path in paths], 1, 1)
        self.clips.compute_clips(T, T, self.clips.video_fps[0] / EVERY)
        width, height = VIEW.resize
        self.transform = transforms.Compose(
            [
                transforms.Resize((height, width), antialias=True),
                transforms.CenterCrop(VIEW.size),
                transforms.ConvertImageDtype(torch.float32),
                transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
            ]
        )

    def __len__(self) -> int:
        return self.clips.num_clips()

    def __getitem__(self, index: int) -> Tensor:
        return self.transform(self.clips.get_clip(index)[0].permute(0, 3, 1, 2))


class WholeClips(Dataset):
    """All chunks of a clip an item, decoded on the fly by `decode`: (chunks, T, 3, size, size)."""

    def __init__(self, paths: Sequence[Path], decode: Callable[[Path], Tensor]) -> None:
        self.paths, self.decode = paths, decode
        self.window = test_window(VIEW)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        frames = self.decode(self.paths[index])  # (frames, H, W, 3)
        chunks = frames[: len(frames) // T * T].unflatten(0, (-1, T)).permute(0, 1, 4, 2, 3)
        return views_of(chunks, self.window.repeat(len(chunks), 1), VIEW)


def by_pyav(path: Path) -> Tensor:
    return torch.stack(
        [torch.from_numpy(image) for image in decode_every(path, EVERY, lambda image: image.copy()).kept]
    )


def by_decord(path: Path) -> Tensor:
    reader = importlib.import_module("decord").VideoReader(str(path), num_threads=1)
    return torch.from_numpy(reader.get_batch(list(sampled_frames(len(reader), EVERY))).asnumpy())


class Turn:
    """A method with its workers, which stay between turns; a call goes through all frames once."""

    def __init__(self, views: Iterable[Tensor]) -> None:
        self.views = views

    def __call__(self) -> tuple[float, float]:
        """Frames a second of CPU time, and of wall time."""
        cpu, wall, frames = cpu_seconds(), time.perf_counter(), 0
        for views in self.views:
            frames += views.shape[0] * views.shape[1]
        return frames / (cpu_seconds() - cpu), frames / (time.perf_counter() - wall)


class Ours:
    """This project's loader, started anew for each turn."""

    def __init__(self, source: FrameReader, chunks: Sequence[Chunk], workers: int, *, views: bool) -> None:
        self.source, self.workers, self.views = source, workers, views
        windows = test_window(VIEW).repeat(BATCH, 1)
        parts = [chunks[i : i + BATCH] for i in range(0, len(chunks), BATCH)]
        self.requests = [Request(part, windows[: len(part)]) for part in parts]

    def __iter__(self) -> Iterator[Tensor]:
        with nullcontext() if self.views else patch.object(loader, "_views", counted):
            cpu = torch.device("cpu")
            yield from load_views(self.source, self.requests, view=VIEW, device=cpu, workers=self.workers)


def counted(request: loader.Prepared, view: ViewSettings) -> Tensor:
    """In the views' place: as many frames, (chunks, T)."""
    return torch.cat([group.pixels[:, :, 0, 0, 0] for group in request.groups])


def arguments() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__)
    parser.add_argument("--clips", type=Path, help="folder with class folders of .avi files")
    parser.add_argument("--number", type=int, default=24, help="clips to use, spread over the folder")
    parser.add_argument("--rounds", type=int, default=5, help="in each, all methods take a turn")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="threads or processes that load")
    return parser


def cpu_seconds() -> float:
    """CPU time so far of this process and of its living workers."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    seconds = own.ru_utime + own.ru_stime
    for process in multiprocessing.active_children():
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # proc(5): utime, stime
    return seconds


def extracted(paths: Sequence[Path], videos: Path, folder: Path) -> list[Clip]:
    """Write the clips' frames as the workflow does, a tar a class, into `folder`; the clips with what was found."""
    classes = sorted({path.parent.name for path in paths})
    listed = [
        ListedClip(
            p.stem, p.parent.name, classes.index(p.parent.name), 1, i, str(p.relative_to(videos)), ("train",) * 3
        )
        for i, p in enumerate(paths)
    ]
    for name in classes:
        own = [clip for clip in listed if clip.class_name == name]
        extract_frames(own, videos, folder / f"{name}.tar", folder / f"{name}.tsv", every=EVERY, quality=95)
    return build_manifest(listed, [folder / f"{name}.tsv" for name in classes])[0]


def missing(name: str) -> str | None:
    """Why a package cannot be used here; None where it can."""
    if importlib.util.find_spec(name) is None:
        return f"{name} is not installed"
    try:
        importlib.import_module(name)
    except Exception as error:  # a library that it needs is missing or of another version
        return f"{name} does not load: {str(error).strip().splitlines()[0]}"
    return None


def methods(paths: Sequence[Path], clips: Sequence[Clip], source: FrameReader, workers: int) -> dict[str, Any]:
    """Each method's iterable of views, (chunks, T, 3, size, size) each, or why it is left out."""
    chunks = cut(clips, length=T, every=EVERY)
    order = torch.randperm(len(chunks), generator=torch.Generator().manual_seed(1)).tolist()
    chunks = [chunks[i] for i in order]
    keep: dict[str, Any] = {"num_workers": workers, "persistent_workers": True}
    found: dict[str, Any] = {
        OURS: Ours(source, chunks, workers, views=True),
        NO_VIEWS: Ours(source, chunks, workers, views=False),
        "DataLoader, Pillow": DataLoader(TarChunks(source, chunks), BATCH, **keep),
        "VideoClips, DataLoader": missing("torchcodec"),
        "PyAV on the fly": DataLoader(WholeClips(paths, by_pyav), batch_size=None, **keep),
        "decord on the fly": missing("decord"),
    }
    if found["VideoClips, DataLoader"] is None:
        found["VideoClips, DataLoader"] = DataLoader(VideoChunks(paths), BATCH, shuffle=True, **keep)
    if found["decord on the fly"] is None:
        found["decord on the fly"] = DataLoader(WholeClips(paths, by_decord), batch_size=None, **keep)
    return found


def shown(values: Sequence[float], form: str) -> str:
    """Median and quartiles."""
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (values[0],) * 3
    return f"{median(values):{form}} ({low:{form}} to {high:{form}})"


def table(paths: Sequence[Path], clips: Sequence[Clip], source: FrameReader, *, workers: int, rounds: int) -> None:
    """Measure with so many workers, and print the rows."""
    found = methods(paths, clips, source, workers)
    turns = {name: Turn(views) for name, views in found.items() if not isinstance(views, str)}
    for turn in turns.values():
        turn()
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in turns}
    for number in range(rounds):
        for name in list(turns) if number % 2 else reversed(list(turns)):
            rates[name].append(turns[name]())
    for name, why in found.items():
        if isinstance(why, str):
            print(f"| {workers} | {name} | left out: {why} | | |")
            continue
        cpu, wall = zip(*rates[name], strict=True)
        ratios = [ours[0] / other[0] for ours, other in zip(rates[OURS], rates[name], strict=True)]
        print(
            f"| {workers} | {name} | {shown(cpu, ',.0f')} | {shown(wall, ',.0f')} | {shown(ratios, '.2f')} |",
            flush=True,
        )


def measure(videos: Path, frames: Path, options: argparse.Namespace) -> None:
    """Extract the frames of the chosen clips into `frames`, and print the table."""
    paths = sorted(videos.rglob("*.avi"))
    if not paths:
        raise UserError(f"{videos}: no .avi file; name a folder of class folders with clips")
    paths = [paths[len(paths) * i // options.number] for i in range(min(options.number, len(paths)))]
    clips = extracted(paths, videos, frames)
    source = FrameReader(frames)
    print(f"{processor()}, {os.cpu_count()} cores; torch {torch.__version__}, Python {platform.python_version()}")
    print(f"{len(clips)} clips, {len(cut(clips, length=T, every=EVERY))} chunks of {T}; {options.rounds} rounds\n")
    print("| workers | method | frames/s of CPU time | frames/s of wall time | this project's CPU rate to it |")
    print("|---:|---|---:|---:|---:|")
    for workers in options.workers:
        table(paths, clips, source, workers=workers, rounds=options.rounds)


def main(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message=".*enough frames in the current video")
    with TemporaryDirectory(prefix="benchmark-loader-") as folder:
        videos = options.clips or Path(folder) / "videos"
        if options.clips is None:
            make_videos(videos, Path(folder) / "lists", groups=3, clips=1)
        (Path(folder) / "frames").mkdir()
        measure(videos, Path(folder) / "frames", options)


if __name__ == "__main__":
    cli.run(main, arguments())
