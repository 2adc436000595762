"""Networks that train in turns on inputs that lie on the device, and what a turn tells."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from recurrent_residual.benchmarks.peak import synchronise
from recurrent_residual.device import autocast

CLASSES = 101


class Turn:
    """Work that is repeated and timed. `frames` of it are read at each call of `work`."""

    def __init__(self, work: Callable[[], None], *, calls: int, frames: int, device: torch.device) -> None:
        self._work, self._calls, self._frames, self._device = work, calls, frames, device

    def __call__(self) -> float:
        """Take a turn; frames a second."""
        synchronise(self._device)
        started = time.perf_counter()
        for _ in range(self._calls):
            self._work()
        synchronise(self._device)
        return self._calls * self._frames / (time.perf_counter() - started)


@dataclass(frozen=True)
class Speed:
    """Frames a second of a network and of its rival, turn by turn."""

    own: list[float]
    rival: list[float]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Own to rival, each of two turns that follow each other, so that other work on the machine meets both."""
        return tuple(o / r for o, r in zip(self.own, self.rival, strict=True))

    @property
    def median(self) -> float:
        """The network's own frames a second."""
        return median(self.own)


def take_turns(
    pairs: Mapping[str, tuple[Callable[[], float], Callable[[], float]]], *, rounds: int, left: Callable[[], float]
) -> dict[str, Speed]:
    """Let each work and its rival take turns, `rounds` times or, after the first, until no time is `left`."""
    speeds = {name: Speed([], []) for name in pairs}
    for number in range(rounds):
        if number and left() < 0:
            break
        for name, (own, rival) in pairs.items():
            turns = [(speeds[name].own, own), (speeds[name].rival, rival)]
            for rates, take in turns if number % 2 else reversed(turns):
                rates.append(take())
    return speeds


class Traffic(TorchDispatchMode):
    """Adds up the bytes that operations read and write at least: of all their tensors, each once."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.bytes += sum(
                x.numel() * x.element_size() for x in tree_leaves((args, kwargs, out)) if torch.is_tensor(x)
            )
        return out


class Training:
    """A network in training: micro-batches forward and backward, then a step of Adam, as the training loop does.

    Attributes:
        frames: that pass through the network in a micro-batch.
        flops: of a micro-batch forward and backward, counted by torch: 2 for a multiplication and an addition.
        traffic: bytes that its operations read and write at least, when none is compiled into another.
        memory: bytes, the most on the GPU at once, with weights, Adam's state and input; None on the CPU.
    """

    def __init__(self, network: nn.Module, x: Tensor, *, frames: int, device: torch.device) -> None:
        self.device, self.frames = device, frames
        before = _allocated(device) - x.numel() * x.element_size()
        # channels_last is for kernels of two dimensions; those of three have their own
        last = torch.channels_last_3d if x.dim() == 5 and _has_3d(network) else torch.channels_last
        self.network = network.to(device).to(memory_format=last).train()
        self.x = x
        self._optimiser = torch.optim.Adam(network.parameters(), lr=1e-4, fused=True)
        self._labels: Tensor | None = None
        with Traffic() as traffic, FlopCounterMode(display=False) as counter:
            self._micro_batch(self.network)
        self.flops, self.traffic = counter.get_total_flops(), traffic.bytes
        self.update(self.network, 1)  # Adam's state and the choice of kernels
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        self.update(self.network, 1)
        self.memory = torch.cuda.max_memory_allocated(device) - before if device.type == "cuda" else None

    def turn(self, forward: Callable[[Tensor], Tensor], micro_batches: int) -> Turn:
        """An update of so many micro-batches, with the network or with what torch.compile made of it."""
        frames = micro_batches * self.frames
        return Turn(lambda: self.update(forward, micro_batches), calls=1, frames=frames, device=self.device)

    def update(self, forward: Callable[[Tensor], Tensor], micro_batches: int) -> None:
        """Gradients of so many micro-batches, and a step."""
        for _ in range(micro_batches):
            self._micro_batch(forward)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)

    def _micro_batch(self, forward: Callable[[Tensor], Tensor]) -> None:
        with autocast(self.device):
            scores = forward(self.x)
        if self._labels is None:
            self._labels = torch.arange(len(scores), device=self.device) % scores.shape[1]
        F.cross_entropy(scores.float(), self._labels).backward()  # log-probabilities stay what they are


def _has_3d(network: nn.Module) -> bool:
    return any(isinstance(module, nn.Conv3d) for module in network.modules())


def _allocated(device: torch.device) -> int:
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
