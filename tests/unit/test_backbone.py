"""Protects the image network: where its weights come from, and that wrong ones are refused."""

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18

from recurrent_residual.backbone import block_features, build_backbone, load_weights
from recurrent_residual.errors import UserError


def test_weights_make_the_round_trip_but_for_the_classifier(tmp_path) -> None:
    source = build_backbone("small-8", classes=4)
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    torch.save(source.state_dict(), tmp_path / "w.pth")
    for name in ("w.safetensors", "w.pth"):
        target = build_backbone("small-8", classes=9)
        load_weights(target, tmp_path / name)
        for key, value in target.state_dict().items():
            if not key.startswith("fc."):
                assert torch.equal(value, source.state_dict()[key]), key


def test_features_are_the_networks_own_pooled_activations() -> None:
    """The vectors after blocks 2, 3, 4 have 128, 256, 512 numbers in ResNet-18; block 4's feed its classifier."""
    net = resnet18().eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        features = dict(block_features(net, x))
        assert [features[block].shape[1] for block in (2, 3, 4)] == [128, 256, 512]
        torch.testing.assert_close(net.fc(features[4]), net(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("layer3.1.conv2.weight"), "has no 'layer3.1.conv2.weight'"),
        (lambda state: state.update({"layer9.0.conv1.weight": torch.zeros(1)}), "layer9.0.conv1.weight"),
        (lambda state: state.update({"conv1.weight": torch.zeros(8, 3, 3, 3)}), "conv1.weight"),
    ],
)
def test_weights_of_another_architecture_name_the_first_key(tmp_path, change, message: str) -> None:
    state = build_backbone("small-8", classes=4).state_dict()
    change(state)
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=message):
        load_weights(build_backbone("small-8", classes=4), tmp_path / "w.safetensors")


def test_a_file_that_is_no_weights_is_named(tmp_path) -> None:
    (tmp_path / "w.pth").write_bytes(b"<html>404</html>")
    for path, message in ((tmp_path / "w.pth", "cannot be read"), (tmp_path / "none.pth", "no such file")):
        with pytest.raises(UserError, match=message):
            load_weights(build_backbone("small-8", classes=4), path)


@pytest.mark.parametrize("name", ["resnet51", "vgg16", "small-", "small-4", "ResNet", "os"])
def test_an_unknown_architecture_is_named(name: str) -> None:
    with pytest.raises(UserError, match="backbone.architecture"):
        build_backbone(name, classes=2)
