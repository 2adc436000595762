"""What the networks see, prepared while they work: JPEGs decoded, moved to the device, resized, cropped and mirrored.

A request goes through two pools of threads. A preparer looks where its frames lie and how large they are, has them
decoded straight into one array by the decoders, or by the GPU, and moves that to the device. The device itself then
computes the views, in the caller's turn. Two preparers work on two requests, so that the decoders have no pause.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from recurrent_residual.chunks import Chunk, JpegSource
from recurrent_residual.decoder import Damaged, Threads, decode_on_gpu, give_up, gpu_decodes
from recurrent_residual.errors import UserError
from recurrent_residual.frames import member
from recurrent_residual.jpeg import Jpeg, size_of
from recurrent_residual.memory import is_out_of_memory
from recurrent_residual.views import ViewSettings, views_of

SAMPLES = 64  # frames by which GPU and processor are compared


@dataclass(frozen=True)
class Request:
    """Chunks of equal length that go through the network together, and the window of each."""

    chunks: Sequence[Chunk]
    windows: Tensor
    """(chunks, 4), as `views.training_windows` gives them."""


@dataclass(frozen=True)
class Frames:
    """Those frames of a request that have one size, on the device."""

    pixels: Tensor
    """(chunks, T, 3, H, W) uint8."""
    windows: Tensor
    """(chunks, 4)."""


@dataclass(frozen=True)
class Prepared:
    """A request's frames on the device, by size."""

    groups: list[Frames]
    order: Tensor | None
    """Of each of the request's chunks, its place among those of all groups; None where there is one group."""


Decoded = list[tuple[list[int], Tensor]]
"""By size: which of a request's chunks they are, and their frames, (chunks, T, 3, H, W) uint8."""


def load_views(
    source: JpegSource,
    requests: Iterable[Request],
    *,
    view: ViewSettings,
    device: torch.device,
    workers: int,
    decoder: str = "auto",
    ahead: int = 3,
) -> Generator[Tensor, None, None]:
    """The views of each request's frames, in order: (chunks, T, 3, size, size) float32 on `device`.

    The next `ahead` requests are read and decoded meanwhile, by `workers` threads or by the GPU (`decoder`: the
    configuration's engine.decoder). `requests` is read in the caller's thread. Closing the iterator stops the threads.

    Raises:
        UserError: a frame is missing or its JPEG is damaged; the GPU is to decode and cannot.
    """
    requests = iter(requests)
    first = next(requests, None)
    if first is None:
        return
    samples = (_read(source, chunk, frame) for chunk in first.chunks for frame in chunk.frames)
    threads = Threads(workers)
    try:
        on_gpu = gpu_decodes(decoder, device, itertools.islice(samples, SAMPLES), on_processor=threads)
        prepare = _Preparer(source, device, threads, decoder if on_gpu else None)
        # For the GPU's decoder one request at a time: see decode_on_gpu.
        preparers = ThreadPoolExecutor(1 if on_gpu else 2, "preparer")
        waiting: deque[Future[Prepared]] = deque()
        try:
            for request in itertools.chain([first], requests):
                waiting.append(preparers.submit(prepare, request))
                if len(waiting) > ahead:
                    yield _views(waiting.popleft().result(), view)
            while waiting:
                yield _views(waiting.popleft().result(), view)
        finally:
            # A preparer may be waiting for the threads that decode, so these are told first.
            threads.stop(wait=False)
            preparers.shutdown(cancel_futures=True)
    finally:
        threads.stop()


class _Preparer:
    """Brings a request's frames onto the device; called in a thread of its own, which waits for the work's end."""

    def __init__(self, source: JpegSource, device: torch.device, threads: Threads, gpu: str | None) -> None:
        self.source, self.device, self.threads = source, device, threads
        self.gpu = gpu  # engine.decoder as long as the GPU decodes
        self.cuda = device.type == "cuda"
        # Copies on a stream of their own do not queue behind the network; of priority, as each is awaited here.
        self.stream = torch.cuda.Stream(device, priority=-1) if self.cuda else None

    def __call__(self, request: Request) -> Prepared:
        jpegs = [[_read(self.source, chunk, frame) for frame in chunk.frames] for chunk in request.chunks]
        with torch.cuda.stream(self.stream) if self.stream is not None else nullcontext():
            decoded = self._decoded(request.chunks, jpegs)
            groups = [Frames(self._moved(pixels), self._moved(request.windows[own])) for own, pixels in decoded]
            order = None
            if len(groups) > 1:
                order = self._moved(torch.tensor([place for own, _ in decoded for place in own]).argsort())
            if self.stream is not None:
                # Waiting here costs nobody time, and makes all that follows safe: who gets the frames need not wait for
                # a copy, and memory that is free now, on either side, can be used by the next request.
                self.stream.synchronize()
        return Prepared(groups, order)

    def _moved(self, tensor: Tensor) -> Tensor:
        """On the device, through pinned memory, so that the host does not wait for the copy."""
        if tensor.device.type == self.device.type:
            return tensor
        return tensor.pin_memory().to(self.device, non_blocking=True)  # what is pinned already stays where it is

    def _decoded(self, chunks: Sequence[Chunk], jpegs: list[list[Jpeg]]) -> Decoded:
        """By the GPU as long as that does not fail."""
        if self.gpu is None:
            return self._by_threads(chunks, jpegs)
        try:
            return self._by_gpu(jpegs)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            failure = error.with_traceback(None)  # which would keep the pictures
        decoded = self._by_threads(chunks, jpegs)  # says so if the reason is a damaged frame
        give_up(self.gpu, self.device, failure)
        self.gpu = None
        return decoded

    def _by_threads(self, chunks: Sequence[Chunk], jpegs: list[list[Jpeg]]) -> Decoded:
        """In the decoder's order in memory, RGB by RGB; pinned for a GPU.

        torch keeps pinned memory that has become free and hands it out again, so that this is a small ring of buffers.
        """
        decoded: Decoded = []
        sizes = [_size(chunk, own[0]) for chunk, own in zip(chunks, jpegs, strict=True)]
        for size, places in _places(sizes).items():
            length = len(jpegs[0])
            pixels = torch.empty((len(places), length, *size, 3), dtype=torch.uint8, pin_memory=self.cuda)
            try:
                self.threads([jpeg for i in places for jpeg in jpegs[i]], list(pixels.flatten(0, 1).numpy()))
            except Damaged as error:
                chunk = chunks[places[error.number // length]]
                raise _damaged(chunk, chunk.frames[error.number % length], error) from error
            decoded.append((places, pixels.permute(0, 1, 4, 2, 3)))
        return decoded

    def _by_gpu(self, jpegs: list[list[Jpeg]]) -> Decoded:
        """In one call, whatever the sizes. Raises `RuntimeError` where the GPU fails, or a chunk has two sizes."""
        pictures = iter(decode_on_gpu([jpeg for own in jpegs for jpeg in own], self.device))
        chunks = [list(itertools.islice(pictures, len(own))) for own in jpegs]
        places = _places([(chunk[0].shape[-2], chunk[0].shape[-1]) for chunk in chunks]).values()
        return [(own, torch.stack([p for i in own for p in chunks[i]]).unflatten(0, (len(own), -1))) for own in places]


def _places(sizes: Iterable[tuple[int, int]]) -> dict[tuple[int, int], list[int]]:
    """Which chunks have each size; a clip's frames have one."""
    places: dict[tuple[int, int], list[int]] = {}
    for place, size in enumerate(sizes):
        places.setdefault(size, []).append(place)
    return places


def _views(request: Prepared, view: ViewSettings) -> Tensor:
    """The views of a request's frames in the request's order; computed on the caller's stream."""
    tensors = [tensor for group in request.groups for tensor in (group.pixels, group.windows)]
    tensors += [] if request.order is None else [request.order]
    for tensor in tensors:
        if tensor.device.type == "cuda":
            tensor.record_stream(torch.cuda.current_stream(tensor.device))
    views = [views_of(group.pixels, group.windows, view) for group in request.groups]
    return views[0] if request.order is None else torch.cat(views)[request.order]


def _read(source: JpegSource, chunk: Chunk, frame: int) -> Jpeg:
    return source.read(chunk.class_name, chunk.video, frame)


def _size(chunk: Chunk, jpeg: Jpeg) -> tuple[int, int]:
    """Height and width of a chunk's first frame."""
    try:
        return size_of(jpeg)
    except ValueError as error:
        raise _damaged(chunk, chunk.frames[0], error) from error


def _damaged(chunk: Chunk, frame: int, error: ValueError) -> UserError:
    return UserError(
        f"{chunk.class_name}.tar: {member(chunk.video, frame)} is a damaged JPEG ({error}); "
        "delete the tar and run extract_frames again"
    )
