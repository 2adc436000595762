"""Protects the image network: its architectures and the vectors that it gives."""

import pytest
import torch
from torchvision.models import get_model, resnet18

from recurrent_residual.backbone import block_features, build_backbone
from recurrent_residual.errors import UserError


def test_features_are_the_networks_own_pooled_activations() -> None:
    """The vectors after blocks 2, 3, 4 have 128, 256, 512 numbers in ResNet-18; block 4's feed its classifier."""
    net = resnet18().eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        features = dict(block_features(net, x))
        assert [features[block].shape[1] for block in (2, 3, 4)] == [128, 256, 512]
        torch.testing.assert_close(net.fc(features[4]), net(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet51", "vgg16", "small-", "small-4", "ResNet", "os"])
def test_an_unknown_architecture_is_named(name: str) -> None:
    with pytest.raises(UserError, match="backbone.architecture"):
        build_backbone(name, classes=2)


@pytest.mark.parametrize("name", ["resnet18", "resnext50_32x4d", "wide_resnet50_2"])
def test_torchvisions_networks_are_built_as_torchvision_builds_them(name: str) -> None:
    """Widths and groups of the variants come with the name."""
    with torch.device("meta"):
        own, theirs = build_backbone(name, classes=3).state_dict(), get_model(name, num_classes=3).state_dict()
    assert {key: value.shape for key, value in own.items()} == {key: value.shape for key, value in theirs.items()}
