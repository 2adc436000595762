"""Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391): where in its picture a network sees a class."""

from __future__ import annotations

from typing import Any

import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

from recurrent_residual.errors import UserError


def class_maps(network: nn.Module, chunks: Tensor, label: int) -> Tensor:
    """Where the last unit of layer4 sees a class, at the last frame of each chunk.

    Of that unit's output A, k its channels: alpha_k = mean over places of dy/dA_k (eq. 1), map = ReLU(sum of
    alpha_k A_k) (eq. 2). y is the class's score before the softmax; where a chunk has several outputs, its last one's.

    Args:
        network: in evaluation mode, a `models.recurrent_resnet.RecurrentResNet` or one with its `backbone`, `logits`
            and `reads`.
        chunks: (B, T, 3, H, W), T at least `reads`.
        label: the class.

    Returns:
        (B, h, w) float32 on the CPU, nothing below 0; h and w are the unit's, H / 32 and W / 32 rounded up.

    Raises:
        UserError: the network has no such layer.
    """
    own: Any = network
    if not hasattr(network, "logits") or not hasattr(getattr(network, "backbone", None), "layer4"):
        raise UserError(f"{type(network).__name__}: has no logits and backbone.layer4, which Grad-CAM needs")

    def scores(x: Tensor) -> Tensor:
        return own.logits(x[:, -own.reads :])[:, -1]

    cam = LayerGradCam(scores, own.backbone.layer4[-1])
    maps = cam.attribute(chunks, target=label, relu_attributions=True)  # (B * outputs, 1, h, w)
    assert isinstance(maps, Tensor)
    return maps.detach().float().cpu().unflatten(0, (len(chunks), -1))[:, -1, 0]


def scaled(maps: Tensor) -> Tensor:
    """Divided by their common largest value, so that maps of a clip can be compared in time; 0 where that is 0."""
    return maps / maps.max().clamp(min=torch.finfo(maps.dtype).tiny)
