"""What all parts of the training benchmark share: sizes, device, time, frames and where results go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from recurrent_residual.backbone import build_backbone
from recurrent_residual.benchmarks.networks import NETWORKS, Plain
from recurrent_residual.benchmarks.results import Clock, Results
from recurrent_residual.benchmarks.turns import CLASSES
from recurrent_residual.manifest import Clip
from recurrent_residual.models.recurrent_resnet import RecurrentResNet
from recurrent_residual.views import ViewSettings

PLAIN = "plain ResNet"


@dataclass(frozen=True)
class Bench:
    """One run of the benchmark."""

    device: torch.device
    architecture: str
    size: int
    """Side of the views in pixels."""
    frames: int
    """Frames that pass through a network at once, in training."""
    steps: int
    """Such passes to an update of the weights."""
    rounds: int
    """Turns of each network; fewer where the time is over."""
    workers: int
    """Threads, or processes, that decode."""
    compile: bool
    small: bool
    """For a processor, on which torchvision's video networks would take minutes with their usual input."""
    clips: list[Clip]
    folder: Path
    """Where the clips' frames lie, and what a training writes."""
    clock: Clock
    results: Results

    @property
    def view(self) -> ViewSettings:
        """The configuration's `input` section, scaled to `size`."""
        width, height, *sides = (length * self.size // 224 for length in (340, 256, 256, 224, 192, 168))
        return ViewSettings((width, height), self.size, tuple(sides), flip=True)

    def network(self, name: str) -> RecurrentResNet:
        """One of `NETWORKS`, or the one without any temporal skip (`PLAIN`), with random weights."""
        settings = {"skips": []} if name == PLAIN else NETWORKS[name]
        return RecurrentResNet(build_backbone(self.architecture, classes=CLASSES), **settings)

    def plain(self) -> Plain:
        """torchvision's ResNet, with random weights."""
        return Plain(build_backbone(self.architecture, classes=CLASSES))

    @property
    def test_frames(self) -> int:
        """Frames that pass through a network at once in the test: the configuration's default, less for small views."""
        return 256 if self.size >= 224 else 64

    def input(self, *shape: int) -> Tensor:
        """Made input on the device."""
        return torch.randn(*shape, device=self.device)

    def left(self, part: str) -> float:
        """Seconds that `part` has left."""
        return self.clock.left(part)
