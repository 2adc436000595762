"""Protects what reaches the networks: the right frames in the right order, errors, and no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import simplejpeg
import torch
from decoded import decoded
from made_frames import MadeSource, made_clip

from recurrent_residual import decoder, loader
from recurrent_residual.chunks import Chunk, JpegSource, cut
from recurrent_residual.errors import UserError
from recurrent_residual.loader import Request, load_views
from recurrent_residual.manifest import Clip
from recurrent_residual.views import ViewSettings, take_views, training_windows

VIEW = ViewSettings((32, 24), 16, (24, 20, 16), flip=True)
CPU = torch.device("cpu")


class SourceOfSizes:
    """Clips of three sizes, as in HMDB-51, whose clips differ in width."""

    def __init__(self, clips: list[Clip]) -> None:
        self.sources = [MadeSource(clips, width=width) for width in (32, 40, 36)]

    def read(self, class_name: str, video: str, frame: int) -> bytes:
        return self.sources[int(video[-2:]) % 3].read(class_name, video, frame)


def naive(source: JpegSource, request: Request) -> torch.Tensor:
    """One chunk after the other."""
    chunks = zip(decoded(source, request.chunks), request.windows, strict=True)
    return torch.stack([take_views(pixels[None], window[None], VIEW.size)[0] for pixels, window in chunks])


def shuffled(chunks: list[Chunk]) -> list[Chunk]:
    """As in a training: sizes of clips alternate within a request."""
    return [chunks[i] for i in torch.randperm(len(chunks), generator=torch.Generator().manual_seed(2)).tolist()]


def requests_of(chunks: list[Chunk], size: int) -> list[Request]:
    windows = training_windows(len(chunks), VIEW, torch.Generator().manual_seed(1))
    return [Request(chunks[i : i + size], windows[i : i + size]) for i in range(0, len(chunks), size)]


@pytest.mark.parametrize("kind", [MadeSource, SourceOfSizes])
@pytest.mark.parametrize(("workers", "ahead"), [(1, 0), (1, 3), (3, 2)])
def test_views_are_those_of_one_frame_after_the_other(kind: type, workers: int, ahead: int) -> None:
    """Bit for bit and in order, whatever the threads, the look-ahead and the mixture of sizes in a request."""
    clips = [made_clip(i, label=i % 3) for i in range(1, 10)]
    source, requests = kind(clips), requests_of(shuffled(cut(clips, length=2, every=10)), 7)
    got = list(load_views(source, iter(requests), view=VIEW, device=CPU, workers=workers, ahead=ahead))
    assert len(got) == len(requests)
    for request, views in zip(requests, got, strict=True):
        assert torch.equal(views, naive(source, request))


def test_requests_are_read_ahead_but_not_further() -> None:
    """A slow caller finds the next `ahead` requests done; an epoch's pixels never pile up in memory."""
    clips = [made_clip(i) for i in range(1, 21)]
    asked: list[int] = []

    def asking() -> Iterator[Request]:
        for number, request in enumerate(requests_of(cut(clips, length=4, every=10), 1)):
            asked.append(number)
            yield request

    views = load_views(MadeSource(clips), asking(), view=VIEW, device=CPU, workers=1, ahead=3)
    for number, _ in zip(range(6), views, strict=False):
        assert asked[-1] == number + 3
    views.close()


@pytest.mark.parametrize("damage", ["cut short", "not a JPEG", "another size"])
@pytest.mark.parametrize("frame", [0, 30])
def test_a_damaged_frame_is_named(damage: str, frame: int) -> None:
    """The first frame of a chunk, whose header is read, or another; the caller gets one line, not a decoder's text."""
    clips = [made_clip(i, label=2) for i in range(1, 6)]

    class Damaged(MadeSource):
        def read(self, class_name: str, video: str, number: int) -> bytes:
            data = super().read(class_name, video, number)
            if (video, number) != (clips[3].video, frame):
                return data
            larger = MadeSource(clips, height=48).read(class_name, video, number)
            return {"cut short": data[: len(data) // 2], "not a JPEG": b"GIF89a", "another size": larger}[damage]

    requests = requests_of(cut(clips, length=4, every=10), 2)
    views = load_views(Damaged(clips), requests, view=VIEW, device=CPU, workers=2)
    if (damage, frame) == ("another size", 0):  # then it is the second frame that does not fit
        frame = 10
    with pytest.raises(UserError, match=rf"Class2\.tar: {clips[3].video}/0000{frame:02d}\.jpg is a damaged JPEG"):
        list(views)
    assert not threads()


def threads() -> list[str]:
    """Names of the loader's threads that live."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith(("decoder", "preparer"))]


def test_closing_early_stops_the_threads_at_once() -> None:
    """After out-of-memory the training closes the loader and starts another: nothing may go on decoding."""
    clips = [made_clip(i) for i in range(1, 101)]

    class Slow(MadeSource):
        def read(self, class_name: str, video: str, frame: int) -> bytes:
            time.sleep(0.002)
            return super().read(class_name, video, frame)

    requests = requests_of(cut(clips, length=4, every=10), 10)
    views = load_views(Slow(clips), requests, view=VIEW, device=CPU, workers=2, ahead=8)
    next(views)
    assert threads()
    started = time.monotonic()
    views.close()
    assert not threads()
    assert time.monotonic() - started < 1


def test_no_request_no_view() -> None:
    assert list(load_views(MadeSource([]), [], view=VIEW, device=CPU, workers=1)) == []
    assert not threads()


class FakeGpu:
    """The GPU's decoder: gives the negative of each picture, so that one sees who decoded; fails at some calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failures: dict[int, Exception]) -> None:
        self.calls: list[int] = []
        self.failures = failures
        monkeypatch.setattr(loader, "decode_on_gpu", self)
        monkeypatch.setattr(loader, "gpu_decodes", lambda *_, **__: True)
        monkeypatch.setattr(decoder, "_found", {})

    def __call__(self, jpegs: list[bytes], device: torch.device) -> list[torch.Tensor]:
        self.calls.append(len(jpegs))
        if (error := self.failures.get(len(self.calls))) is not None:
            raise error
        return [255 - torch.from_numpy(simplejpeg.decode_jpeg(jpeg)).permute(2, 0, 1) for jpeg in jpegs]


def negative(source: JpegSource, request: Request) -> torch.Tensor:
    """Of what `naive` gives."""
    black, white = (
        take_views(torch.full((1, 1, 3, 24, 32), level), request.windows[:1], VIEW.size)[0, 0] for level in (0.0, 255.0)
    )
    return black + white - naive(source, request)


@pytest.mark.parametrize("kind", [MadeSource, SourceOfSizes])
def test_where_the_gpu_decodes_it_gives_the_pixels(
    kind: type, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """In order, in one call a request, whatever the sizes: pictures of a second call could overwrite the first's."""
    clips = [made_clip(i, label=i % 3) for i in range(1, 8)]
    source, gpu = kind(clips), FakeGpu(monkeypatch, {})
    requests = requests_of(shuffled(cut(clips, length=2, every=10)), 5)
    got = list(load_views(source, requests, view=VIEW, device=CPU, workers=2))
    assert gpu.calls == [2 * len(request.chunks) for request in requests]
    for request, views in zip(requests, got, strict=True):
        torch.testing.assert_close(views, negative(source, request), rtol=1e-3, atol=1e-3)
    assert capsys.readouterr().err == ""


def test_where_the_gpu_fails_the_processor_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """From that request on, which is said once: a thousand silent failures are a slow training nobody can explain."""
    clips = [made_clip(i, label=i % 3) for i in range(1, 12)]
    source, gpu = MadeSource(clips), FakeGpu(monkeypatch, {2: RuntimeError("nvjpegDecodeBatched failed\nmore")})
    requests = requests_of(cut(clips, length=2, every=10), 5)
    got = list(load_views(source, requests, view=VIEW, device=CPU, workers=2))
    assert len(gpu.calls) == 2 < len(requests)
    torch.testing.assert_close(got[0], negative(source, requests[0]), rtol=1e-3, atol=1e-3)
    for request, views in zip(requests[1:], got[1:], strict=True):
        assert torch.equal(views, naive(source, request))
    said = "the GPU failed to decode (nvjpegDecodeBatched failed); the processor does it from now on\n"
    assert capsys.readouterr().err == said
    assert decoder._found == {("auto", CPU): False}


def test_a_damaged_frame_is_no_failure_of_the_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """The processor names it, and the GPU is not blamed."""
    clips = [made_clip(i) for i in range(1, 4)]
    FakeGpu(monkeypatch, {1: RuntimeError("Failed to decode batch: 2")})

    class Damaged(MadeSource):
        def read(self, class_name: str, video: str, number: int) -> bytes:
            return super().read(class_name, video, number)[: 100 if number == 10 else None]

    with pytest.raises(UserError, match=r"/000010\.jpg is a damaged JPEG"):
        list(
            load_views(Damaged(clips), requests_of(cut(clips, length=2, every=10), 5), view=VIEW, device=CPU, workers=1)
        )
    assert capsys.readouterr().err == "" and decoder._found == {}


def test_memory_that_does_not_suffice_is_no_failure_of_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised, so that a smaller batch is tried; torchvision's operator gives it as another error."""
    clips = [made_clip(1)]
    FakeGpu(monkeypatch, {1: RuntimeError("Error while decoding JPEG images: CUDA out of memory")})
    with pytest.raises(RuntimeError, match="out of memory"):
        list(
            load_views(
                MadeSource(clips), requests_of(cut(clips, length=2, every=10), 5), view=VIEW, device=CPU, workers=1
            )
        )
    assert decoder._found == {} and not threads()
