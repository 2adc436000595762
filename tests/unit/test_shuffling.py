"""Protects the test with shuffled frames: each chunk's own frames, in another order, and nothing else changed."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet
import pytest
import torch
from made_frames import MadeSource, made_clip
from made_tested import NETWORKS, make_tested
from test_inference import VARIANTS, network

from recurrent_residual.chunks import Chunk, cut
from recurrent_residual.inference import predict_network
from recurrent_residual.passes import plan
from recurrent_residual.shuffling import sees_order, shuffled
from recurrent_residual.views import ViewSettings

VIEW = ViewSettings((32, 24), 16, (24,), flip=True)
CLIPS = [made_clip(i, label=i % 4, frames=frames) for i, frames in enumerate((95, 15, 61, 28, 8))]


def chunk(frames: tuple[int, ...], video: str = "v_A_g01_c01") -> Chunk:
    return Chunk(0, "A", video, 0, frames)


@pytest.mark.parametrize("length", [2, 3, 5])
def test_each_other_order_is_equally_likely(length: int) -> None:
    """Over many chunks: never the order itself, each other one as often (chi-squared within 5 standard deviations)."""
    frames, draws = tuple(range(0, 10 * length, 10)), 400 * length
    counts = Counter(shuffled(chunk(frames, f"v_{i}")).frames for i in range(draws))
    others = set(itertools.permutations(frames)) - {frames}
    assert set(counts) <= others
    expected = draws / len(others)
    chi2 = sum((counts[order] - expected) ** 2 / expected for order in others)
    assert abs(chi2 - (len(others) - 1)) <= 5 * (2 * len(others)) ** 0.5


def test_two_frames_change_places() -> None:
    """For T = 2 there is one other order."""
    assert shuffled(chunk((10, 20))).frames == (20, 10)


def test_frames_that_a_short_clip_repeats() -> None:
    """Another order of what is there, where there is one; a single frame, however often, stays."""
    assert set(shuffled(chunk((0, 10, 10), f"v_{i}")).frames for i in range(50)) == {(10, 0, 10), (10, 10, 0)}
    assert shuffled(chunk((0, 0, 0))) == chunk((0, 0, 0))


def test_the_order_is_the_chunks_own() -> None:
    """The same whatever else is tested; by clip and by place in the clip, so not one order for all."""
    chunks = cut(CLIPS, length=3, every=10)
    alone = [shuffled(one) for clip in CLIPS for one in cut([clip], length=3, every=10)]
    assert [one.frames for one in alone] == [shuffled(one).frames for one in chunks]
    assert len({tuple(np.argsort(shuffled(chunk((i, i + 1, i + 2))).frames)) for i in range(40)}) == 5
    assert shuffled(chunks[0]).video == chunks[0].video and shuffled(chunks[0]).label == chunks[0].label


@pytest.mark.parametrize("windows", ["disjoint", "dense"])
@pytest.mark.parametrize("batch", [1, 4, 64])
def test_the_plan_has_the_same_chunks_whatever_the_batch(windows: str, batch: int) -> None:
    """Of each window the frames that the network reads, no other ones, and its clip."""
    net = SimpleNamespace(reads=2, dense=None)
    how = {"frames": 3, "every": 10, "windows": windows}
    passes = plan(net, CLIPS, **how, batch=batch, shuffled=True)  # type: ignore[arg-type]
    found = [one for each in passes for one in each.chunks]
    expected = cut(CLIPS, length=3, every=10, reads=2, step=1 if windows == "dense" else None)
    assert found == [shuffled(one) for one in expected]
    assert [owner for each in passes for owner in each.owners] == [one.clip for one in expected]
    assert all(sorted(a.frames) == list(b.frames) for a, b in zip(found, expected, strict=True))
    assert all(a.frames != b.frames for a, b in zip(found, expected, strict=True) if len(set(b.frames)) > 1)


class Alike(MadeSource):
    """All frames of a clip are its first."""

    def read(self, class_name: str, video: str, frame: int) -> bytes:
        return super().read(class_name, video, 0)


class Darkening(torch.nn.Module):
    """Class 1 where a chunk's first frame is the darker one, else class 0: it looks at nothing but the order."""

    reads = 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        brightness = x.mean(dim=(2, 3, 4))
        brighter = (brightness[:, 1] > brightness[:, 0]).float()
        return torch.stack([1 - brighter, brighter], dim=1).clamp(min=1e-9).log()


def predict(net: torch.nn.Module, source: MadeSource, *, batch: int = 64, windows: str = "disjoint", shuffled: bool):
    return predict_network(
        net,
        CLIPS,
        source,
        frames=getattr(net, "frames", 2),
        every=10,
        view=VIEW,
        batch=batch,
        device=torch.device("cpu"),
        workers=2,
        windows=windows,
        shuffled=shuffled,
    )


@pytest.mark.parametrize("windows", ["disjoint", "dense"])
@pytest.mark.parametrize("variant", [name for name, (skips, *_) in VARIANTS.items() if len(skips) in (1, 2, 4)])
def test_of_equal_frames_the_order_is_all_one(variant: str, windows: str) -> None:
    """A shuffled test differs by the order alone: with one picture a clip its scores are those of the ordered test."""
    skips, kind, frames, readout = VARIANTS[variant]
    net = network(skips, kind, frames, readout)
    net.backbone.fc.weight.data *= 0.1  # not so sure of itself that nothing moves its scores
    assert sees_order(net, frames=net.frames)
    alike, real = Alike(CLIPS), MadeSource(CLIPS)
    ordered = predict(net, alike, windows=windows, shuffled=False)
    torch.testing.assert_close(predict(net, alike, windows=windows, shuffled=True), ordered, rtol=0, atol=1e-5)
    # And of different ones it is not.
    moved = predict(net, real, windows=windows, shuffled=True) - predict(net, real, windows=windows, shuffled=False)
    assert moved.abs().max() > 1e-4


def test_a_network_that_sees_the_order_alone_is_turned_round() -> None:
    """What it was sure of it is now sure of the other way, but for clips of a single frame."""
    source = MadeSource(CLIPS)
    ordered, turned = (predict(Darkening(), source, shuffled=shuffled) for shuffled in (False, True))
    several = torch.tensor([clip.frames > 10 for clip in CLIPS])
    torch.testing.assert_close(turned[several], 1 - ordered[several])
    assert torch.equal(turned[~several], ordered[~several])


@pytest.mark.parametrize("windows", ["disjoint", "dense"])
def test_scores_do_not_depend_on_the_batch(windows: str) -> None:
    """Nor, with it, on the memory of who tests."""
    net = network(["layer4.-2", "layer4.-1"])
    scores = [predict(net, MadeSource(CLIPS), batch=batch, windows=windows, shuffled=True) for batch in (1, 7, 64)]
    for other in scores[1:]:
        torch.testing.assert_close(other, scores[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_a_skip_no_order_is_seen(variant: str) -> None:
    """One read, or an average of frames each seen by itself: these are not tested twice; that is right to rounding."""
    skips, kind, frames, readout = VARIANTS[variant]
    net = network(skips, kind, frames, readout)
    assert sees_order(net, frames=net.frames) == bool(skips)
    if not skips:
        source = MadeSource(CLIPS)
        ordered, other = (predict(net, source, shuffled=shuffled) for shuffled in (False, True))
        torch.testing.assert_close(other, ordered, rtol=1e-4, atol=1e-6)


def test_a_model_of_ones_own_is_tested_unless_it_reads_one_frame() -> None:
    """It need not say more than the frames it reads."""
    assert sees_order(Darkening(), frames=2) and sees_order(torch.nn.Identity(), frames=3)
    assert not sees_order(torch.nn.Identity(), frames=1)


@pytest.fixture(scope="module", params=["disjoint", "dense"])
def tested(request, tmp_path_factory) -> Path:
    return make_tested(tmp_path_factory.mktemp(request.param), windows=request.param)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_command_tests_twice_and_writes_both(tested: Path, name: str) -> None:
    """Real networks, files to files: what stands in metrics.json is what the predictions say, or null in both."""
    folder = tested / "runs" / name / "split1" / "seed1"
    metrics = json.loads((folder / "metrics.json").read_text())
    table = pyarrow.parquet.read_table(folder / "predictions.parquet")
    assert str(table.schema.field("predicted_shuffled").type) == "int32"
    predicted = table["predicted_shuffled"].to_pylist()
    if not NETWORKS[name]["skips"]:
        assert set(predicted) == {None}
        assert metrics["shuffled_error"] is None and metrics["shuffled_seconds"] is None
        return
    wrong = [a != b for a, b in zip(predicted, table["label"].to_pylist(), strict=True)]
    assert metrics["shuffled_error"] == pytest.approx(np.mean(wrong)) and metrics["shuffled_seconds"] > 0
    wrong = [a != b for a, b in zip(table["predicted"].to_pylist(), table["label"].to_pylist(), strict=True)]
    assert metrics["error"] == pytest.approx(np.mean(wrong))


def test_what_is_written_as_shuffled_is_of_the_shuffled_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command asks for one test in order and one shuffled, alike in all else, and keeps them apart."""
    asked: list[dict] = []

    def instead(network, clips, source, *, shuffled=False, name, **how) -> torch.Tensor:
        asked.append({**how, "clips": len(clips)})
        return torch.eye(3)[int(shuffled)].repeat(len(clips), 1)

    monkeypatch.setattr("recurrent_residual.inference.predict_network", instead)
    make_tested(tmp_path, {"context3": NETWORKS["context3"]}, batch="7")
    table = pyarrow.parquet.read_table(tmp_path / "runs/context3/split1/seed1/predictions.parquet")
    assert set(table["predicted"].to_pylist()) == {0} and set(table["predicted_shuffled"].to_pylist()) == {1}
    assert len(asked) == 2 and asked[0] == asked[1] and asked[0]["batch"] == 7
