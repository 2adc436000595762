"""Frozen features of single frames after blocks 2, 3 and 4 (Section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import torch
from torchvision.models.resnet import ResNet

from recurrent_residual.backbone import block_features
from recurrent_residual.chunks import JpegSource, cut
from recurrent_residual.cudnn import untried_algorithms
from recurrent_residual.device import place
from recurrent_residual.feature_store import BLOCKS, feature_file
from recurrent_residual.fetching import fetched
from recurrent_residual.files import atomic
from recurrent_residual.folding import fold_batch_norm
from recurrent_residual.loader import Request, load_views
from recurrent_residual.manifest import Clip
from recurrent_residual.pace import Pace
from recurrent_residual.views import ViewSettings, test_window


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
    decoder: str = "auto",
    progress_seconds: float = 30.0,
) -> int:
    """One pass of the frozen `network` over every `every`-th frame of all clips, in the manifest's order.

    Writes block2.npy, block3.npy and block4.npy into `folder`: (frames, channels) float32, the globally
    average-pooled outputs of layer2, layer3 and layer4. `decoder` and `progress_seconds` are the configuration's
    (section engine).

    Returns:
        The number of frames.
    """
    frames = cut(clips, length=1, every=every)
    folded = place(fold_batch_norm(network), device)
    window = test_window(view)
    batches = [frames[i : i + batch] for i in range(0, len(frames), batch)]
    requests = (Request(part, window.repeat(len(part), 1)) for part in batches)
    pace = Pace("features", total=len(clips), frames=len(frames), every=progress_seconds)
    with ExitStack() as stack, torch.inference_mode():
        # In full precision, as it is one cheap pass: neither bf16 nor TF32, which torch lets a GPU's convolutions take.
        stack.enter_context(untried_algorithms(allow_tf32=False))
        parts = {block: stack.enter_context(atomic(feature_file(folder, block))) for block in BLOCKS}
        views = load_views(source, requests, view=view, device=device, workers=workers, decoder=decoder)
        stack.enter_context(closing(views))
        passes = (dict(block_features(folded, x.squeeze(1))) for x in views)
        arrays: dict[int, np.memmap] = {}
        done = 0
        for vectors in fetched([vectors[block] for block in BLOCKS] for vectors in passes):
            for block, vector in zip(BLOCKS, vectors, strict=True):
                if block not in arrays:
                    shape = (len(frames), vector.shape[1])
                    arrays[block] = np.lib.format.open_memmap(parts[block], "w+", np.float32, shape)
                arrays[block][done : done + len(vector)] = vector.numpy()
            done += len(vectors[0])
            pace.tell(frames[done - 1].clip + 1, done)
        for array in arrays.values():
            array.flush()
    return done
