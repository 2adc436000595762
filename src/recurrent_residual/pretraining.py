"""A stand-in for ImageNet: the image network learns what made still images show."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from recurrent_residual.backbone import build_backbone
from recurrent_residual.demo.stills import still_images
from recurrent_residual.device import autocast, place
from recurrent_residual.files import atomic
from recurrent_residual.views import ViewSettings, training_windows, views_of


def pretrain(path: Path, architecture: str, settings: dict[str, Any], *, seed: int, device: torch.device) -> float:
    """Train a ResNet from scratch on made images and write its weights to `path`.

    Args:
        path: where to; .safetensors.
        architecture: see `build_backbone`.
        settings: the validated `pretraining` section of the configuration.
        seed: of everything random.
        device: where to compute.

    Returns:
        The training error of the last epoch.
    """
    images, labels, names = still_images(settings["images"], seed)
    pixels, targets = torch.from_numpy(images), torch.from_numpy(labels)
    height, width = pixels.shape[2:]
    view = ViewSettings((width, height), settings["size"], (height, height * 7 // 8), flip=True)
    torch.manual_seed(seed)
    network = place(build_backbone(architecture, classes=len(names)), device)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings["learning_rate"], fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings["learning_rate"], total_steps=settings["epochs"] * (len(pixels) // settings["batch"])
    )
    generator = torch.Generator().manual_seed(seed)
    network.train()
    error = 1.0
    for epoch in range(settings["epochs"]):
        started, wrong, seen = time.monotonic(), 0, 0
        order = torch.randperm(len(pixels), generator=generator)
        windows = training_windows(len(pixels), view, generator)
        # The last, shorter batch is left out: batch norm on a few images would disturb the running statistics.
        for index in order[: len(order) // settings["batch"] * settings["batch"]].split(settings["batch"]):
            x = views_of(pixels[index, None].to(device), windows[index], view).squeeze(1)
            with autocast(device):
                logits = network(x)
            target = targets[index].to(device)
            loss = F.cross_entropy(logits.float(), target)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            wrong += int((logits.argmax(dim=1) != target).sum())
            seen += len(index)
        error = wrong / seen
        seconds = time.monotonic() - started
        print(f"epoch {epoch + 1}/{settings['epochs']}: training error {error:.3f}, {seconds:.1f} s", file=sys.stderr)
    state = {key: value.contiguous().cpu() for key, value in network.state_dict().items()}
    with atomic(path) as part:
        save_file(state, part)
    return error
