"""Training frames a second of recurrent-residual networks, beside the plain ResNet on the same frames.

The plain ResNet is torchvision's, trained on the same frames one by one. Both do what a training does with a batch:
views of the frames, forward, loss, backward, a step of Adam; on a GPU in bf16. A variant and the plain network take
turns, a turn being a few steps; a ratio is that of two turns that follow each other, so that other work on the machine
meets both. Frames count as read: all T of a chunk, also where a variant need not compute all of them to the end.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from recurrent_residual import cli
from recurrent_residual.backbone import build_backbone
from recurrent_residual.device import autocast, choose_device, place
from recurrent_residual.errors import UserError
from recurrent_residual.models.recurrent_resnet import RecurrentResNet
from recurrent_residual.provenance import hardware
from recurrent_residual.views import ViewSettings, batch_views, training_windows

CLASSES = 101
# Variants of experiments.yaml; T is the number of skips + 1, or `frames`.
VARIANTS: dict[str, dict[str, Any]] = {
    "identity, T=2": {"skips": ["layer4.-1"], "kind": "identity"},
    "convolution, T=2": {"skips": ["layer4.-1"], "kind": "convolution"},
    "non-linear, T=2": {"skips": ["layer4.-1"], "kind": "nonlinear"},
    "identity, T=3": {"skips": ["layer4.-2", "layer4.-1"]},
    "identity, T=5": {"skips": ["layer3.-2", "layer3.-1", "layer4.-2", "layer4.-1"]},
    "control: no skip, average, T=2": {"skips": [], "frames": 2, "readout": "average"},
}
FRAMES_STEP = 30
"""A batch holds a multiple of it, so that chunks of 2, 3 and 5 frames fill it."""


class Plain(nn.Module):
    """torchvision's ResNet on a chunk's frames, each by itself."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, clips: Tensor) -> Tensor:
        """Log-probabilities of the classes, (B, T, 3, H, W) -> (B * T, classes)."""
        return self.backbone(clips.flatten(0, 1)).float().log_softmax(dim=-1)


@dataclass(frozen=True)
class Speed:
    """Frames a second of a variant and of the plain network, turn by turn."""

    variant: list[float]
    plain: list[float]

    @property
    def ratios(self) -> list[float]:
        """Variant to plain, each from two turns that follow each other."""
        return [v / p for v, p in zip(self.variant, self.plain, strict=True)]


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--architecture", help="small-16 if not given, on a GPU resnet50")
    parser.add_argument("--size", type=int, help="side of the views in pixels; 48 if not given, on a GPU 224")
    parser.add_argument("--frames", default=60, type=int, help=f"frames in a step, a multiple of {FRAMES_STEP}")
    parser.add_argument("--steps", default=4, type=int, help="steps in a turn")
    parser.add_argument("--rounds", default=20, type=int, help="turns of each variant")
    parser.add_argument("--threads", default=1, type=int, help="processor threads")
    parser.add_argument("--gpus", default=1, type=int, help="0: compute on the processor even if there is a GPU")
    return parser


def trainer(
    network: nn.Module, frames: Tensor, length: int, view: ViewSettings, device: torch.device
) -> Callable[[], None]:
    """A function that trains `network` for one step on `frames`, (N, 3, H, W) uint8, in chunks of `length`."""
    place(network, device).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4, fused=True)
    chunks = list(frames.unflatten(0, (-1, length)))
    windows = training_windows(len(chunks), view, torch.Generator().manual_seed(0))
    outputs = len(frames) if isinstance(network, Plain) else len(chunks)
    labels = torch.arange(outputs, device=device) % CLASSES

    def step() -> None:
        x = batch_views(chunks, windows, view, device)
        with autocast(device):
            log_probabilities = network(x)
        loss = F.nll_loss(log_probabilities, labels)
        loss.backward()
        loss.item()  # a training reads it at each step, which makes a GPU wait
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return step


def measure(
    networks: dict[str, RecurrentResNet], plain: Plain, options: argparse.Namespace, device: torch.device
) -> dict[str, Speed]:
    """Train all in turns; frames a second of each turn."""
    size = options.size
    frames = torch.randint(0, 256, (options.frames, 3, size * 9 // 8, size * 3 // 2), dtype=torch.uint8)
    view = ViewSettings((size * 3 // 2, size * 9 // 8), size, (size * 9 // 8, size, size * 3 // 4), flip=True)

    def turn(step: Callable[[], None]) -> float:
        _synchronise(device)
        started = time.perf_counter()
        for _ in range(options.steps):
            step()
        _synchronise(device)
        return options.steps * options.frames / (time.perf_counter() - started)

    # The plain network gets the same chunks, so that cutting views, a window a chunk, costs both the same.
    steps = {
        name: [trainer(n, frames, network.frames, view, device) for n in (network, plain)]
        for name, network in networks.items()
    }
    for pair in steps.values():
        for step in pair:
            turn(step)  # allocations and the choice of kernels
    speeds = {name: Speed([], []) for name in networks}
    for number in range(options.rounds):
        for name, (step, step_plain) in steps.items():
            turns = [(speeds[name].variant, step), (speeds[name].plain, step_plain)]
            for rates, train in turns if number % 2 else reversed(turns):
                rates.append(turn(train))
    return speeds


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def table(speeds: dict[str, Speed]) -> str:
    """Medians, and the quartiles of the ratios, as Markdown."""
    lines = [
        "| network | frames/s | plain ResNet, frames/s | times plain: median (quartiles) |",
        "|---|---:|---:|---:|",
    ]
    for name, speed in speeds.items():
        rates = f"{statistics.median(speed.variant):,.0f} | {statistics.median(speed.plain):,.0f}"
        low, middle, high = quartiles(speed.ratios)
        lines.append(f"| {name} | {rates} | {middle:.3f} ({low:.3f} to {high:.3f}) |")
    return "\n".join(lines)


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """The 25th, 50th and 75th percentile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def main(options: argparse.Namespace) -> None:
    """Measure and print."""
    if options.frames < 1 or options.frames % FRAMES_STEP:
        raise UserError(f"--frames {options.frames}: must be a multiple of {FRAMES_STEP}, for chunks of 2, 3 and 5")
    device = choose_device(gpus=options.gpus, threads=options.threads)
    gpu = device.type == "cuda"
    options.architecture = options.architecture or ("resnet50" if gpu else "small-16")
    options.size = options.size or (224 if gpu else 48)
    torch.manual_seed(0)
    plain = Plain(build_backbone(options.architecture, classes=CLASSES))
    networks = {
        name: RecurrentResNet(build_backbone(options.architecture, classes=CLASSES), **settings)
        for name, settings in VARIANTS.items()
    }
    print(
        f"{hardware(device)}, {'bf16' if gpu else f'float32, {options.threads} thread(s)'}; torch {torch.__version__}, "
        f"torchvision {torchvision.__version__}, Python {platform.python_version()}\n"
        f"{options.architecture}, {options.size}x{options.size} pixels, {options.frames} frames a step, "
        f"{options.steps} steps a turn, {options.rounds} turns\n"
    )
    print(table(measure(networks, plain, options, device)))


if __name__ == "__main__":
    cli.run(main, arguments())
