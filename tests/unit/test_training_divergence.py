"""Protects the hours that a training would waste after it has come off the rails."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_trainings import ALWAYS, CHUNKS, SETTINGS, made_network, train, update_lines
from torch import Tensor, nn

from recurrent_residual.errors import UserError
from recurrent_residual.training.divergence import EXPLODED, Diverged, clips, divergence


class Spoiled(nn.Module):
    """A network that spoils its outputs from its `start`-th micro-batch on."""

    def __init__(self, spoil, start: int) -> None:
        super().__init__()
        self.network, self.spoil, self.start, self.calls = made_network(), spoil, start, 0

    def forward(self, x: Tensor) -> Tensor:
        y = self.network(x)
        self.calls += 1
        return self.spoil(y) if self.calls > self.start else y


def no_gradient(y: Tensor) -> Tensor:
    """A finite loss whose gradient is not."""
    y.register_hook(lambda gradient: gradient * math.inf)
    return y


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda y: y * math.nan, "the loss is not finite"),
        (lambda y: y - math.inf, "the loss is not finite"),
        (no_gradient, "the gradient is not finite"),
        (lambda y: y - 22, r"the loss is over 20 \* ln\(3\)"),
    ],
    ids=["nan", "inf", "gradient", "explosion"],
)
def test_it_stops_before_the_step_with_the_place_and_what_repeats_it(tmp_path, spoil, what: str) -> None:
    network = Spoiled(spoil, start=7)  # one micro-batch an update: the third update of the second epoch
    with pytest.raises(Diverged, match=rf"^tiny: epoch 2, update 3: {what}.*diverged.pt.*training.learning_rate") as e:
        train(tmp_path, network=network, engine=ALWAYS)
    message = str(e.value)
    assert "\n" not in message and "(now 0.001)" in message and "clips v_Class" in message
    evidence = torch.load(tmp_path / "diverged.pt", weights_only=True)
    checkpoint = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["state"]
    for name in ("network", "optimiser"):  # those of the last update that was well
        assert str(evidence[name]) == str(checkpoint[name])
    assert len(evidence["chunks"]) == len(evidence["windows"]) == len(CHUNKS) // 5
    assert evidence["chunks"][0]["video"] in message and evidence["learning_rate"] == 1e-3
    assert float(evidence["losses"].sum()) / 6 == pytest.approx(evidence["loss"], nan_ok=True)
    assert len(update_lines(tmp_path)) == 7


def test_a_learning_rate_that_is_far_too_high_is_named(tmp_path) -> None:
    with pytest.raises(UserError, match=r"epoch .*training.learning_rate \(now 1e\+30\)"):
        train(tmp_path, settings=replace(SETTINGS, learning_rate=1e30))


def test_a_disk_that_takes_no_evidence_does_not_hide_the_cause(tmp_path) -> None:
    (tmp_path / "diverged.pt").mkdir()
    (tmp_path / "diverged.pt" / "file").touch()
    with pytest.raises(Diverged, match="the loss is not finite.*could not be written"):
        train(tmp_path, network=Spoiled(lambda y: y * math.nan, start=0))


@given(classes=st.integers(2, 1000), share=st.floats(0, 3))
def test_a_loss_explodes_at_a_multiple_of_chance(classes: int, share: float) -> None:
    found = divergence(share * EXPLODED * math.log(classes), 1.0, classes)
    assert (found is not None) == (share * EXPLODED * math.log(classes) > EXPLODED * math.log(classes))


def test_many_clips_are_named_by_the_first_few() -> None:
    assert clips(CHUNKS[:1]) == CHUNKS[0].video
    videos = list(dict.fromkeys(chunk.video for chunk in CHUNKS))
    assert clips(CHUNKS) == f"{', '.join(videos[:3])} and {len(videos) - 3} more"
