"""The image network that everything stands on: torchvision's ResNet, or its class with small sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from recurrent_residual.errors import UserError
from recurrent_residual.weights import torchvision_resnets

# Bottleneck units per layer of the small network: the least in which every skip of Tables 2-4 finds a unit of its own
# (four identity skips need two equal-shaped units in layer3 and in layer4 behind the projecting one).
SMALL_UNITS = [1, 2, 3, 3]


class SmallResNet(ResNet):
    """torchvision's bottleneck ResNet with `width` instead of 64 channels in the stem, and `SMALL_UNITS` units.

    For the demo and for a first look on a CPU; it is a ResNet-29 whose blocks give 4, 8, 16 and 32 x `width` channels.
    """

    def __init__(self, *, width: int, num_classes: int) -> None:
        self.width = width
        super().__init__(Bottleneck, SMALL_UNITS, num_classes=num_classes)
        self.fc = nn.Linear(8 * width * Bottleneck.expansion, num_classes)

    def _make_layer(self, block: Any, planes: int, blocks: int, stride: int = 1, dilate: bool = False) -> nn.Sequential:
        if planes == 64:  # torchvision has just built the stem, with its fixed 64 channels
            self.inplanes = self.width
            self.conv1 = nn.Conv2d(3, self.width, kernel_size=7, stride=2, padding=3, bias=False)
            self.bn1 = nn.BatchNorm2d(self.width)
        return super()._make_layer(block, planes * self.width // 64, blocks, stride, dilate)


def build_backbone(architecture: str, *, classes: int) -> ResNet:
    """A ResNet with random weights (of torch's global generator).

    Args:
        architecture: one of torchvision's ResNets by name (`resnet50`), or `small-<width>` (`small-16`).
        classes: number of outputs of its classifier `fc`.

    Raises:
        UserError: no such architecture.
    """
    kind, _, width = architecture.partition("-")
    if kind == "small" and width.isdigit() and int(width) >= 8:
        return SmallResNet(width=int(width), num_classes=classes)
    if architecture not in torchvision_resnets():
        raise UserError(
            f"backbone.architecture: {architecture!r} is none that this project knows; take one of torchvision's "
            f"({', '.join(torchvision_resnets())}) or small-<width> with a width of at least 8"
        )
    return get_model(architecture, num_classes=classes)


def unit_names(network: ResNet) -> list[str]:
    """Names of all residual units in the order of the data: layer1.0, layer1.1, ... layer4.2."""
    return [f"layer{stage}.{i}" for stage in range(1, 5) for i in range(len(getattr(network, f"layer{stage}")))]


def resolve_unit(network: ResNet, name: str) -> str:
    """The unit's name with its index counted from 0: layer4.-1 is layer4.2 in a ResNet-50.

    Raises:
        UserError: the network has no such unit.
    """
    names = unit_names(network)
    layer, _, index = name.partition(".")
    own = [unit for unit in names if unit.startswith(f"{layer}.")]
    try:
        return own[int(index)]
    except (ValueError, IndexError):
        raise UserError(f"skips: {name!r} is no residual unit of this backbone; it has {', '.join(names)}") from None


def residual(unit: BasicBlock | Bottleneck, x: Tensor) -> Tensor:
    """F(x), the residual branch of one of torchvision's units, as its own `forward` computes it before the sum."""
    out = unit.relu(unit.bn1(unit.conv1(x)))
    if isinstance(unit, Bottleneck):
        out = unit.relu(unit.bn2(unit.conv2(out)))
        return unit.bn3(unit.conv3(out))
    return unit.bn2(unit.conv2(out))


def shortcut(unit: BasicBlock | Bottleneck, x: Tensor) -> Tensor:
    """The spatial skip of one of torchvision's units: x itself, or its projection where shapes change."""
    return x if unit.downsample is None else unit.downsample(x)


def stem(network: ResNet, x: Tensor) -> Tensor:
    """Everything before the first residual unit: (N, 3, H, W) -> (N, C, H/4, W/4)."""
    return network.maxpool(network.relu(network.bn1(network.conv1(x))))


def block_features(network: ResNet, x: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield (block number, globally average-pooled vectors (N, C)) after layer2, layer3 and layer4 (Section 4.1)."""
    x = network.layer1(stem(network, x))
    for block, layer in ((2, network.layer2), (3, network.layer3), (4, network.layer4)):
        x = layer(x)
        yield block, x.mean(dim=(2, 3))
