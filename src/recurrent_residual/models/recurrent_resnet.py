"""Recurrent residual networks: a ResNet with temporal skips (Iqbal et al. 2017, Section 3, arXiv 1706.08807).

The frames of a chunk go through one ResNet side by side. At a unit with a temporal skip, the unit's input one sampled
frame earlier is added before the last ReLU:

    y_t = ReLU(F(x_t) + x_t + g(x_{t-1}))        g: identity (eq. 2), W_s (eq. 3), ReLU(BN(W_s)) (eq. 4)

Such a unit takes T frames and returns T-1, as a convolution that is "valid" in time does: K skips turn K+1 frames into
one output that has seen all of them, and nothing is computed that this output does not need. With no skip the network
is torchvision's ResNet, bit for bit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from recurrent_residual.backbone import residual, resolve_unit, shortcut, stem, unit_names
from recurrent_residual.errors import UserError

KIND = "network"
SETTINGS: dict[str, Any] = {
    "skips": {"type": "array", "items": {"type": "string"}},
    "kind": {"enum": ["identity", "convolution", "nonlinear"]},
    "zero_init": {"type": "boolean"},
    "frames": {"type": "integer", "minimum": 1},
    "readout": {"enum": ["last", "average"]},
}
REQUIRED = ["skips"]
SKIP_KINDS = SETTINGS["kind"]["enum"]
READOUTS = SETTINGS["readout"]["enum"]


class RecurrentUnit(nn.Module):
    """One of torchvision's residual units with a temporal skip g from its input one frame earlier."""

    def __init__(self, unit: BasicBlock | Bottleneck, kind: str, *, zero_init: bool = False) -> None:
        super().__init__()
        self.unit = unit
        last = unit.conv3 if isinstance(unit, Bottleneck) else unit.conv2
        channels_in, channels_out = unit.conv1.in_channels, last.out_channels
        if kind == "identity":
            if unit.downsample is not None:
                raise UserError(
                    f"skips: an identity needs a unit whose input and output have one shape; here {channels_in} "
                    f"channels become {channels_out}; take kind: convolution, or another unit"
                )
            self.g: nn.Module = nn.Identity()
            return
        # W_s is a 1x1 convolution (Section 4.2) and strides where the unit does, so that the sum's shapes agree.
        w_s = nn.Conv2d(channels_in, channels_out, kernel_size=1, stride=unit.stride, bias=False)
        if zero_init:
            nn.init.zeros_(w_s.weight)
        self.g = w_s if kind == "convolution" else nn.Sequential(w_s, nn.BatchNorm2d(channels_out), nn.ReLU())

    def forward(self, x: Tensor, chunks: int) -> Tensor:
        """(chunks * T, C, H, W) -> (chunks * (T-1), C', H', W'), the frames of a chunk one after the other."""
        # Channels last while frames are chosen: what is copied then keeps the order in which convolutions are faster.
        x = x.permute(0, 2, 3, 1).unflatten(0, (chunks, -1))  # (B, T, H, W, C)
        now = x[:, 1:].flatten(0, 1).permute(0, 3, 1, 2)
        before = x[:, :-1].flatten(0, 1).permute(0, 3, 1, 2)
        # Equations 2-4, F(x) being the unit's residual branch and the ReLU that of torchvision's unit after its sum.
        return self.unit.relu(residual(self.unit, now) + shortcut(self.unit, now) + self.g(before))


class RecurrentResNet(nn.Module):
    """A ResNet of which some residual units have a temporal skip.

    Args:
        backbone: the ResNet with its classifier; its units are used, not copied.
        skips: names of the units with a temporal skip, `layer4.-1` (see `resolve_unit`).
        kind: "identity", "convolution" or "nonlinear".
        zero_init: W_s starts at 0, so that the network starts as the plain ResNet.
        frames: T, frames in a chunk; at least one more than there are skips.
        readout: which of a chunk's T-K outputs counts: the "last" (computed alone), or the "average" of the
            probabilities of all.
    """

    def __init__(
        self,
        backbone: ResNet,
        *,
        skips: list[str],
        kind: str = "identity",
        zero_init: bool = False,
        frames: int | None = None,
        readout: str = "last",
    ) -> None:
        super().__init__()
        if kind not in SKIP_KINDS:
            raise UserError(f"kind: {kind!r} is none of {', '.join(SKIP_KINDS)}")
        if readout not in READOUTS:
            raise UserError(f"readout: {readout!r} is none of {', '.join(READOUTS)}")
        self.backbone = backbone
        self.context = len(skips) + 1
        self.frames = self.context if frames is None else frames
        self.reads = self.context if readout == "last" else self.frames
        self.readout = readout
        if self.frames < self.context:
            raise UserError(f"frames: {self.frames} are too few; {len(skips)} temporal skips need {self.context}")
        recurrent = [resolve_unit(backbone, name) for name in skips]
        if len(set(recurrent)) < len(recurrent):
            raise UserError(f"skips: {skips} name one unit twice; T-1 skips stand in T-1 different units")
        for name in recurrent:
            layer, index = name.split(".")
            stage = getattr(backbone, layer)
            stage[int(index)] = RecurrentUnit(stage[int(index)], kind, zero_init=zero_init)
        self.units = unit_names(backbone)

    def logits(self, clips: Tensor) -> Tensor:
        """(B, T, 3, H, W) -> (B, T-K, classes), K the number of skips; output i has seen frames i ... i+K."""
        chunks = clips.shape[0]
        x = stem(self.backbone, clips.flatten(0, 1))
        for name in self.units:
            unit = self.backbone.get_submodule(name)
            x = unit(x, chunks) if isinstance(unit, RecurrentUnit) else unit(x)
        x = self.backbone.fc(torch.flatten(self.backbone.avgpool(x), 1))
        return x.unflatten(0, (chunks, -1))

    def forward(self, clips: Tensor) -> Tensor:
        """Log-probabilities of the classes, (B, T, 3, H, W) -> (B, classes) in float32."""
        if self.readout == "last":
            return self.logits(clips[:, -self.reads :])[:, -1].float().log_softmax(dim=-1)
        log_probabilities = self.logits(clips).float().log_softmax(dim=-1)  # (B, T-K, classes)
        return log_probabilities.logsumexp(dim=1) - math.log(log_probabilities.shape[1])

    def dense(self, frames: Tensor, lengths: Sequence[int]) -> Tensor:
        """Log-probabilities of every window of `reads` frames, for which each frame goes through the network once.

        Args:
            frames: (N, 3, H, W), the frames of some videos, one video after the other.
            lengths: how many frames each video has, at least `reads`; they add up to N.

        Returns:
            (windows, classes) in float32: of each video its n - reads + 1 windows, in the order of time.
        """
        ends = itertools.accumulate(lengths)
        windows = [range(end - n, end - self.reads + 1) for n, end in zip(lengths, ends, strict=True)]  # their starts
        kept = torch.tensor(list(itertools.chain(*windows)))
        # Copied before there is work to wait for, and from memory from which that needs no waiting.
        kept = (kept.pin_memory() if frames.is_cuda else kept).to(frames.device, non_blocking=True)
        # All as if of one video: an output that sees frames of two is computed, too, and left out.
        log_probabilities = self.logits(frames[None])[0].float().log_softmax(dim=-1)  # (N-K, classes)
        outputs = self.reads - self.context + 1  # of a window
        if outputs > 1:
            log_probabilities = log_probabilities.unfold(0, outputs, 1).logsumexp(dim=-1) - math.log(outputs)
        return log_probabilities[kept]


def build(settings: dict[str, Any], backbone: ResNet) -> RecurrentResNet:
    """The network of an entry in `experiments.yaml`.

    Raises:
        UserError: a setting does not fit the backbone.
    """
    return RecurrentResNet(backbone, **settings)
