"""Protects a video's score: the mean of its windows' probabilities, each computed as if alone."""

from __future__ import annotations

import re

import pytest
import torch
from decoded import decoded
from made_frames import MadeSource, made_clip
from test_loader import threads
from test_recurrent_resnet import ARRANGEMENTS, randomise

from recurrent_residual import inference
from recurrent_residual.backbone import build_backbone
from recurrent_residual.chunks import cut
from recurrent_residual.errors import UserError
from recurrent_residual.inference import predict_network
from recurrent_residual.models.recurrent_resnet import RecurrentResNet
from recurrent_residual.passes import plan
from recurrent_residual.views import ViewSettings, take_views
from recurrent_residual.views import test_window as centre

VIEW = ViewSettings((32, 24), 16, (24,), flip=True)
# 10, 2, 7, 3, 24 and 1 samples: shorter than a chunk, as long as one, and longer than most of the batches below.
CLIPS = [made_clip(i, label=i % 4, frames=frames) for i, frames in enumerate((95, 15, 61, 28, 240, 8))]
SOURCE = MadeSource(CLIPS)


def network(skips: list[str], kind: str = "identity", frames: int | None = None, readout: str = "last"):
    torch.manual_seed(0)
    net = RecurrentResNet(build_backbone("small-8", classes=4), skips=skips, kind=kind, frames=frames, readout=readout)
    return randomise(net).eval()


def predict(net: torch.nn.Module, frames: int, batch: int, windows: str) -> torch.Tensor:
    return predict_network(
        net,
        CLIPS,
        SOURCE,
        frames=frames,
        every=10,
        view=VIEW,
        batch=batch,
        device=torch.device("cpu"),
        workers=2,
        windows=windows,
    )


def naive(net: RecurrentResNet, *, step: int) -> torch.Tensor:
    """Every clip by itself, each of its windows with T frames of its own, the next one `step` samples later."""
    scores = []
    for clip in CLIPS:
        samples = list(range(0, clip.frames, 10))
        samples += samples[-1:] * (net.frames - len(samples))
        (video,) = decoded(SOURCE, cut([clip], length=len(samples), every=10))
        views = take_views(video[None], centre(VIEW)[None], 16)
        starts = range(0, len(samples) - net.frames + 1, step)
        with torch.no_grad():
            windows = net(torch.cat([views[:, start : start + net.frames] for start in starts])).exp()
        scores.append(windows.mean(dim=0))
    return torch.stack(scores)


@pytest.mark.parametrize("batch", [1, 5, 64])
def test_disjoint_scores_equal_a_loop_over_videos_and_chunks(batch: int) -> None:
    net = network(["layer4.-2", "layer4.-1"])
    scores = predict(net, 3, batch, "disjoint")
    torch.testing.assert_close(scores, naive(net, step=3), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(scores.sum(dim=1), torch.ones(len(CLIPS)))


VARIANTS = {
    **{name: (skips, kind, None, "last") for name, (skips, kind) in ARRANGEMENTS.items()},
    "control": ([], "identity", 1, "last"),
    "control last": ([], "identity", 2, "last"),
    "control average": ([], "identity", 3, "average"),
    "average": (["layer4.-2", "layer4.-1"], "identity", 5, "average"),
    "average of one": (["layer4.-1"], "nonlinear", 2, "average"),
    "last of many": (["layer4.-1"], "convolution", 4, "last"),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("batch", [6, 64])
def test_dense_scores_equal_a_loop_over_overlapping_windows(variant: str, batch: int) -> None:
    """Each frame goes through the network once, with its neighbours of other videos; a long video in pieces."""
    skips, kind, frames, readout = VARIANTS[variant]
    net = network(skips, kind, frames, readout)
    torch.testing.assert_close(predict(net, net.frames, batch, "dense"), naive(net, step=1), rtol=1e-3, atol=1e-5)


def test_for_single_frames_dense_and_disjoint_are_one() -> None:
    net = network([], frames=1)
    dense, disjoint = predict(net, 1, 16, "dense"), predict(net, 1, 16, "disjoint")
    torch.testing.assert_close(dense, disjoint, rtol=1e-4, atol=1e-6)


def test_a_network_that_cannot_share_work_is_scored_window_by_window() -> None:
    """A model without `dense`: correct, and T passes a frame."""
    net = network(["layer4.-1"])

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = net

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x)

    torch.testing.assert_close(predict(Plain(), 2, 8, "dense"), naive(net, step=1), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("readout", ["last", "average"])
def test_a_frame_goes_through_the_network_once(readout: str) -> None:
    """One pass a frame that counts, in passes no larger than asked for: the price of a plain ResNet, not T times it."""
    net = network(["layer4.-1"], frames=3, readout=readout)
    for batch in (50, 8):
        passes = plan(net, CLIPS, frames=3, every=10, windows="dense", batch=batch)
        assert max(one.frames for one in passes) <= batch
        assert all(one.frames == sum(one.lengths) for one in passes)
    once = plan(net, CLIPS, frames=3, every=10, windows="dense", batch=50)
    samples = sum(max(3, len(range(0, clip.frames, 10))) for clip in CLIPS)
    unseen = len(CLIPS) if readout == "last" else 0  # a video's first sample is in no window's last two
    assert sum(one.frames for one in once) == samples - unseen


def test_an_unknown_kind_of_windows_is_named() -> None:
    with pytest.raises(UserError, match=r"evaluation\.windows: 'sliding' is none of disjoint, dense"):
        predict(network([], frames=1), 1, 8, "sliding")


@pytest.mark.parametrize("windows", ["disjoint", "dense"])
def test_a_network_in_training_is_as_before(windows: str) -> None:
    """Held-out clips are scored between two epochs: mode, statistics, gradients and random numbers go on."""
    net = network(["layer4.-1"]).train()
    net.backbone.fc.weight.grad = torch.ones_like(net.backbone.fc.weight)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    torch.manual_seed(5)
    state = torch.get_rng_state()
    predict(net, 2, 8, windows)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training for module in net.modules())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert (net.backbone.fc.weight.grad == 1).all()


class Cramped(RecurrentResNet):
    """Has memory for `limit` frames."""

    limit = 5
    error: RuntimeError = torch.OutOfMemoryError("CUDA out of memory")

    def logits(self, clips: torch.Tensor) -> torch.Tensor:
        if clips.shape[0] * clips.shape[1] > self.limit:
            raise self.error
        return super().logits(clips)


@pytest.mark.parametrize("windows", ["disjoint", "dense"])
@pytest.mark.parametrize("error", [Cramped.error, RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")])
def test_out_of_memory_halves_the_batch(
    windows: str, error: RuntimeError, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """32, 16, 8, 4 frames: each said in a line; the result is that of the small batch; no thread stays behind."""
    monkeypatch.setattr(Cramped, "error", error)
    net = network(["layer4.-1"])
    expected = predict(net, 2, 4, windows)
    net.__class__ = Cramped
    assert torch.equal(predict(net, 2, 32, windows), expected)
    said = re.findall(r"evaluation\.batch (\d+)", capsys.readouterr().err)
    assert said == ["16", "8", "4"]
    assert not threads()


def test_another_error_stops_the_test_and_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not tried again with fewer frames; the loader is closed although somebody holds the traceback."""
    monkeypatch.setattr(Cramped, "error", RuntimeError("an illegal memory access was encountered"))
    net = network(["layer4.-1"])
    net.__class__ = Cramped
    with pytest.raises(RuntimeError, match="illegal memory access") as caught:
        predict(net, 2, 32, "dense")
    assert caught.tb is not None and not threads()


def test_within_a_training_that_tries_algorithms_the_test_does_not() -> None:
    """Held-out clips are scored within cudnn.benchmark; the other flags stay, and all are as before afterwards."""
    cudnn, seen = torch.backends.cudnn, []

    class Looking(RecurrentResNet):
        def logits(self, clips: torch.Tensor) -> torch.Tensor:
            seen.append((cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, cudnn.enabled))
            return super().logits(clips)

    net = network(["layer4.-1"])
    net.__class__ = Looking
    with cudnn.flags(enabled=True, benchmark=True, deterministic=True, allow_tf32=False):
        predict(net, 2, 64, "disjoint")
        assert (cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, cudnn.enabled) == (True, True, False, True)
    assert set(seen) == {(False, True, False, True)}


def test_where_not_one_chunk_fits_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cramped, "limit", 1)
    net = network(["layer4.-1"])
    net.__class__ = Cramped
    with pytest.raises(UserError, match=r"evaluation\.batch: the memory of cpu does not suffice for 2 frames"):
        predict(net, 2, 8, "disjoint")


def test_progress_is_told(capsys: pytest.CaptureFixture) -> None:
    """A line where it is time for one, with the frames that were read and the time that is left."""
    inference.predict_network(
        network([], frames=1),
        CLIPS,
        SOURCE,
        frames=1,
        every=10,
        view=VIEW,
        batch=20,
        device=torch.device("cpu"),
        workers=1,
        name="control split 1 seed 1",
        progress_seconds=0,
    )
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3  # 47 frames in passes of 20
    assert all(
        re.fullmatch(r"control split 1 seed 1: [456]/6 clips, [\d,]+ frames/s, 0:\d\d left", line) for line in lines
    )
