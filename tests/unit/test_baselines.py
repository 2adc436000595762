"""Protects Table 1's baselines: Z-norm from train frames only, and each model seeing what it should."""

import numpy as np
import pytest
import torch
from decoded import decoded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_frames import MadeSource, made_clip
from safetensors.torch import load_file, save_file

from recurrent_residual.backbone import block_features, build_backbone
from recurrent_residual.baselines import (
    Baseline,
    BaselineSettings,
    LossNotFinite,
    Videos,
    build_baseline,
    predict_baseline,
    train_baseline,
)
from recurrent_residual.chunks import cut
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


def raw(store: FeatureStore, clip: int) -> np.ndarray:
    """A clip's rows of the file, read here and not by the project."""
    lengths = [len(range(0, clip.frames, 10)) for clip in CLIPS]
    start = sum(lengths[:clip])
    return np.load(store.file)[start : start + lengths[clip]]


def test_the_store_gives_each_clip_its_own_rows(store: FeatureStore) -> None:
    """One by one and in slabs, of any clips in any order: what the file has at their place."""
    for clip in range(len(CLIPS)):
        np.testing.assert_array_equal(store.of(clip), raw(store, clip))
    asked = [1, 2, 0, 4, 5]
    slabs = [(numbers, frames.clone()) for numbers, frames in store.slabs(asked)]
    assert [numbers for numbers, _ in slabs] == [[1, 2], [0], [4, 5]]
    together = torch.cat([frames for _, frames in slabs])
    np.testing.assert_array_equal(together, np.concatenate([raw(store, clip) for clip in asked]))


def test_a_guarded_store_knows_no_other_clips(store: FeatureStore) -> None:
    """With `only`, numbers count these clips; the others' rows may be anything, even not a number, and are not read."""
    values = np.load(store.file)
    expected = [raw(store, clip) for clip in (3, 1)]
    keep = np.concatenate([np.isin(values, rows).all(axis=1)[:, None] for rows in expected], axis=1).any(axis=1)
    np.save(store.file, np.where(keep[:, None], values, np.nan))
    guarded = FeatureStore(store.file.parent, 3, CLIPS, every=10, only=[CLIPS[3], CLIPS[1]])
    for number, rows in enumerate(expected):
        np.testing.assert_array_equal(guarded.of(number), rows)
    assert torch.isfinite(guarded.moments.means).all() and torch.isfinite(guarded.moments.squares).all()
    with pytest.raises(IndexError):
        guarded.of(2)
    with pytest.raises(UserError, match=r"block3.npy: has no frames of v_Class0_g01_c77"):
        FeatureStore(store.file.parent, 3, CLIPS, every=10, only=[made_clip(77)])


def test_znorm_is_numpys_on_the_concatenated_train_frames(store: FeatureStore) -> None:
    """Test videos far away move nothing; a dimension with no spread is left at 0."""
    znorm = ZNorm.fit(store.moments, TRAIN)
    frames = np.concatenate([raw(store, i) for i in TRAIN]).astype(np.float64)
    np.testing.assert_allclose(znorm.mean, frames.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(znorm.scale[:5], 1 / frames.std(axis=0)[:5], rtol=1e-6)
    assert znorm.scale[5] == 0 and (znorm(store.of(0))[:, 5] == 0).all()


def test_prepared_frames_are_normalised_train_frames(store: FeatureStore) -> None:
    """Mean 0 and deviation 1 in every dimension that has a spread; without Z-norm the features stay as they are."""
    normalised = build_baseline(gru, {"block": 3, "znorm": True}, store, TRAIN, 2).prepare(store, TRAIN)
    torch.testing.assert_close(normalised.frames.mean(dim=0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(normalised.frames[:, :5].std(dim=0, unbiased=False), torch.ones(5), atol=1e-5, rtol=0)
    plain = build_baseline(gru, {"block": 3, "znorm": False}, store, TRAIN, 2).prepare(store, [2, 5, 0])
    assert plain.lengths.tolist() == [7, 4, 5]
    for start, length, clip in zip(plain.starts.tolist(), plain.lengths.tolist(), [2, 5, 0], strict=True):
        np.testing.assert_array_equal(plain.frames[start : start + length], raw(store, clip))


def test_average_pooling_is_softmax_regression_on_the_mean(store: FeatureStore) -> None:
    torch.manual_seed(0)
    baseline = build_baseline(average_pool, {"block": 3, "znorm": True}, store, TRAIN, 2)
    fc, znorm = baseline.model.fc, ZNorm(baseline.mean, baseline.scale)
    scores = predict_baseline(baseline, baseline.prepare(store, TRAIN))
    for i, score in zip(TRAIN, scores, strict=True):
        expected = (znorm(store.of(i)).mean(dim=0) @ fc.weight.T + fc.bias).softmax(dim=0)
        torch.testing.assert_close(score, expected, rtol=1e-4, atol=1e-5)


def test_gru_reads_each_video_to_its_own_end_in_order(store: FeatureStore) -> None:
    """The last step's state is what is classified; the order of frames matters."""
    torch.manual_seed(0)
    baseline = build_baseline(gru, {"block": 3, "znorm": False}, store, TRAIN, 2)
    assert baseline.model.gru.hidden_size == 128  # "128 gated recurrent units"
    videos = baseline.prepare(store, TRAIN)
    together = predict_baseline(baseline, videos)
    with torch.no_grad():
        for clip, scored in zip(TRAIN, together, strict=True):
            outputs, _ = baseline.model.gru(store.of(clip)[:, None])
            torch.testing.assert_close(scored, baseline.model.fc(outputs[-1, 0]).softmax(dim=0), rtol=1e-4, atol=1e-5)
    backwards = Videos(store.of(0).flip(0), torch.tensor([store.lengths[0]]))
    assert not torch.allclose(predict_baseline(baseline, backwards)[0], together[0], atol=1e-5)


@pytest.mark.parametrize("module", [average_pool, gru])
@given(seed=st.integers(0, 2**32), batch=st.integers(1, 7))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_videos_score_does_not_depend_on_its_batch(module, seed: int, batch: int) -> None:
    """In any order, with any others, any number at a time, and wherever in the matrix it stands."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(0)
    baseline = Baseline(module.build({"units": 8}, 6, 3), ZNorm.identity(6), module.READS)
    longest = 1 if module.READS == "mean" else 12
    lengths = torch.randint(1, longest + 1, (7,), generator=generator)
    frames = torch.randn(int(lengths.sum()), 6, generator=generator)
    scores = predict_baseline(baseline, Videos(frames, lengths))
    order = torch.randperm(7, generator=generator)
    shuffled = Videos(torch.cat([frames.split(lengths.tolist())[i] for i in order]), lengths[order])
    torch.testing.assert_close(predict_baseline(baseline, shuffled, batch=batch), scores[order], rtol=1e-5, atol=1e-6)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_the_gru_is_pytorchs_with_its_gradients(lengths: list[int], seed: int) -> None:
    """Log-probabilities and the gradients of all weights are those of nn.GRU on each video alone, to rounding."""
    torch.manual_seed(seed)
    model = gru.GRU(5, 3, units=4).double()
    videos = [torch.randn(length, 5, dtype=torch.float64) for length in lengths]
    weights = torch.randn(len(lengths), 3, dtype=torch.float64)

    counts = torch.tensor(lengths)
    (model(torch.cat(videos), counts.cumsum(0) - counts, counts) * weights).sum().backward()
    ours = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    sum(
        (model.fc(model.gru(v)[1][0]).log_softmax(0) * w).sum() for v, w in zip(videos, weights, strict=True)
    ).backward()
    for mine, parameter in zip(ours, model.parameters(), strict=True):
        torch.testing.assert_close(mine, parameter.grad, rtol=1e-9, atol=1e-11)


def test_frames_as_bfloat16_change_only_rounding() -> None:
    """The product with the frames is of that precision; log-probabilities move by less than its 2^-8 would explain."""
    torch.manual_seed(0)
    model = gru.GRU(64, 5)
    lengths = torch.tensor([3, 9, 20, 1])
    frames = torch.randn(33, 64)
    exact = model(frames, lengths.cumsum(0) - lengths, lengths)
    rounded = model(frames.bfloat16(), lengths.cumsum(0) - lengths, lengths)
    assert rounded.dtype == torch.float32 and not torch.equal(rounded, exact)
    torch.testing.assert_close(rounded, exact, rtol=0, atol=2**-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("module", [average_pool, gru])
def test_training_learns_repeats_and_survives_the_disk(store: FeatureStore, module, dtype, tmp_path) -> None:
    """Equal seeds give equal weights; a saved baseline predicts what it did, normalisation included."""
    labels = torch.tensor([CLIPS[i].label for i in TRAIN])
    trained = []
    for _ in range(2):
        torch.manual_seed(3)
        baseline = build_baseline(module, {"block": 3, "znorm": True}, store, TRAIN, 2)
        videos = baseline.prepare(store, TRAIN, dtype)
        history = train_baseline(baseline, videos, labels, settings=SETTINGS, seed=3)
        trained.append(baseline)
    assert all(torch.equal(a, b) for a, b in zip(*(b.state_dict().values() for b in trained), strict=True))
    assert history[-1]["error"] == 0 and history[-1]["loss"] < history[0]["loss"]
    save_file(trained[0].state_dict(), tmp_path / "w.safetensors")
    restored = Baseline(module.build({}, store.dimensions, 2), ZNorm.identity(store.dimensions), module.READS)
    restored.load_state_dict(load_file(tmp_path / "w.safetensors"))
    tested = restored.prepare(store, TRAIN)
    assert torch.equal(
        predict_baseline(restored, tested), predict_baseline(trained[0], trained[0].prepare(store, TRAIN))
    )


def test_what_an_epochs_end_does_changes_no_training(store: FeatureStore) -> None:
    """Predicting after each epoch, as the tuning does, leaves weights as they would be; its number is in the line."""
    labels, weights = torch.tensor([CLIPS[i].label for i in TRAIN]), []
    for look in (False, True):
        torch.manual_seed(3)
        baseline = build_baseline(gru, {"block": 3, "znorm": True}, store, TRAIN, 2)
        videos = baseline.prepare(store, TRAIN)

        def on_epoch(baseline: Baseline, videos: Videos = videos) -> dict[str, float]:
            return {"share": predict_baseline(baseline, videos)[0, 0].item()}

        hook = on_epoch if look else None
        history = train_baseline(baseline, videos, labels, settings=SETTINGS, seed=3, on_epoch=hook)
        assert all(("share" in line) == look for line in history)
        weights.append(baseline.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(*(w.values() for w in weights), strict=True))


def test_a_loss_that_is_not_finite_is_named(store: FeatureStore) -> None:
    videos = Videos(torch.full((4, 6), torch.inf), torch.ones(4, dtype=torch.int64))
    baseline = Baseline(average_pool.build({}, 6, 2), ZNorm.identity(6), "mean")
    with pytest.raises(LossNotFinite, match=r"not finite in epoch 1; lower baselines.learning_rate \(now 0.02\)"):
        train_baseline(baseline, videos, torch.tensor([0, 1, 0, 1]), settings=SETTINGS, seed=1)


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
            chunks = decoded(source, cut([clip], length=1, every=10))
            with torch.no_grad():
                alone = [
                    dict(block_features(net, take_views(c[None], centre(view)[None], 16)[0]))[block] for c in chunks
                ]
            torch.testing.assert_close(stored.of(number), torch.cat(alone), rtol=1e-3, atol=1e-4)
