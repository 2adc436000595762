"""Protects the choice of who decodes: a GPU that gives other pixels, or none, or is slow, must not be taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from test_jpeg import picture
from torch import Tensor

from recurrent_residual import decoder
from recurrent_residual.decoder import Damaged, Threads, decode_on_gpu, gpu_decodes
from recurrent_residual.errors import UserError
from recurrent_residual.jpeg import Jpeg, decode_into

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
DATA, PIXELS = picture()
RIGHT = torch.from_numpy(PIXELS.copy()).permute(2, 0, 1)


def gives(pixels: Tensor, *, seconds: float = 0) -> Callable[[Sequence[Jpeg], torch.device], list[Tensor]]:
    """A stand-in for the GPU's decoder, which takes so long for any number of frames."""

    def decode(jpegs: Sequence[Jpeg], device: torch.device) -> list[Tensor]:
        time.sleep(seconds)
        return [pixels] * len(jpegs)

    return decode


def processor(seconds: float = 0.05) -> Callable[[Sequence[Jpeg], Sequence[np.ndarray]], None]:
    """The processor, which takes at least so long."""

    def decode(jpegs: Sequence[Jpeg], out: Sequence[np.ndarray]) -> None:
        time.sleep(seconds)
        for jpeg, array in zip(jpegs, out, strict=True):
            decode_into(jpeg, array)

    return decode


def rounded_otherwise() -> Tensor:
    rng = np.random.default_rng(1)
    return (RIGHT.int() + torch.from_numpy(rng.integers(-2, 3, RIGHT.shape))).clamp(0, 255).to(torch.uint8)


@pytest.fixture(autouse=True)
def _nothing_found_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "_found", {})


@pytest.mark.parametrize("pixels", [RIGHT, rounded_otherwise()], ids=["equal", "rounded otherwise"])
def test_the_gpu_decodes_where_its_pixels_are_right(pixels: Tensor, capsys: pytest.CaptureFixture) -> None:
    """Said once, with what it gains; who asks for the GPU by name is told nothing."""
    for _ in range(3):
        assert gpu_decodes("auto", CUDA, [DATA, DATA], on_gpu=gives(pixels), on_processor=processor())
    message = capsys.readouterr().err
    assert message.startswith("the GPU decodes the JPEGs: the GPU ") and message.count("\n") == 1
    assert gpu_decodes("gpu", CUDA, [DATA], on_gpu=gives(pixels, seconds=0.1), on_processor=processor(0))
    assert capsys.readouterr().err == ""


def test_a_gpu_that_is_slower_is_left_alone(capsys: pytest.CaptureFixture) -> None:
    """Without a hardware decoder torchvision decodes picture by picture; one slow first call decides nothing."""
    calls = iter(range(9))

    def warming_up(jpegs: Sequence[Jpeg], out: Sequence[np.ndarray]) -> None:
        processor(0.3 if next(calls) < 2 else 0)(jpegs, out)

    slow = gives(RIGHT, seconds=0.1)
    assert not gpu_decodes("auto", CUDA, [DATA] * 8, on_gpu=slow, on_processor=warming_up)
    message = capsys.readouterr().err
    assert message.startswith("the processor decodes the JPEGs: the GPU ") and message.count("\n") == 1
    on_gpu, on_processor = (int(word.replace(",", "")) for word in message.split() if word[0].isdigit())
    assert 40 < on_gpu <= 80 < on_processor  # 8 frames in 0.1 s


@pytest.mark.parametrize(
    "pixels", [RIGHT.flip(0), RIGHT.roll(4, 2), RIGHT[:, :-1]], ids=["BGR", "shifted", "another size"]
)
def test_a_gpu_with_wrong_pixels_is_refused_in_one_line(pixels: Tensor, capsys: pytest.CaptureFixture) -> None:
    """Said once, not at each epoch; and an error where the GPU was asked for by name."""
    for _ in range(3):
        assert not gpu_decodes("auto", CUDA, [DATA], on_gpu=gives(pixels), on_processor=processor())
    message = capsys.readouterr().err
    assert "differ from the processor's" in message and message.count("\n") == 1
    with pytest.raises(UserError, match=r"engine\.decoder: .*differ"):
        gpu_decodes("gpu", CUDA, [DATA], on_gpu=gives(pixels), on_processor=processor())


def failing(error: Exception) -> Callable[[Sequence[Jpeg], torch.device], list[Tensor]]:
    def decode(jpegs: Sequence[Jpeg], device: torch.device) -> list[Tensor]:
        raise error

    return decode


@pytest.mark.parametrize(
    "error", [RuntimeError("nvjpegCreate failed\nmore"), ImportError("no module"), AttributeError()]
)
def test_a_gpu_without_decoder_is_refused_in_one_line(error: Exception, capsys: pytest.CaptureFixture) -> None:
    assert not gpu_decodes("auto", CUDA, [DATA], on_gpu=failing(error), on_processor=processor(0))
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(UserError, match=r"engine\.decoder"):
        gpu_decodes("gpu", CUDA, [DATA], on_gpu=failing(error), on_processor=processor(0))


@pytest.mark.parametrize("setting", ["auto", "gpu"])
def test_a_damaged_sample_is_no_fault_of_the_gpu(setting: str, capsys: pytest.CaptureFixture) -> None:
    """Nothing is said or decided: the loader names the frame, and the next request with whole frames is asked anew."""
    gpu = failing(RuntimeError("Failed to decode batch: 8"))
    for damaged in (DATA[: len(DATA) // 2], b"GIF89a"):
        assert not gpu_decodes(setting, CUDA, [DATA, damaged], on_gpu=gpu, on_processor=processor(0))
    assert capsys.readouterr().err == ""
    assert gpu_decodes(setting, CUDA, [DATA], on_gpu=gives(RIGHT), on_processor=processor())


def test_after_a_failure_the_gpu_is_not_asked_again(capsys: pytest.CaptureFixture) -> None:
    """The next epoch, which would find that a few samples decode well."""
    assert gpu_decodes("gpu", CUDA, [DATA], on_gpu=gives(RIGHT), on_processor=processor(0))
    decoder.give_up("gpu", CUDA, RuntimeError("Failed to decode batch: 6\nmore"))
    assert "failed to decode (Failed to decode batch: 6); the processor" in capsys.readouterr().err
    assert not gpu_decodes("gpu", CUDA, [DATA], on_gpu=gives(RIGHT), on_processor=processor(0))


def test_without_gpu_the_processor_decodes_and_asks_nobody() -> None:
    """No sample is read, no library loaded; to insist on the GPU is an error that names the key."""

    def no_samples():
        pytest.fail("a sample was read")
        yield b""

    assert not gpu_decodes("auto", CPU, no_samples(), on_processor=processor())
    assert not gpu_decodes("cpu", CUDA, no_samples(), on_processor=processor())
    with pytest.raises(UserError, match=r"engine\.decoder: gpu needs a GPU"):
        gpu_decodes("gpu", CPU, no_samples(), on_processor=processor())


@pytest.mark.parametrize(("workers", "frames"), [(1, 1), (1, 9), (2, 8), (3, 40)])
def test_threads_decode_each_frame_into_its_own_array(workers: int, frames: int) -> None:
    """However many there are for a thread; the first damaged one is told by its number."""
    threads = Threads(workers)
    out = np.zeros((frames, *PIXELS.shape), np.uint8)
    threads([DATA] * frames, out)
    assert (out == PIXELS).all()
    with pytest.raises(Damaged) as damaged:
        threads([*[DATA] * (frames - 1), DATA[:100]], out)
    assert damaged.value.number == frames - 1
    threads.stop()


def test_torchvision_has_the_operator_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Called without a GPU it refuses as a RuntimeError: it is there, takes these arguments, and is caught.

    Before it, what is queued on the current stream is awaited: the operator writes on a stream of its own to memory
    that such work may still read. After it failed, what it has queued is awaited, too.
    """
    if torch.cuda.is_available():
        assert decoder.difference([PIXELS], decode_on_gpu([DATA], CUDA)) <= decoder.TOLERANCE
        return
    done: list[str] = []

    class Stream:
        def synchronize(self) -> None:
            done.append("stream")

    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: done.append("device"))
    with pytest.raises(RuntimeError, match="nvjpeg|CUDA|cuda"):
        decode_on_gpu([DATA], CUDA)
    assert done == ["stream", "device"]
