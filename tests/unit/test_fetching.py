"""Protects that a device has work while its results are fetched, and that they are the right ones, in order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from recurrent_residual.fetching import fetched


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_each_result_comes_once_the_next_is_queued(count: int) -> None:
    """All of them, in order; a caller is one result behind the device, and never further."""
    queued: list[int] = []

    def results() -> Iterator[list[torch.Tensor]]:
        for number in range(count):
            queued.append(number)
            yield [torch.full((2,), number), torch.full((3,), -number)]

    for number, (first, second) in enumerate(fetched(results())):
        assert first.tolist() == [number] * 2 and second.tolist() == [-number] * 3
        assert queued[-1] == min(number + 1, count - 1)
    assert len(queued) == count


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_results_of_a_gpu_are_complete_and_do_not_wait_for_the_next() -> None:
    """The copy stands before the next result's work: it arrives while that still goes on."""
    device, done = torch.device("cuda"), torch.cuda.Event()

    def results() -> Iterator[list[torch.Tensor]]:
        yield [torch.ones(1000, device=device).cumsum(0)]
        torch.cuda._sleep(2_000_000_000)  # about a second
        done.record()
        yield [torch.zeros(1, device=device)]

    arriving = fetched(results())
    (first,) = next(arriving)
    assert not done.query()
    assert torch.equal(first, torch.arange(1.0, 1001.0))
    assert next(arriving)[0].tolist() == [0.0]
