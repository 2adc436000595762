"""Protects the paper's equations 2-4, and that the network is torchvision's but for its temporal skips."""

import copy

import pytest
import torch
from torchvision.models import resnet18, resnet50

from recurrent_residual.backbone import build_backbone, residual, shortcut
from recurrent_residual.errors import UserError
from recurrent_residual.models.recurrent_resnet import RecurrentResNet, RecurrentUnit

# Every arrangement of skips in Tables 2-4, for the small network and for ResNet-50 alike.
ARRANGEMENTS = {
    "block1": (["layer1.0"], "convolution"),
    "block2": (["layer2.-1"], "convolution"),
    "mid_block4": (["layer4.0"], "convolution"),
    "block4": (["layer4.-1"], "convolution"),
    "identity": (["layer4.-1"], "identity"),
    "nonlinear": (["layer4.-1"], "nonlinear"),
    "context3": (["layer4.-2", "layer4.-1"], "identity"),
    "context5": (["layer3.-2", "layer3.-1", "layer4.-2", "layer4.-1"], "identity"),
}


def network(name: str, *, frames: int | None = None, seed: int = 0) -> RecurrentResNet:
    """A small network with random weights and random running statistics, ready to test."""
    torch.manual_seed(seed)
    skips, kind = ARRANGEMENTS[name]
    net = RecurrentResNet(build_backbone("small-8", classes=5), skips=skips, kind=kind, frames=frames)
    return randomise(net).eval()


def randomise(net: torch.nn.Module) -> torch.nn.Module:
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return net


def clips(batch: int, frames: int, size: int = 32) -> torch.Tensor:
    return torch.randn(batch, frames, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50", "small-8"])
def test_residual_plus_shortcut_is_torchvisions_unit(architecture: str) -> None:
    """`residual` and `shortcut` are the two sides of the sum in torchvision's own forward, bit for bit."""
    net = randomise(build_backbone(architecture, classes=3)).eval()
    for unit in (net.layer1[0], net.layer2[0], net.layer4[-1]):
        x = torch.randn(2, unit.conv1.in_channels, 8, 8)
        assert torch.equal(unit.relu(residual(unit, x) + shortcut(unit, x)), unit(x))


@pytest.mark.parametrize("kind", ["identity", "convolution", "nonlinear"])
@pytest.mark.parametrize("stride", [1, 2])
def test_unit_equals_equations_2_to_4_in_a_naive_loop(kind: str, stride: int) -> None:
    """y_t = ReLU(F(x_t) + shortcut(x_t) + g(x_{t-1})), frame by frame, chunk by chunk."""
    if kind == "identity" and stride == 2:
        pytest.skip("the identity needs equal shapes; test_identity_refuses_a_projecting_unit")
    torch.manual_seed(0)
    net = build_backbone("small-8", classes=3)
    original = net.layer4[0 if stride == 2 else 1]
    unit = randomise(RecurrentUnit(original, kind)).eval()
    channels = original.conv1.in_channels
    x = torch.randn(3, 4, channels, 6, 6)  # (B, T, C, H, W)
    got = unit(x.flatten(0, 1), 3).unflatten(0, (3, -1))
    assert got.shape[:2] == (3, 3)
    for b in range(3):
        for t in range(1, 4):
            now, before = x[b, t : t + 1], x[b, t - 1 : t]
            if kind == "identity":
                g = before
            else:
                w_s = unit.g if kind == "convolution" else unit.g[0]
                # A 1x1 convolution is a matrix product at every `stride`-th place.
                places = before[0, :, ::stride, ::stride]
                g = torch.einsum("oc,chw->ohw", w_s.weight[:, :, 0, 0], places)[None]
                if kind == "nonlinear":
                    g = torch.relu(unit.g[1](g))
            spatial = now if original.downsample is None else original.downsample(now)
            expected = torch.relu(residual(original, now) + spatial + g)
            torch.testing.assert_close(got[b, t - 1 : t], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["identity", "convolution", "nonlinear"])
@pytest.mark.parametrize("frames", [2, 3, 5])
def test_a_unit_keeps_the_channels_last(kind: str, frames: int) -> None:
    """A GPU's convolutions are several times slower in the other order; the numbers are those of it."""
    torch.manual_seed(0)
    original = build_backbone("small-8", classes=3).layer4[-1]
    unit = randomise(RecurrentUnit(original, kind)).eval()
    x = torch.randn(3 * frames, original.conv1.in_channels, 6, 6)
    pieces = x.unflatten(0, (3, frames))
    with torch.no_grad():
        expected = original.relu(
            residual(original, now := pieces[:, 1:].flatten(0, 1))
            + shortcut(original, now)
            + unit.g(pieces[:, :-1].flatten(0, 1))
        )
        got = unit.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last), 3)
    assert got.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("frames", [2, 3, 5])
def test_frames_are_chosen_without_leaving_the_channels_last(frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the unit's convolutions get: no kernel need turn it round first."""
    net = build_backbone("small-8", classes=3)
    unit = RecurrentUnit(net.layer4[-1], "convolution").to(memory_format=torch.channels_last)
    orders = []
    for convolution in (unit.unit.conv1, unit.g):
        convolution.register_forward_pre_hook(lambda _, x: orders.append(x[0].stride(1)))
    channels = net.layer4[-1].conv1.in_channels
    unit(torch.randn(2 * frames, channels, 6, 6).to(memory_format=torch.channels_last), 2)
    assert orders == [1, 1]


@pytest.mark.parametrize("build", [resnet18, resnet50])
def test_without_skips_it_is_torchvisions_network_bit_for_bit(build) -> None:
    """Same weights, same numbers: the baseline of every comparison is the plain ResNet."""
    torch.manual_seed(0)
    plain = randomise(build(num_classes=7)).eval()
    ours = RecurrentResNet(copy.deepcopy(plain), skips=[], frames=1).eval()
    x = clips(2, 1, 64)
    with torch.no_grad():
        assert torch.equal(ours.logits(x)[:, 0], plain(x[:, 0]))


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_t_minus_1_skips_turn_t_frames_into_one(name: str) -> None:
    net = network(name)
    skips = len(ARRANGEMENTS[name][0])
    assert net.frames == net.context == skips + 1
    with torch.no_grad():
        assert net.logits(clips(2, skips + 1)).shape == (2, 1, 5)
        assert net.logits(clips(2, skips + 4)).shape == (2, 4, 5)
        assert net(clips(2, skips + 1)).exp().sum(dim=1).allclose(torch.ones(2))


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_an_output_depends_on_its_context_and_on_nothing_else(name: str) -> None:
    """Output i moves with each of the frames i ... i+K, and not with the frame before or behind them."""
    net = network(name)
    context = net.context
    x = clips(1, context + 2)
    with torch.no_grad():
        before = net.logits(x)
        for frame in range(context + 2):
            changed = x.clone()
            changed[:, frame] += 1
            moved = (net.logits(changed) - before).abs().amax(dim=2)[0] > 0
            for i in range(3):
                assert bool(moved[i]) == (i <= frame < i + context), (frame, i)


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_gradients_reach_everything(name: str) -> None:
    """All weights are trained, W_s among them."""
    net = network(name).train()
    net(clips(4, net.frames))[:, 0].sum().backward()
    for key, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key
    if ARRANGEMENTS[name][1] != "identity":
        assert any(".g." in key for key, _ in net.named_parameters())


def test_chunks_in_a_batch_do_not_mix() -> None:
    net = network("context3")
    x = clips(3, 3)
    with torch.no_grad():
        together, alone = net(x), torch.cat([net(x[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_order_of_time_matters_with_a_skip_and_not_for_the_average() -> None:
    """What the demo's twin classes rest on."""
    x = clips(2, 2)
    with torch.no_grad():
        recurrent = network("identity")
        assert not torch.allclose(recurrent(x), recurrent(x.flip(1)), atol=1e-3)
        torch.manual_seed(0)
        average = RecurrentResNet(build_backbone("small-8", classes=5), skips=[], frames=2, readout="average").eval()
        torch.testing.assert_close(average(x), average(x.flip(1)))


def test_controls_last_frame_and_average_of_probabilities() -> None:
    """The two controls against their definition."""
    torch.manual_seed(0)
    plain = randomise(build_backbone("small-8", classes=5)).eval()
    x = clips(3, 2)
    with torch.no_grad():
        each = torch.stack([plain(x[:, t]).softmax(dim=1) for t in range(2)])
        last = RecurrentResNet(copy.deepcopy(plain), skips=[], frames=2, readout="last").eval()
        average = RecurrentResNet(copy.deepcopy(plain), skips=[], frames=2, readout="average").eval()
        torch.testing.assert_close(last(x).exp(), each[1], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(average(x).exp(), each.mean(dim=0), rtol=1e-4, atol=1e-6)


def test_zero_initialised_w_s_starts_as_the_plain_network() -> None:
    torch.manual_seed(0)
    plain = randomise(build_backbone("small-8", classes=5)).eval()
    net = RecurrentResNet(copy.deepcopy(plain), skips=["layer4.0"], kind="convolution", zero_init=True).eval()
    x = clips(2, 2)
    with torch.no_grad():
        torch.testing.assert_close(net.logits(x)[:, 0], plain(x[:, 1]), rtol=1e-5, atol=1e-6)


def test_identity_has_the_plain_networks_parameters_only() -> None:
    """ "identity mapping connection with non trainable weights" (Section 4.2)."""
    plain, net = build_backbone("small-8", classes=5), network("context5")
    assert sum(p.numel() for p in net.parameters()) == sum(p.numel() for p in plain.parameters())


@pytest.mark.parametrize("architecture", ["resnet50", "small-8"])
def test_every_arrangement_of_the_tables_stands_on_the_networks_in_use(architecture: str) -> None:
    """Block2 is the last unit of layer2 and so on, in the demo's network as in ResNet-50."""
    for skips, kind in ARRANGEMENTS.values():
        RecurrentResNet(build_backbone(architecture, classes=2), skips=skips, kind=kind)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"skips": ["layer4.0"]}, "one shape"),
        ({"skips": ["layer4.9"]}, "layer4.9"),
        ({"skips": ["block4"]}, "block4"),
        ({"skips": ["layer4.2", "layer4.-1"]}, "twice"),
        ({"skips": ["layer4.-1"], "kind": "linear"}, "linear"),
        ({"skips": ["layer4.-1"], "frames": 1}, "too few"),
        ({"skips": [], "readout": "first"}, "first"),
    ],
)
def test_impossible_settings_are_named(settings: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        RecurrentResNet(build_backbone("small-8", classes=2), **settings)
