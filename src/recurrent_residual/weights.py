"""Loading an image network's weights, and refusing those of another network in one line."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision import models

from recurrent_residual.errors import UserError
from recurrent_residual.weights_source import check_sha256

# Where training scripts put a network's state dict in their checkpoints, the most common name first.
WRAPPERS = ("state_dict", "model", "model_state")
# torch.nn.DataParallel and DistributedDataParallel put this in front of every key.
PARALLEL = "module."

Shapes = dict[str, tuple[int, ...]]


def torchvision_resnets() -> list[str]:
    """The names of torchvision's ResNets: resnet50, resnext101_32x8d, wide_resnet50_2 ..."""
    return models.list_models(module=models, include=["resnet*", "resnext*", "wide_resnet*"])


def load_weights(network: nn.Module, path: str | Path, sha256: str | None = None) -> None:
    """Copy a ResNet's weights from `path` (.safetensors, or torch's .pth) into `network`, but for its classifier `fc`.

    Batch norm's counters stay as they are, too: files from before PyTorch 0.4.1 lack them, and nothing here uses them.

    Args:
        network: changed in place.
        path: what `read_weights` reads.
        sha256: the file's digest or its first digits; None does not look at it.

    Raises:
        UserError: the file cannot be read, has another digest, or its keys or shapes are not this architecture's: the
            first key that differs, in the network's order, and which of torchvision's ResNets it would fit.
    """
    if sha256 is not None and Path(path).is_file():
        check_sha256(path, sha256)
    state = read_weights(path)
    own, found = _shapes(network.state_dict()), _shapes(state)
    if difference := _difference(own, found):
        raise UserError(f"{path}: {difference}; {_fitting(found)}")
    network.load_state_dict({key: state[key] for key in own}, strict=False)


def read_weights(path: str | Path) -> Mapping[str, Tensor]:
    """Read a state dict, also out of a checkpoint that holds it under one of `WRAPPERS`; the prefix `PARALLEL` goes.

    A .pth is read with `weights_only`, so that no code in it runs.

    Raises:
        UserError: the file is not there or is no state dict.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file of weights") from None
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error):
            reason = "it holds Python objects, whose code would run on loading; save network.state_dict() alone"
        else:
            reason = "neither torch's format nor, by its name, .safetensors"
        raise UserError(f"{path}: cannot be read as weights ({reason})") from None
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: cannot be read as weights ({reason})") from None
    wrapped = (content[key] for key in WRAPPERS if key in content) if isinstance(content, dict) else ()
    state = next((inner for inner in wrapped if isinstance(inner, dict)), content)
    if not isinstance(state, dict) or not state:
        raise UserError(f"{path}: holds a {type(content).__name__}, no state dict; save network.state_dict()")
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise UserError(
                f"{path}: no state dict: {key!r} is {type(value).__name__} and no tensor; save network.state_dict()"
            )
    prefix = PARALLEL if all(key.startswith(PARALLEL) for key in state) else ""
    return {key.removeprefix(prefix): value for key, value in state.items()}


def _shapes(state: Mapping[str, Tensor]) -> Shapes:
    """Shapes of what `load_weights` copies, in the order of `state`."""
    return {
        key: tuple(value.shape)
        for key, value in state.items()
        if not key.startswith("fc.") and not key.endswith(".num_batches_tracked")
    }


def _difference(own: Shapes, found: Shapes) -> str | None:
    """The first key of the network that `found` lacks or has in another shape, or what `found` has too much."""
    for key, shape in own.items():
        if key not in found:
            return f"has no {key!r}, which the architecture wants"
        if found[key] != shape:
            return f"{key!r} has shape {found[key]}, the architecture wants {shape}"
    surplus = next((key for key in found if key not in own), None)
    return f"{surplus!r} has no place in the architecture" if surplus else None


def _fitting(found: Shapes) -> str:
    """Which of torchvision's ResNets has just these keys and shapes."""
    for name in torchvision_resnets():
        with torch.device("meta"):  # shapes without memory: all of them take under a second
            shapes = _shapes(models.get_model(name).state_dict())
        if shapes == found:
            return f"these are weights of torchvision's {name}: set backbone.architecture to it, or take another file"
    return "these are not the weights of this architecture; take another file"
