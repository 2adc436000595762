"""Which chunks an epoch takes in which order, and how they are divided into updates and micro-batches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from recurrent_residual.views import ViewSettings, training_windows


@dataclass(frozen=True)
class Epoch:
    """Order and windows of one epoch's chunks: a function of seed and epoch, so that a resumed run draws the same."""

    order: list[int]
    windows: Tensor
    """(chunks, 4), one for each place in the order."""

    @classmethod
    def draw(cls, chunks: int, view: ViewSettings, *, seed: int, epoch: int) -> Epoch:
        """Draw the order of `chunks` chunks and a window for each place in it."""
        generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
        order = torch.randperm(chunks, generator=generator).tolist()
        return cls(order, training_windows(chunks, view, generator))

    def updates(self, count: int) -> list[range]:
        """The epoch in `count` updates of equal length, each a range of places in the order."""
        return split_evenly(range(len(self.order)), count)


def micro_batches(update: range, at_once: int) -> list[range]:
    """An update in as few equal parts of at most `at_once` chunks as there can be.

    A last part of a few chunks would disturb the running statistics of batch norm, just before the test.
    """
    return split_evenly(update, math.ceil(len(update) / at_once))


def split_evenly(positions: range, parts: int) -> list[range]:
    """`positions` in `parts` consecutive ranges whose lengths differ by at most one."""
    bounds = [positions.start + len(positions) * i // parts for i in range(parts + 1)]
    return [range(*ends) for ends in pairwise(bounds)]
