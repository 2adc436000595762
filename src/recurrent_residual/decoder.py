"""Who decodes the JPEGs: the GPU, where its decoder gives the right pixels and is the faster one, or the processor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from recurrent_residual.errors import UserError
from recurrent_residual.jpeg import Jpeg, decode_into, size_of
from recurrent_residual.messages import say

PARTS = 4  # tasks a thread and call: as many as keep the last one short
TOLERANCE = 3.0
"""Mean absolute difference, of 255 levels, between the GPU's pixels and the processor's.

Decoders may round, and interpolate the colours, of which there is one for four pixels, as they like: libjpeg-turbo's
fast ways differ from its exact ones by 1.3 on UCF-101's frames (2.1 at most, 72 frames of quality 95). Swapped colours
or a picture in the wrong place are off by much more.
"""

GpuDecoder = Callable[[Sequence[Jpeg], torch.device], list[Tensor]]
ProcessorDecoder = Callable[[Sequence[Jpeg], Sequence[np.ndarray]], None]

_found: dict[tuple[str, torch.device], bool] = {}
"""`gpu_decodes` by setting and device: an epoch does not measure again what the one before it has."""


class Damaged(ValueError):
    """The JPEG of index `number` of those that were to be decoded is damaged."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number


class Threads:
    """The processor's threads that decode."""

    def __init__(self, workers: int) -> None:
        self.pool = ThreadPoolExecutor(workers, "decoder")
        self.parts = workers * PARTS

    def __call__(self, jpegs: Sequence[Jpeg], out: Sequence[np.ndarray]) -> None:
        """Decode each into its array, (H, W, 3) uint8. Raises `Damaged`, also where one is of another size."""

        def decode(part: range) -> None:
            for i in part:
                try:
                    decode_into(jpegs[i], out[i])
                except ValueError as error:
                    raise Damaged(i, str(error)) from error

        every = range(len(jpegs))
        length = -(-len(jpegs) // self.parts)
        parts = [every[i : i + length] for i in range(0, len(jpegs), length)]
        for future in [self.pool.submit(decode, part) for part in parts]:
            future.result()

    def stop(self, *, wait: bool = True) -> None:
        """Begin no other task, and wait for those that have begun."""
        self.pool.shutdown(wait=wait, cancel_futures=True)


def decode_on_gpu(jpegs: Sequence[Jpeg], device: torch.device) -> list[Tensor]:
    """Decode by nvJPEG: (3, H, W) uint8 on `device` each. Raises `RuntimeError` when one is damaged.

    For one thread at a time on a stream.
    """
    # The pictures' memory comes from the current stream, where it is free for work that is queued behind what still
    # reads it; but they are written on a stream of nvJPEG's own, which waits for nothing.
    torch.cuda.current_stream(device).synchronize()
    import torchvision  # noqa: F401  (its import registers the operator)

    # The operator itself, and not decode_jpeg, which has warned at each call since torchvision 0.29 that TorchCodec
    # will take its place.
    data = [torch.from_numpy(np.frombuffer(jpeg, np.uint8).copy()) for jpeg in jpegs]
    try:
        return torch.ops.image.decode_jpegs_cuda(data, 3, device)  # 3: RGB, torchvision.io.ImageReadMode
    except RuntimeError:
        torch.cuda.synchronize(device)  # the pictures before the damaged one may still be being written
        raise


def difference(expected: Sequence[np.ndarray], pictures: Sequence[Tensor]) -> float:
    """Mean absolute difference, of 255 levels, of `pictures`, (3, H, W) each, to `expected`, (H, W, 3) each."""
    differences = []
    for right, picture in zip(expected, pictures, strict=True):
        got = picture.permute(1, 2, 0).cpu().numpy()
        if got.shape != right.shape:
            return float("inf")
        differences.append(np.abs(got.astype(np.int16) - right).mean())
    return float(np.mean(differences))


def gpu_decodes(
    setting: str,
    device: torch.device,
    samples: Iterable[Jpeg],
    *,
    on_processor: ProcessorDecoder,
    on_gpu: GpuDecoder = decode_on_gpu,
) -> bool:
    """Whether the GPU is to decode, by the configuration's engine.decoder: "auto", "gpu" or "cpu".

    "auto" decodes the `samples`, some of the data's own JPEGs, on the processor and on the GPU, takes the GPU if it
    gives the same pictures and is not slower, and says why in one line; a process asks once. Raises `UserError` where
    "gpu" is impossible.
    """
    if setting == "cpu" or (setting == "auto" and device.type != "cuda"):
        return False
    if device.type != "cuda":
        raise UserError("engine.decoder: gpu needs a GPU, and none is used here; set auto")
    if (setting, device) in _found:
        return _found[setting, device]
    jpegs = list(samples)
    try:
        expected = [np.empty((*size_of(jpeg), 3), np.uint8) for jpeg in jpegs]
        on_processor(jpegs, expected)
    except ValueError:
        return False  # damaged: whoever decodes it for good names the frame
    problem = _problem(expected, jpegs, device, on_gpu)
    if problem is not None and setting == "gpu":
        raise UserError(f"engine.decoder: {problem}; set auto or cpu")
    if problem is not None:
        say(f"{problem}: the processor decodes them")
    _found[setting, device] = problem is None and (
        setting == "gpu"
        or _is_faster(len(jpegs), gpu=lambda: on_gpu(jpegs, device), processor=lambda: on_processor(jpegs, expected))
    )
    return _found[setting, device]


def decoder_used() -> str:
    """Who decodes this process's JPEGs: "gpu", or "cpu" where nothing else was found."""
    return "gpu" if any(_found.values()) else "cpu"


def _problem(
    expected: Sequence[np.ndarray], jpegs: Sequence[Jpeg], device: torch.device, on_gpu: GpuDecoder
) -> str | None:
    """Why the GPU cannot decode; None where it can."""
    try:
        off = difference(expected, on_gpu(jpegs, device))
    except (AttributeError, ImportError, RuntimeError) as error:  # no operator, library or decoder
        return f"the GPU does not decode JPEGs ({_first_line(error)})"
    return None if off <= TOLERANCE else f"the GPU's pictures differ from the processor's by {off:.1f} of 255 levels"


def _is_faster(frames: int, *, gpu: Callable[[], object], processor: Callable[[], object]) -> bool:
    """Whether the GPU decodes the `frames` frames in no more time, said with both speeds. Both have done it before.

    A GPU without a hardware decoder (before A100) decodes picture by picture, slower than some threads.
    """
    on_gpu, on_processor = (frames / min(_seconds(decode), _seconds(decode)) for decode in (gpu, processor))
    faster = on_gpu >= on_processor
    say(
        f"the {'GPU' if faster else 'processor'} decodes the JPEGs: "
        f"the GPU {on_gpu:,.0f} frames/s, the processor's threads {on_processor:,.0f}"
    )
    return faster


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def give_up(setting: str, device: torch.device, error: Exception) -> None:
    """The GPU failed where the processor did not: `gpu_decodes` says no from now on."""
    _found[setting, device] = False
    say(f"the GPU failed to decode ({_first_line(error)}); the processor does it from now on")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
