"""The networks that are measured: those of the paper, and torchvision's beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torchvision.models import video

# The networks of config/experiments.yaml, which a GPU machine cannot read without PyYAML; a test compares the two.
NETWORKS: dict[str, dict[str, Any]] = {
    "rrn_block4_identity": {"skips": ["layer4.-1"], "kind": "identity"},
    "rrn_context3_identity": {"skips": ["layer4.-2", "layer4.-1"], "kind": "identity"},
    "rrn_context5_identity": {"skips": ["layer3.-2", "layer3.-1", "layer4.-2", "layer4.-1"], "kind": "identity"},
    "rrn_block4_convolution": {"skips": ["layer4.-1"], "kind": "convolution"},
    "rrn_block4_nonlinear": {"skips": ["layer4.-1"], "kind": "nonlinear"},
    "rrn_mid_block4_convolution": {"skips": ["layer4.0"], "kind": "convolution"},
    "rrn_block2_convolution": {"skips": ["layer2.-1"], "kind": "convolution"},
    "rrn_block1_convolution": {"skips": ["layer1.0"], "kind": "convolution"},
    "control_no_skip": {"skips": [], "frames": 2, "readout": "last"},
    "control_average": {"skips": [], "frames": 2, "readout": "average"},
}

NETWORK = "rrn_block4_identity"
"""The one that is measured in all ways: with the loop, in the test, and compiled first."""

# torchvision's video networks with the input for which their weights were made: frames and side.
PEERS: dict[str, tuple[Callable[..., nn.Module], int, int]] = {
    "r3d_18": (video.r3d_18, 16, 112),
    "mc3_18": (video.mc3_18, 16, 112),
    "r2plus1d_18": (video.r2plus1d_18, 16, 112),
    "s3d": (video.s3d, 16, 224),
}


class Plain(nn.Module):
    """torchvision's ResNet on a chunk's frames, each by itself."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, clips: Tensor) -> Tensor:
        """Log-probabilities of the classes, (B, T, 3, H, W) -> (B * T, classes)."""
        return self.backbone(clips.flatten(0, 1)).float().log_softmax(dim=-1)
