"""Protects the loading of the image network's weights: the right ones load, wrong ones are refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import resnet18

from recurrent_residual.backbone import build_backbone
from recurrent_residual.errors import UserError
from recurrent_residual.weights import load_weights, read_weights
from recurrent_residual.weights_source import sha256_of


@pytest.fixture
def source() -> nn.Module:
    """A network whose every number differs from a fresh one's, running statistics included."""
    network = build_backbone("small-8", classes=4)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.uniform_(0.5, 1.5)
    return network


def loaded(path: Path, sha256: str | None = None) -> dict[str, torch.Tensor]:
    target = build_backbone("small-8", classes=9)
    load_weights(target, path, sha256)
    return target.state_dict()


def assert_same(state: dict[str, torch.Tensor], source: nn.Module) -> None:
    for key, value in source.state_dict().items():
        if not key.startswith("fc."):
            assert torch.equal(state[key], value), key


def test_weights_make_the_round_trip_but_for_the_classifier(tmp_path, source) -> None:
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    torch.save(source.state_dict(), tmp_path / "w.pth")
    for name in ("w.safetensors", "w.pth"):
        assert_same(loaded(tmp_path / name), source)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 90},
        lambda state: {"model": state, "optimizer": {"state": {}}},
        lambda state: {"model_state": state},
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}},
        lambda state: {key: value for key, value in state.items() if "num_batches_tracked" not in key},
    ],
    ids=["state_dict", "model", "model_state", "module.", "both", "before PyTorch 0.4.1"],
)
def test_checkpoints_of_other_programs_load(tmp_path, source, wrap: Callable) -> None:
    """A training's checkpoint, a parallel network's keys, and old files without batch norm's counters."""
    torch.save(wrap(source.state_dict()), tmp_path / "w.pth")
    assert_same(loaded(tmp_path / "w.pth"), source)


def test_the_digest_decides(tmp_path, source) -> None:
    path = tmp_path / "w.pth"
    torch.save(source.state_dict(), path)
    digest = sha256_of(path)
    for given in (digest, digest[:8], digest.upper()):
        assert_same(loaded(path, given), source)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"sha256 is {sha256_of(path)}, not {digest}"):
        loaded(path, digest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("layer3.1.conv2.weight"), "has no 'layer3.1.conv2.weight'"),
        (lambda state: state.update({"layer9.0.conv1.weight": torch.zeros(1)}), "'layer9.0.conv1.weight' has no place"),
        (
            lambda state: state.update({"conv1.weight": torch.zeros(8, 3, 3, 3), "bn1.bias": torch.zeros(9)}),
            r"'conv1.weight' has shape \(8, 3, 3, 3\), the architecture wants \(8, 3, 7, 7\)",
        ),
        # The first in the network's order, not in the alphabet's: bn1 comes after conv1 and before layer1.
        (lambda state: [state.pop("layer1.0.bn1.bias"), state.pop("bn1.weight")], "has no 'bn1.weight'"),
    ],
)
def test_weights_of_another_architecture_name_the_first_key(tmp_path, source, change: Callable, message: str) -> None:
    state = source.state_dict()
    change(state)
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=message) as error:
        loaded(tmp_path / "w.safetensors")
    assert "\n" not in str(error.value)


def test_weights_of_another_torchvision_network_are_told_by_name(tmp_path) -> None:
    """ResNet-18's weights in a ResNet-34 lack its third unit; the line says whose they are."""
    torch.save(resnet18(num_classes=7).state_dict(), tmp_path / "w.pth")
    message = "has no 'layer1.2.conv1.weight', .* weights of torchvision's resnet18: set backbone.architecture"
    with pytest.raises(UserError, match=message):
        load_weights(build_backbone("resnet34", classes=2), tmp_path / "w.pth")


def test_a_refused_file_leaves_the_network_as_it_was(tmp_path, source) -> None:
    state = source.state_dict()
    state.pop("layer4.2.conv3.weight")
    torch.save(state, tmp_path / "w.pth")
    target = build_backbone("small-8", classes=9)
    before = {key: value.clone() for key, value in target.state_dict().items()}
    with pytest.raises(UserError):
        load_weights(target, tmp_path / "w.pth")
    assert all(torch.equal(value, before[key]) for key, value in target.state_dict().items())


class Touch:
    """Pickled code: unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.path,))


def test_no_code_of_a_file_runs(tmp_path) -> None:
    torch.save({"conv1.weight": torch.zeros(1), "x": Touch(tmp_path / "ran")}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="w.pth: cannot be read as weights .*Python objects") as error:
        read_weights(tmp_path / "w.pth")
    assert not (tmp_path / "ran").exists() and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_bytes(b"<html>404</html>"), "cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.mkdir(), "cannot be read"),
        (lambda path: None, "no such file"),
        (lambda path: torch.save([torch.zeros(1)], path), "holds a list, no state dict"),
        (lambda path: torch.save({}, path), "holds a dict, no state dict"),
        (lambda path: torch.save({"epoch": 3}, path), "no state dict: 'epoch' is int and no tensor"),
        (lambda path: torch.save(nn.Linear(2, 2), path), "Python objects"),
    ],
    ids=["page", "empty", "folder", "absent", "list", "nothing", "numbers", "module"],
)
@pytest.mark.parametrize("digest", [None, "0" * 64], ids=["no digest", "digest"])
def test_a_file_that_is_no_weights_is_named(tmp_path, write: Callable, message: str, digest: str | None) -> None:
    path = tmp_path / "w.pth"
    write(path)
    wrong = digest and path.is_file()
    with pytest.raises(UserError, match="sha256 is" if wrong else message) as error:
        load_weights(build_backbone("small-8", classes=4), path, digest)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_safetensors_file_that_is_none_is_named(tmp_path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(UserError, match="cannot be read as weights") as error:
        read_weights(path)
    assert "\n" not in str(error.value)
