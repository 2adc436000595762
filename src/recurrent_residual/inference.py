"""A network's score of a video: the mean of its windows' class probabilities (Section 3.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import torch
from torch import Tensor, nn

from recurrent_residual.chunks import JpegSource
from recurrent_residual.cudnn import untried_algorithms
from recurrent_residual.device import autocast, place
from recurrent_residual.errors import UserError
from recurrent_residual.fetching import fetched
from recurrent_residual.folding import fold_batch_norm
from recurrent_residual.loader import Request, load_views
from recurrent_residual.manifest import Clip
from recurrent_residual.memory import is_out_of_memory
from recurrent_residual.messages import say
from recurrent_residual.pace import Pace
from recurrent_residual.passes import Pass, plan
from recurrent_residual.views import ViewSettings, test_window


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
    windows: str = "disjoint",
    shuffled: bool = False,
    decoder: str = "auto",
    name: str = "",
    progress_seconds: float = 30.0,
) -> Tensor:
    """Class probabilities of each clip, (clips, classes) float32 on the CPU; `network` stays as it is.

    Args:
        network: maps chunks (B, T, 3, H, W) of T = `frames` frames, or its last `reads` of them, to log-probabilities
            (B, classes).
        clips: the test clips.
        source: their JPEGs.
        frames: T.
        every: frames between two samples.
        view: the input's sizes.
        batch: frames in one pass; halved, with a message, where the memory does not suffice.
        device: where the work is done.
        workers: threads that decode.
        windows: "disjoint" or "dense" (see `passes.plan`).
        shuffled: the frames of each window are in another order (see `passes.plan`).
        decoder: the configuration's engine.decoder.
        name: what the lines of progress begin with.
        progress_seconds: between two of them.

    Raises:
        UserError: not even one chunk fits into the memory; a frame is missing or damaged.
    """
    folded = place(fold_batch_norm(network), device)
    least = getattr(network, "reads", frames)
    while True:
        passes = plan(network, clips, frames=frames, every=every, windows=windows, batch=batch, shuffled=shuffled)
        pace = Pace(name, total=len(clips), frames=sum(one.frames for one in passes), every=progress_seconds)
        try:
            scores = _scores(folded, passes, source, pace, view=view, device=device, workers=workers, decoder=decoder)
            break
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if batch <= least:
                raise UserError(
                    f"evaluation.batch: the memory of {device} does not suffice for {batch} frames; free some of it"
                ) from None
        # Outside the handler, which keeps all that the failed pass had made.
        batch = max(least, batch // 2)
        say(f"out of memory: tested again with evaluation.batch {batch}")
        if device.type == "cuda":
            torch.cuda.empty_cache()
    owner = torch.tensor([clip for one in passes for clip in one.owners])
    sums = torch.zeros(len(clips), scores.shape[1]).index_add_(0, owner, scores)
    return sums / owner.bincount(minlength=len(clips))[:, None]


def _scores(
    network: nn.Module,
    passes: Sequence[Pass],
    source: JpegSource,
    pace: Pace,
    *,
    view: ViewSettings,
    device: torch.device,
    workers: int,
    decoder: str,
) -> Tensor:
    """The probabilities of all windows, (windows, classes) on the CPU, in the order of the passes."""
    window = test_window(view)
    requests = (Request(one.chunks, window.repeat(len(one.chunks), 1)) for one in passes)
    dense: Any = getattr(network, "dense", None)
    scores: list[Tensor] = []
    read = 0
    with (
        closing(load_views(source, requests, view=view, device=device, workers=workers, decoder=decoder)) as views,
        untried_algorithms(),
    ):

        def probabilities() -> Iterator[list[Tensor]]:
            for one, x in zip(passes, views, strict=True):
                with autocast(device):
                    log_probabilities = dense(x.squeeze(1), one.lengths) if one.lengths else network(x)
                yield [log_probabilities.exp()]

        for one, (score,) in zip(passes, fetched(probabilities()), strict=True):
            scores.append(score)
            read += one.frames
            pace.tell(one.owners[-1] + 1, read)
    return torch.cat(scores)
