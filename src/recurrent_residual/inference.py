"""A network's score of a video: the mean of its chunks' class probabilities (Section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from recurrent_residual.chunks import JpegSource, cut, load_ahead
from recurrent_residual.device import autocast, place
from recurrent_residual.manifest import Clip
from recurrent_residual.views import ViewSettings, batch_views, test_window


@torch.inference_mode()
def predict_network(
    network: nn.Module,
    clips: Sequence[Clip],
    source: JpegSource,
    *,
    frames: int,
    every: int,
    view: ViewSettings,
    batch: int,
    device: torch.device,
    workers: int,
) -> Tensor:
    """Class probabilities of each clip, (clips, classes) float32.

    `network` maps chunks (B, T, 3, H, W) of T = `frames` frames to log-probabilities (B, classes).
    """
    place(network, device).eval()
    chunks = cut(clips, length=frames, every=every)
    batches = [chunks[i : i + batch] for i in range(0, len(chunks), batch)]
    window = test_window(view).repeat(batch, 1)
    scores = []
    for loaded in load_ahead(source, batches, workers=workers):
        x = batch_views(loaded, window[: len(loaded)], view, device)
        with autocast(device):
            scores.append(network(x).exp().cpu())
    score = torch.cat(scores)
    owner = torch.tensor([chunk.clip for chunk in chunks])
    sums = torch.zeros(len(clips), score.shape[1]).index_add_(0, owner, score)
    return sums / owner.bincount(minlength=len(clips))[:, None]
