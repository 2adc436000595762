"""Protects the network for the test: folded batch norms change rounding, and nothing of the network that was given."""

from __future__ import annotations

import copy

import pytest
import torch
from test_recurrent_resnet import ARRANGEMENTS, randomise
from torch import nn

from recurrent_residual.backbone import block_features, build_backbone
from recurrent_residual.folding import fold_batch_norm
from recurrent_residual.models.recurrent_resnet import RecurrentResNet


@pytest.mark.parametrize("architecture", ["small-8", "resnet18", "resnet50"])
def test_scores_and_features_are_equal_and_no_norm_is_left(architecture: str) -> None:
    """With running statistics that are not those of a new network, for both kinds of residual unit."""
    torch.manual_seed(0)
    net = randomise(build_backbone(architecture, classes=7)).eval()
    folded = fold_batch_norm(net)
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(folded(x), net(x), rtol=1e-3, atol=1e-4)
        for (_, plain), (_, fast) in zip(block_features(net, x), block_features(folded, x), strict=True):
            torch.testing.assert_close(fast, plain, rtol=1e-3, atol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_temporal_skips_are_folded_too(name: str) -> None:
    torch.manual_seed(0)
    skips, kind = ARRANGEMENTS[name]
    net = randomise(RecurrentResNet(build_backbone("small-8", classes=5), skips=skips, kind=kind)).eval()
    x = torch.randn(2, net.frames, 3, 32, 32)
    folded = fold_batch_norm(net)
    with torch.no_grad():
        torch.testing.assert_close(folded(x), net(x), rtol=1e-3, atol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())


def test_the_network_in_training_is_left_alone() -> None:
    """Held-out clips are tested between two epochs: mode, weights, statistics and what takes gradients stay."""
    net = randomise(RecurrentResNet(build_backbone("small-8", classes=5), skips=["layer4.-1"])).train()
    net.backbone.bn1.eval()
    before, modes = copy.deepcopy(net.state_dict()), [module.training for module in net.modules()]
    folded = fold_batch_norm(net)
    with torch.no_grad():
        folded(torch.randn(2, 2, 3, 32, 32))
        for parameter in folded.parameters():
            parameter.zero_()
    assert not folded.training
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert all(parameter.requires_grad for parameter in net.parameters())
