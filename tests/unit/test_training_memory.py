"""Protects the promise that a training finds the micro-batch that the memory holds, and that nothing else changes."""

import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_trainings import ALWAYS, CHUNKS, SETTINGS, UPDATES, Killed, made_network, outcome_of, same, train
from torch import Tensor, nn

from recurrent_residual.errors import UserError
from recurrent_residual.memory import halved, is_out_of_memory

FROZEN = replace(SETTINGS, batch_norm="frozen", epochs=1)
LARGEST = len(CHUNKS) // 5  # chunks in an update


class Cramped(nn.Module):
    """A network that holds no more than `most` chunks at once, from its `start`-th micro-batch on."""

    def __init__(self, most: int, *, start: int = 0, backward: bool = False) -> None:
        super().__init__()
        self.network = made_network()
        self.most, self.start, self.backward, self.calls = most, start, backward, 0

    def full(self, *_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    def forward(self, x: Tensor) -> Tensor:
        y = self.network(x)
        if self.training and len(x) > self.most and self.calls >= self.start:
            if not self.backward:
                self.full()
            y.register_hook(self.full)
        self.calls += 1
        return y


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
def test_with_frozen_batch_norm_the_memory_changes_nothing_but_rounding(tmp_path, backward: bool, capsys) -> None:
    whole, _ = train(tmp_path / "a", network=Cramped(1000), settings=FROZEN)
    cramped, progress = train(tmp_path / "b", network=Cramped(2, start=3, backward=backward), settings=FROZEN)
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(value, cramped.state_dict()[key], rtol=2e-3, atol=2e-4, msg=key)
    assert progress.micro_batch == 2  # frames: 6 chunks, 3, 1
    told = [line for line in capsys.readouterr().err.splitlines() if "does not hold" in line]
    assert len(told) == 2 and "does not hold 12 frames at once" in told[0] and "batch norm" not in told[0]


def test_out_of_memory_at_the_start_is_as_if_the_setting_had_been_smaller(tmp_path, capsys) -> None:
    """Bit for bit, with the batch's statistics too; and the message says whose statistics these now are."""
    cramped = outcome_of(tmp_path / "a", network=Cramped(LARGEST // 2))
    smaller = outcome_of(tmp_path / "b", network=Cramped(1000), settings=replace(SETTINGS, micro_batch=LARGEST))
    assert same(cramped, smaller)
    assert re.search(
        r"12 frames at once; epoch 1, update 1 is done again with \d+; batch norm", capsys.readouterr().err
    )


class Reference(Cramped):
    """Notes its buffers at each micro-batch, and what size this had."""

    def __init__(self, most: int, start: int) -> None:
        super().__init__(most, start=start)
        self.seen: list[tuple[int, list[Tensor]]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append((len(x), [buffer.clone() for buffer in self.buffers()]))
        return super().forward(x)


def test_out_of_memory_in_the_middle_of_an_update_leaves_no_trace_of_its_first_part(tmp_path) -> None:
    """The running statistics are those before the update when it begins anew."""
    settings = replace(SETTINGS, update_fraction=0.5, micro_batch=16)  # 15 chunks an update, in parts of 7 and 8
    network = Reference(4, start=3)
    train(tmp_path, network=network, settings=settings)
    first_part, failed, again = network.seen[2:5]
    assert (first_part[0], failed[0]) == (7, 8) and again[0] <= 4
    assert not all(torch.equal(a, b) for a, b in zip(first_part[1], failed[1], strict=True))
    assert all(torch.equal(a, b) for a, b in zip(first_part[1], again[1], strict=True))


def test_the_size_that_was_found_is_kept_over_a_kill(tmp_path) -> None:
    undisturbed = outcome_of(tmp_path / "a", network=Cramped(3))

    class Dying(Cramped):
        def forward(self, x: Tensor) -> Tensor:
            if self.calls == 15:
                raise Killed
            return super().forward(x)

    with pytest.raises(Killed):
        train(tmp_path / "b", network=Dying(3), engine=ALWAYS)
    roomy = Cramped(1000)  # another GPU perhaps: the result is still the one that was begun
    assert same(outcome_of(tmp_path / "b", network=roomy), undisturbed)


def test_a_first_step_that_does_not_fit_leaves_no_half_of_the_optimisers_state(tmp_path, monkeypatch) -> None:
    steps = []
    step = torch.optim.Adam.step

    def half(self, *arguments):
        steps.append(1)
        if len(steps) == 1:
            self.state[self.param_groups[0]["params"][0]]["step"] = torch.zeros(())
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return step(self, *arguments)

    undisturbed = outcome_of(tmp_path / "a", settings=replace(SETTINGS, micro_batch=LARGEST))
    monkeypatch.setattr(torch.optim.Adam, "step", half)
    assert same(outcome_of(tmp_path / "b"), undisturbed)
    assert len(steps) == UPDATES + 1


def test_one_chunk_that_does_not_fit_is_told_in_one_line(tmp_path) -> None:
    with pytest.raises(UserError, match="does not hold one chunk of 2 frames.*input.size") as error:
        train(tmp_path, network=Cramped(0), settings=FROZEN)
    assert "\n" not in str(error.value)


@given(at_once=st.integers(2, 600), update=st.integers(2, 600))
def test_halving_always_makes_the_largest_micro_batch_smaller(at_once: int, update: int) -> None:
    half = halved(at_once, update=update, reads=2, device=torch.device("cpu"), reason="")
    assert 1 <= half < min(at_once, update)


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: out of memory",
        "CUDNN_STATUS_ALLOC_FAILED",
        "FIND was unable to find an engine to execute this computation",
    ],
)
def test_too_little_memory_has_several_names(words: str) -> None:
    """CUDA's libraries have their own, and a compiler wraps them; another error is none of them."""
    try:
        try:
            raise RuntimeError(words)
        except RuntimeError as error:
            raise ValueError("the compiler failed") from error
    except ValueError as wrapped:
        assert is_out_of_memory(wrapped)
    assert is_out_of_memory(torch.OutOfMemoryError("full")) and not is_out_of_memory(RuntimeError("wrong shape"))
