"""Frozen features of single frames after blocks 2, 3 and 4 (Section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from torchvision.models.resnet import ResNet

from recurrent_residual.backbone import block_features
from recurrent_residual.chunks import JpegSource, cut, load_ahead
from recurrent_residual.device import place
from recurrent_residual.feature_store import BLOCKS, feature_file
from recurrent_residual.files import atomic
from recurrent_residual.manifest import Clip
from recurrent_residual.views import ViewSettings, batch_views, test_window


def extract_features(
    network: ResNet,
    clips: Sequence[Clip],
    source: JpegSource,
    folder: Path,
    *,
    every: int,
    view: ViewSettings,
    batch: int,
    device: torch.device,
    workers: int,
) -> int:
    """One pass of the frozen `network` over every `every`-th frame of all clips, in the manifest's order.

    Writes block2.npy, block3.npy and block4.npy into `folder`: (frames, channels) float32, the globally
    average-pooled outputs of layer2, layer3 and layer4.

    Returns:
        The number of frames.
    """
    frames = cut(clips, length=1, every=every)
    batches = [frames[i : i + batch] for i in range(0, len(frames), batch)]
    place(network, device).eval()
    window = test_window(view).repeat(batch, 1)
    with ExitStack() as stack, torch.inference_mode():
        parts = {block: stack.enter_context(atomic(feature_file(folder, block))) for block in BLOCKS}
        arrays: dict[int, np.memmap] = {}
        done = 0
        for loaded in load_ahead(source, batches, workers=workers):
            x = batch_views(loaded, window[: len(loaded)], view, device).squeeze(1)
            for block, vector in block_features(network, x):  # in full precision: it is one cheap pass
                if block not in arrays:
                    shape = (len(frames), vector.shape[1])
                    arrays[block] = np.lib.format.open_memmap(parts[block], "w+", np.float32, shape)
                arrays[block][done : done + len(vector)] = vector.cpu().numpy()
            done += len(loaded)
        for array in arrays.values():
            array.flush()
    return done
