"""Speed of training from JPEGs: the training loop, what it is made of, and the loop of PyTorch's example beside it."""

from __future__ import annotations

import itertools
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from recurrent_residual import jpeg
from recurrent_residual.benchmarks.bench import Bench
from recurrent_residual.benchmarks.compiling import in_one_line
from recurrent_residual.benchmarks.example_loop import JpegFrames, example_speed
from recurrent_residual.benchmarks.made_frames import EVERY, HEIGHT, WIDTH
from recurrent_residual.benchmarks.networks import NETWORK
from recurrent_residual.benchmarks.peak import synchronise
from recurrent_residual.benchmarks.results import Number
from recurrent_residual.benchmarks.turns import Training, take_turns
from recurrent_residual.chunks import Chunk, cut
from recurrent_residual.engine import EngineSettings
from recurrent_residual.errors import UserError
from recurrent_residual.frames import FrameReader
from recurrent_residual.loader import Request, load_views
from recurrent_residual.meter import BusyShare
from recurrent_residual.training import loop
from recurrent_residual.training.checkpoint import save_checkpoint
from recurrent_residual.training.settings import TrainingSettings
from recurrent_residual.views import training_windows, views_of


@dataclass
class Watch:
    """What is seen of a training from outside; all but `checkpoint` is of its latest epoch."""

    device: torch.device
    seconds: float = 0.0
    """From the loader's start to the last update's end."""
    waited: float = 0.0
    """Seconds in which the loop waited for views."""
    busy: float | None = None
    """Share of the time in which the GPU worked (`meter.BusyShare`)."""
    checkpoint: float | None = None
    """Seconds that the latest checkpoint took, if there was one."""
    _in_epoch: bool = False

    def load_views(self, *arguments: Any, **options: Any) -> Iterator[Tensor]:
        """`loader.load_views`, which a training calls at each epoch's start.

        Raises `UserError` when it begins an epoch again, as it does where the memory was short: what it then measures
        is another micro-batch than the one that the tables name.
        """
        if self._in_epoch:
            raise UserError("the memory does not hold so many frames at once; lower --frames")
        self._in_epoch, self.waited = True, 0.0
        looking = BusyShare(self.device)
        begun = time.perf_counter()
        views = load_views(*arguments, **options)
        try:
            while True:
                started = time.perf_counter()
                x = next(views, None)
                self.waited += time.perf_counter() - started
                if x is None:
                    return
                yield x
        finally:
            views.close()
            synchronise(self.device)
            self.seconds = time.perf_counter() - begun
            self.busy = looking.stop()

    def save_checkpoint(self, *arguments: Any, **options: Any) -> None:
        """`checkpoint.save_checkpoint`, which a training calls now and then, and at its end."""
        started = time.perf_counter()
        save_checkpoint(*arguments, **options)
        self.checkpoint = time.perf_counter() - started

    def on_epoch(self, _network: nn.Module) -> dict[str, float]:
        """What a training calls at each epoch's end."""
        self._in_epoch = False
        return {}


@dataclass(frozen=True)
class Speeds:
    """Frames a second of `NETWORK` in training."""

    compiled: bool
    """Whether it was, in all of these."""
    network: float
    """Views lie on the device."""
    resident: float
    """Frames lie on the device, views are made of them."""
    loader: float
    """The loader alone, with the better decoder."""
    loop: float
    """The training loop, with the better decoder."""


def training_speeds(bench: Bench) -> Speeds:
    """Measure the training loop with each decoder, and that of PyTorch's example.

    Raises:
        RuntimeError: the loop failed with each decoder.
    """
    source = FrameReader(bench.folder)
    bench, network, resident = _resident_where_it_compiles(bench)
    rows = [
        _row("views on the device", network, resident),
        _row("frames on the device, views made of them", resident, resident),
    ]
    speeds: list[Speeds] = []
    checkpoint = None
    decoders = ["cpu", "gpu"] if bench.device.type == "cuda" else ["cpu"]
    threads = f"{bench.workers} thread(s) with {'Pillow' if jpeg.simplejpeg is None else 'simplejpeg'}"
    for number, decoder in enumerate(decoders):
        seconds = bench.left("end to end") / (len(decoders) - number)
        name = f"the training loop, JPEGs decoded by {'the GPU' if decoder == 'gpu' else threads}"
        try:
            loaded = _loader_alone(bench, source, decoder, seconds=seconds / 10)
            # On the CPU both share the cores.
            expected = min(resident, loaded) if bench.device.type == "cuda" else 1 / (1 / resident + 1 / loaded)
            speed, watch = _training_loop(bench, source, decoder, expected=expected, seconds=seconds)
        except Exception as error:  # one decoder's failure must not cost the other's figures
            rows.append(_failed(name, error))
            continue
        checkpoint = watch.checkpoint
        speeds.append(Speeds(bench.compile, network, resident, loaded, speed))
        rows.append(_row(name, speed, resident, busy=watch.busy, waited=watch.waited / watch.seconds))
        rows.append(_row("its loader alone, views on the device", loaded, resident))
    example = None
    name = f"the loop of PyTorch's example, {bench.workers} process(es) with Pillow"
    try:
        example = _example(bench, source)
        rows.append(_row(name, example, resident))
    except Exception as error:  # of its worker processes, say: must not cost the loop's figures
        rows.append(_failed(name, error))
    note = (
        f"{NETWORK}, {how(bench.compile)}, but for PyTorch's example, which trains the plain ResNet, eager; "
        f"{bench.frames} frames at once, {bench.frames * bench.steps} to an update (the example: {bench.frames}). All "
        "are measured one after the other, not in turns. The training's second epoch, in which there is no checkpoint"
        f"{'' if checkpoint is None else f' (one took {checkpoint:.1f} s)'}. Busy: a kernel was running, as the driver "
        "says. Waited: time of the loop in which the next views were not ready; the GPU may have had work meanwhile."
    )
    bench.results.table("Training from JPEGs", rows, note)
    if not speeds:
        raise RuntimeError("the training loop failed with each decoder; the table says why")
    best = max(speeds, key=lambda found: found.loop)
    if example is not None:
        ratio = best.loop / example
        bench.results.text(f"The training loop's best is {ratio:.2f} times the speed of PyTorch's example.")
    return best


def how(compiled: bool) -> str:
    """In a word, how a network was computed."""
    return "compiled" if compiled else "eager"


def _row(
    name: str, speed: float | None, resident: float | None, *, busy: float | None = None, waited: float | None = None
) -> dict[str, Any]:
    share = speed / resident if speed is not None and resident is not None else None
    return {
        "what": name,
        "frames/s": Number(speed),
        "of the speed without loading": Number(share, "{:.1%}"),
        "GPU busy": Number(busy, "{:.1%}"),
        "waited for views": Number(waited, "{:.1%}"),
    }


def _failed(name: str, error: Exception) -> dict[str, Any]:
    traceback.print_exc()
    return {**_row(name, None, None), "frames/s": f"failed: {in_one_line(error)}"}


def _chunks(bench: Bench, reads: int, count: int) -> list[Chunk]:
    """So many chunks: those of the made clips over and over."""
    chunks = cut(bench.clips, length=reads, every=EVERY, reads=reads)
    return list(itertools.islice(itertools.cycle(chunks), count))


def _resident_where_it_compiles(bench: Bench) -> tuple[Bench, float, float]:
    """`_resident`, after torch.compile if that works; and the benchmark, which else goes on without."""
    torch.compiler.reset()  # what was compiled for other networks counts against the number that torch allows
    if bench.compile:
        try:
            return bench, *_resident(bench)
        except Exception as error:
            traceback.print_exc()
            bench.results.text(f"{NETWORK} after torch.compile: failed, {in_one_line(error)}; eager from here on")
    bench = replace(bench, compile=False)
    return bench, *_resident(bench)


def _resident(bench: Bench) -> tuple[float, float]:
    """Frames a second where views lie on the device, and where frames do, of which each pass makes its views."""
    network = bench.network(NETWORK)
    shape = (bench.frames // network.reads, network.reads, HEIGHT, WIDTH, 3)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8, device=bench.device).permute(0, 1, 4, 2, 3)
    windows = training_windows(shape[0], bench.view, torch.Generator().manual_seed(0)).to(bench.device)
    training = Training(network, views_of(frames, windows, bench.view), frames=bench.frames, device=bench.device)
    forward: Callable[[Tensor], Tensor] = torch.compile(network, dynamic=False) if bench.compile else network
    of_views = training.turn(forward, bench.steps)

    def with_views(_: Tensor) -> Tensor:
        with torch.autocast(bench.device.type, enabled=False):  # the loader makes its views outside of it, too
            x = views_of(frames, windows, bench.view)
        return forward(x)

    of_frames = training.turn(with_views, bench.steps)
    of_views(), of_frames()  # compiles
    speeds = take_turns({NETWORK: (of_frames, of_views)}, rounds=min(bench.rounds, 5), left=lambda: 1)
    return median(speeds[NETWORK].rival), speeds[NETWORK].median


def _training_loop(
    bench: Bench, source: FrameReader, decoder: str, *, expected: float, seconds: float
) -> tuple[float, Watch]:
    """Frames a second of the training loop's second epoch; in about so many seconds where `expected` is right."""
    network = bench.network(NETWORK)
    of_update = bench.frames * bench.steps // network.reads
    # Two epochs in half of the time; compiling takes some of the rest.
    updates = max(2, int(seconds / 4 * expected / (bench.frames * bench.steps)))
    chunks = _chunks(bench, network.reads, updates * of_update)
    settings = TrainingSettings(
        epochs=2,
        learning_rate=1e-5,
        update_fraction=None,
        batch=of_update,
        micro_batch=bench.frames,
        every=EVERY,
        batch_norm="train",
        deterministic=False,
    )
    engine = EngineSettings(compile=bench.compile, decoder=decoder, progress_seconds=3600)
    watch = Watch(bench.device)
    with (
        TemporaryDirectory(dir=bench.folder) as folder,
        patch.multiple(loop, load_views=watch.load_views, save_checkpoint=watch.save_checkpoint),
    ):
        loop.train_network(
            network,
            chunks,
            source,
            name=f"benchmark, {decoder}",
            settings=settings,
            engine=engine,
            view=bench.view,
            seed=1,
            device=bench.device,
            workers=bench.workers,
            checkpoint=Path(folder) / "checkpoint.pt",
            fingerprint="",
            on_epoch=watch.on_epoch,
        )
    return len(chunks) * network.reads / watch.seconds, watch


def _loader_alone(bench: Bench, source: FrameReader, decoder: str, *, seconds: float) -> float:
    """Frames a second of the loader, whose views nobody uses."""
    reads = bench.network(NETWORK).reads
    chunks = _chunks(bench, reads, bench.frames // reads)
    windows = training_windows(len(chunks), bench.view, torch.Generator().manual_seed(0))
    views = load_views(
        source,
        itertools.repeat(Request(chunks, windows)),
        view=bench.view,
        device=bench.device,
        workers=bench.workers,
        decoder=decoder,
    )
    for _ in range(4):  # what is ready by now was decoded while nobody counted
        next(views)
    synchronise(bench.device)
    started, done = time.perf_counter(), 0
    while not done or time.perf_counter() - started < seconds:
        next(views)
        done += bench.frames
    synchronise(bench.device)
    rate = done / (time.perf_counter() - started)
    views.close()
    return rate


def _example(bench: Bench, source: FrameReader) -> float:
    chunks = _chunks(bench, 1, len(cut(bench.clips, length=1, every=EVERY)))
    frames = JpegFrames(source, chunks, size=bench.size, repeats=1000)
    seconds = max(1.0, bench.left("example") / 2)
    return example_speed(
        bench.plain().backbone, frames, batch=bench.frames, workers=bench.workers, device=bench.device, seconds=seconds
    )
