"""Batch norms folded into the convolutions before them: for a test the same network, with less memory to go through."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """A copy of `network` for the test: in evaluation mode, batch norms of its ResNet in the convolutions' weights.

    Such a norm is linear by its running statistics, so the results are equal up to rounding. `network` stays as it is.
    """
    folded = copy.deepcopy(network).eval()
    for module in folded.modules():
        for convolution, norm in _pairs(module):
            fused = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm))
            setattr(module, convolution, fused)
            setattr(module, norm, nn.Identity())
    return folded


def _pairs(module: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of the module's convolutions that are followed by nothing but a batch norm, and of the norms."""
    if isinstance(module, (ResNet, BasicBlock, Bottleneck)):
        yield from ((f"conv{i}", f"bn{i}") for i in (1, 2, 3) if hasattr(module, f"conv{i}"))
    elif isinstance(module, nn.Sequential):  # a unit's downsample, a temporal skip's g
        for (first, convolution), (second, norm) in pairwise(list(module.named_children())):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                yield first, second
