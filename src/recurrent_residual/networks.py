"""An experiment's network, as a training, a tuning and a test build it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from recurrent_residual.backbone import build_backbone
from recurrent_residual.models import load_model
from recurrent_residual.weights import load_weights


def build_network(
    settings: dict[str, Any], *, classes: int, weights: Path | None = None, weights_sha256: str | None = None
) -> nn.Module:
    """The network of an experiment's settings, with random weights (of torch's global generator).

    Args:
        settings: what a job gets as --settings (`config.Experiment`).
        classes: number of outputs.
        weights: the image network's, to start from; a network whose own weights follow needs none.
        weights_sha256: their digest or its first digits; None does not look at it.

    Raises:
        UserError: the weights are not this architecture's, or a setting does not fit the backbone.
    """
    backbone = build_backbone(settings["backbone"]["architecture"], classes=classes)
    if weights is not None:
        load_weights(backbone, weights, weights_sha256)
    return load_model(settings["model"]).build(settings["settings"], backbone)
