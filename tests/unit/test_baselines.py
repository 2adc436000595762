"""Protects Table 1's baselines: Z-norm from train frames only, and each model seeing what it should."""

import numpy as np
import pytest
import torch
from made_frames import MadeSource, made_clip
from safetensors.torch import load_file, save_file

from recurrent_residual.backbone import block_features, build_backbone
from recurrent_residual.baselines import Baseline, BaselineSettings, build_baseline, predict_baseline, train_baseline
from recurrent_residual.chunks import cut, load
from recurrent_residual.errors import UserError
from recurrent_residual.feature_store import FeatureStore, ZNorm
from recurrent_residual.features import extract_features
from recurrent_residual.models import average_pool, gru
from recurrent_residual.views import ViewSettings, take_views
from recurrent_residual.views import test_window as centre

LENGTHS = (41, 15, 61, 28, 120, 33)
CLIPS = [made_clip(i, label=i % 2, frames=n, splits=("train" if i < 4 else "test",) * 3) for i, n in enumerate(LENGTHS)]
TRAIN = [i for i, clip in enumerate(CLIPS) if clip.role(1) == "train"]
SETTINGS = BaselineSettings(epochs=60, learning_rate=0.02, batch=2, weight_decay=0)


@pytest.fixture
def store(tmp_path) -> FeatureStore:
    """Made features, whose last dimension is constant and whose test videos lie far from the train videos."""
    rng = np.random.default_rng(0)
    rows = []
    for clip in CLIPS:
        vectors = rng.normal(3 * clip.label, 2, (len(range(0, clip.frames, 10)), 6)).astype(np.float32)
        rows.append(vectors + (1000 if clip.role(1) == "test" else 0))
    values = np.concatenate(rows)
    values[:, -1] = 0.1
    np.save(tmp_path / "block3.npy", values)
    return FeatureStore(tmp_path, 3, CLIPS, every=10)


def test_znorm_statistics_come_from_train_frames_only(store: FeatureStore) -> None:
    """Test videos far away move nothing: normalised train frames have mean 0 and deviation 1 in every dimension."""
    baseline = build_baseline(average_pool, {"block": 3, "znorm": True}, store, TRAIN, 2)
    frames = torch.cat([store.of(i) for i in TRAIN])
    normalised = ZNorm(baseline.mean, baseline.scale)(frames)
    torch.testing.assert_close(normalised.mean(dim=0), torch.zeros(6), atol=1e-4, rtol=0)
    torch.testing.assert_close(normalised[:, :5].std(dim=0, unbiased=False), torch.ones(5), atol=1e-4, rtol=0)
    expected = torch.cat([store.of(i) for i in TRAIN]).mean(dim=0)
    torch.testing.assert_close(baseline.mean, expected, rtol=1e-5, atol=1e-5)


def test_a_dimension_with_no_spread_is_left_at_zero(store: FeatureStore) -> None:
    znorm = ZNorm.fit(store.of(i) for i in TRAIN)
    assert (znorm(store.of(0))[:, -1] == 0).all() and torch.isfinite(znorm.scale).all()


def test_without_znorm_the_features_stay_as_they_are(store: FeatureStore) -> None:
    baseline = build_baseline(gru, {"block": 3, "znorm": False}, store, TRAIN, 2)
    assert torch.equal(baseline.prepare(store.of(2)), store.of(2))


def test_average_pooling_is_softmax_regression_on_the_mean(store: FeatureStore) -> None:
    torch.manual_seed(0)
    baseline = build_baseline(average_pool, {"block": 3, "znorm": True}, store, TRAIN, 2)
    fc, znorm = baseline.model.fc, ZNorm(baseline.mean, baseline.scale)
    for i in TRAIN:
        video = store.of(i)
        expected = (znorm(video).mean(dim=0) @ fc.weight.T + fc.bias).softmax(dim=0)
        torch.testing.assert_close(predict_baseline(baseline, [video])[0], expected, rtol=1e-4, atol=1e-5)
        shuffled = video[torch.randperm(len(video))]
        torch.testing.assert_close(predict_baseline(baseline, [shuffled])[0], expected, rtol=1e-4, atol=1e-5)


def test_gru_reads_each_video_to_its_own_end_in_order(store: FeatureStore) -> None:
    """Padding changes nothing; the last step's state is what is classified; the order of frames matters."""
    torch.manual_seed(0)
    baseline = build_baseline(gru, {"block": 3, "znorm": False}, store, TRAIN, 2)
    assert baseline.model.gru.hidden_size == 128  # "128 gated recurrent units"
    videos = [store.of(i) for i in TRAIN]
    together = predict_baseline(baseline, videos)
    with torch.no_grad():
        for video, scored in zip(videos, together, strict=True):
            outputs, _ = baseline.model.gru(video[None])
            torch.testing.assert_close(scored, baseline.model.fc(outputs[0, -1]).softmax(dim=0), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(predict_baseline(baseline, [videos[0].flip(0)])[0], together[0], atol=1e-5)


@pytest.mark.parametrize("module", [average_pool, gru])
def test_training_learns_repeats_and_survives_the_disk(store: FeatureStore, module, tmp_path) -> None:
    """Equal seeds give equal weights; a saved baseline predicts what it did, normalisation included."""
    labels = torch.tensor([CLIPS[i].label for i in TRAIN])
    videos = [store.of(i) for i in TRAIN]
    trained = []
    for _ in range(2):
        torch.manual_seed(3)
        baseline = build_baseline(module, {"block": 3, "znorm": True}, store, TRAIN, 2)
        history = train_baseline(baseline, videos, labels, settings=SETTINGS, seed=3)
        trained.append(baseline)
    assert all(torch.equal(a, b) for a, b in zip(*(b.state_dict().values() for b in trained), strict=True))
    assert history[-1]["error"] == 0 and history[-1]["loss"] < history[0]["loss"]
    save_file(trained[0].state_dict(), tmp_path / "w.safetensors")
    restored = Baseline(module.build({}, store.dimensions, 2), ZNorm.identity(store.dimensions))
    restored.load_state_dict(load_file(tmp_path / "w.safetensors"))
    assert torch.equal(predict_baseline(restored, videos), predict_baseline(trained[0], videos))


def test_features_of_another_manifest_are_refused(tmp_path) -> None:
    np.save(tmp_path / "block3.npy", np.zeros((7, 2), np.float32))
    with pytest.raises(UserError, match=r"block3.npy: 7 frames, but the manifest has 33"):
        FeatureStore(tmp_path, 3, CLIPS, every=10)


def test_extracted_features_are_each_frames_own_in_the_manifests_order(tmp_path) -> None:
    torch.manual_seed(0)
    view, source = ViewSettings((32, 24), 16, (24,), flip=True), MadeSource(CLIPS)
    net = build_backbone("small-8", classes=1).eval()
    count = extract_features(
        net, CLIPS, source, tmp_path, every=10, view=view, batch=7, device=torch.device("cpu"), workers=2
    )
    assert count == sum(len(range(0, n, 10)) for n in LENGTHS)
    for block in (2, 3, 4):
        stored = FeatureStore(tmp_path, block, CLIPS, every=10)
        for number, clip in enumerate(CLIPS):
            chunks = load(source, cut([clip], length=1, every=10))
            with torch.no_grad():
                alone = [
                    dict(block_features(net, take_views(c[None], centre(view)[None], 16)[0]))[block] for c in chunks
                ]
            torch.testing.assert_close(stored.of(number), torch.cat(alone), rtol=1e-3, atol=1e-4)
