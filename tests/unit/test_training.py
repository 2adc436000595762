"""Protects the training loop: gradients over 1 % of the data, repeatable, and unharmed by a kill."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_frames import MadeSource, made_clip

from recurrent_residual import training
from recurrent_residual.backbone import build_backbone
from recurrent_residual.chunks import cut
from recurrent_residual.errors import UserError
from recurrent_residual.models.recurrent_resnet import RecurrentResNet
from recurrent_residual.training import Epoch, TrainingSettings, split_evenly, train_network
from recurrent_residual.views import ViewSettings

SETTINGS = TrainingSettings(
    epochs=3,
    learning_rate=1e-3,
    update_fraction=0.2,
    batch=None,
    micro_batch=64,
    every=10,
    batch_norm="train",
    compile=False,
)
VIEW = ViewSettings((32, 24), 16, (24, 20, 16), flip=True)
CLIPS = [made_clip(i, label=i % 3, group=i) for i in range(1, 16)]
CHUNKS = cut(CLIPS, length=2, every=10)


class Killed(BaseException):
    """What a signal is to Python code."""


class DyingSource(MadeSource):
    """Dies when a given number of frames were read."""

    def __init__(self, clips, life: int) -> None:
        super().__init__(clips)
        self.life = life

    def read(self, class_name: str, video: str, frame: int) -> bytes:
        if len(self.asked) >= self.life:
            raise Killed
        return super().read(class_name, video, frame)


def train(folder, source=None, *, settings=SETTINGS, seed=1, fingerprint="x", chunks=CHUNKS):
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net = RecurrentResNet(build_backbone("small-8", classes=3), skips=["layer4.-1"])
    progress = train_network(
        net,
        chunks,
        source or MadeSource(CLIPS),
        settings=settings,
        view=VIEW,
        seed=seed,
        device=torch.device("cpu"),
        workers=1,
        checkpoint=folder / "checkpoint.pt",
        fingerprint=fingerprint,
    )
    return net, progress


def outcome(net, progress):
    return net.state_dict(), [{k: v for k, v in line.items() if k != "seconds"} for line in progress.history]


def same(a, b) -> bool:
    return a[1] == b[1] and all(torch.equal(a[0][key], b[0][key]) for key in a[0])


def test_equal_seeds_give_equal_weights_and_other_seeds_others(tmp_path) -> None:
    first, again, other = (outcome(*train(tmp_path / str(i), seed=seed)) for i, seed in enumerate((1, 1, 2)))
    assert same(first, again)
    assert not same(first, other)


@pytest.mark.parametrize("life", [40, 75, 120, 170])
def test_a_killed_training_ends_as_if_nothing_had_happened(tmp_path, monkeypatch, life: int) -> None:
    """Bit for bit, whether it dies in the first epoch or between two updates of a later one."""
    monkeypatch.setattr(training, "CHECKPOINT_MINUTES", 0)  # a checkpoint after each update
    undisturbed = outcome(*train(tmp_path / "a"))
    with pytest.raises(Killed):
        train(tmp_path / "b", DyingSource(CLIPS, life))
    resumed = MadeSource(CLIPS)
    assert same(outcome(*train(tmp_path / "b", resumed)), undisturbed)
    assert len(resumed.asked) < 3 * 2 * len(CHUNKS)  # it went on, and did not begin again


@pytest.mark.parametrize("damage", ["truncated", "other"])
def test_a_damaged_or_foreign_checkpoint_is_left_alone(tmp_path, damage: str, capsys) -> None:
    """A half-written file, or one of other settings or code, is never continued."""
    undisturbed = outcome(*train(tmp_path / "a"))
    with pytest.raises(Killed):
        train(tmp_path / "b", DyingSource(CLIPS, 120), fingerprint="x" if damage == "truncated" else "y")
    file = tmp_path / "b" / "checkpoint.pt"
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:1000])
    assert same(outcome(*train(tmp_path / "b")), undisturbed)
    assert str(file) in capsys.readouterr().err


def test_an_update_comes_after_the_given_share_of_the_chunks() -> None:
    """UCF-101, split 1, chunks of two: 100 updates of 884 or 885 chunks an epoch."""
    assert replace(SETTINGS, update_fraction=0.01).updates(88_452) == 100
    assert {len(r) for r in split_evenly(range(88_452), 100)} == {884, 885}
    assert replace(SETTINGS, update_fraction=0.01).updates(5) == 5
    assert replace(SETTINGS, update_fraction=None, batch=16).updates(33) == 3


@given(count=st.integers(1, 300), updates=st.integers(1, 40), micro=st.integers(1, 40))
def test_micro_batches_cover_every_chunk_once_and_span_no_update(count: int, updates: int, micro: int) -> None:
    """And no micro-batch is a sliver: an update's parts differ by at most one chunk."""
    updates = min(count, updates)
    epoch = Epoch(list(range(count)), torch.zeros(count, 4))
    pairs = list(epoch.micro_batches(updates=updates, micro_batch=micro, first_update=0))
    assert [i for _, part in pairs for i in part] == list(range(count))
    for update, part in pairs:
        assert update.start <= part.start < part.stop <= update.stop and len(part) <= micro
        assert len(part) >= len(update) // math.ceil(len(update) / micro)
    assert len({update for update, _ in pairs}) == updates
    resumed = list(epoch.micro_batches(updates=updates, micro_batch=micro, first_update=updates - 1))
    assert resumed == [pair for pair in pairs if pair[0] == pairs[-1][0]]


def test_epochs_differ_in_order_and_windows() -> None:
    first, second = (Epoch.draw(50, VIEW, seed=1, epoch=epoch) for epoch in (0, 1))
    assert first.order != second.order and not torch.equal(first.windows, second.windows)


def test_accumulated_gradients_are_those_of_the_whole_update(tmp_path) -> None:
    """With frozen batch norm, the size of the micro-batch changes nothing but rounding."""
    frozen = replace(SETTINGS, batch_norm="frozen", epochs=1)
    whole, _ = train(tmp_path / "a", settings=frozen)
    parts, _ = train(tmp_path / "b", settings=replace(frozen, micro_batch=2))
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(value, parts.state_dict()[key], rtol=2e-3, atol=2e-4, msg=key)


def test_frozen_batch_norm_keeps_its_statistics(tmp_path) -> None:
    torch.manual_seed(1)
    start = build_backbone("small-8", classes=3).state_dict()
    for mode in ("frozen", "train"):
        net, _ = train(tmp_path / mode, settings=replace(SETTINGS, batch_norm=mode, epochs=1))
        state = net.backbone.state_dict()
        assert torch.equal(state["bn1.running_mean"], start["bn1.running_mean"]) == (mode == "frozen")
        assert not torch.equal(state["conv1.weight"], start["conv1.weight"])


def test_it_learns(tmp_path) -> None:
    """Three classes that brightness tells apart: the training error falls far below chance."""
    settings = replace(SETTINGS, epochs=20, update_fraction=0.5, learning_rate=3e-3)
    _, progress = train(tmp_path, settings=settings)
    errors = [line["error"] for line in progress.history]
    assert [line["epoch"] for line in progress.history] == list(range(1, 21))
    assert progress.updates == 40
    assert errors[-1] < 0.2 < errors[0]


def test_a_loss_that_explodes_stops_with_the_place(tmp_path) -> None:
    with pytest.raises(UserError, match=r"not finite in epoch .*training.learning_rate"):
        train(tmp_path, settings=replace(SETTINGS, learning_rate=1e30))
