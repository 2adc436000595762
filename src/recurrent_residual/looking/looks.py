"""What two networks say of some clips over their time, and where they look: the `looks` of tables.json."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from recurrent_residual.chunks import Chunk, JpegSource, cut
from recurrent_residual.device import place
from recurrent_residual.errors import UserError
from recurrent_residual.loader import Request, load_views
from recurrent_residual.looking.choice import Predictions, choose, gains, named, read, rule
from recurrent_residual.looking.gradcam import class_maps, scaled
from recurrent_residual.looking.overlay import jpeg_of, overlay, picture_of
from recurrent_residual.manifest import Clip, class_names
from recurrent_residual.networks import build_network
from recurrent_residual.results import read_json
from recurrent_residual.runs import Run
from recurrent_residual.views import ViewSettings, test_window

SHOWN = 6  # chunks of a clip of which there are pictures
AT_ONCE = 16  # chunks that go through a network together
MAP = (
    "Grad-CAM (Selvaraju et al. 2017) of the last block for the clip's true class, over the network's view of the "
    "chunk's last frame: the brighter, the more that place speaks for the class; of one scale for all pictures of a "
    "clip by one network."
)


@dataclass(frozen=True)
class Looked:
    """A trained network, and what a look at it needs."""

    run: Run
    network: Any
    view: ViewSettings
    every: int
    predictions: Predictions

    @classmethod
    def read(cls, run: Run, *, classes: int, device: torch.device) -> Looked:
        """The network of a run that was trained and tested, in evaluation mode on `device`.

        Raises:
            UserError: the run is not there, not tested, or no network's, or its weights are missing or damaged.
        """
        predictions = read(run)
        settings = read_json(run.folder / "run.json")["settings"]
        if "training" not in settings:
            raise UserError(f"{run.experiment}: is no network, and Grad-CAM needs one; choose another experiment")
        network = build_network(settings, classes=classes)
        try:
            network.load_state_dict(load_file(run.weights))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise UserError(
                f"{run.weights}: cannot be read ({str(error).splitlines()[0]}); train {run.experiment} on split "
                f"{run.split} with seed {run.seed} again, or give --runs a folder that has the weights"
            ) from None
        view = ViewSettings.of(settings["input"])
        return cls(run, place(network, device).eval(), view, settings["training"]["every"], predictions)

    def views(self, clip: Clip, source: JpegSource, *, length: int, device: torch.device, workers: int) -> Views:
        """The clip's chunks of `length` samples, and what the network sees of those frames that it reads."""
        chunks = cut([clip], length=length, every=self.every, reads=self.network.reads)
        request = Request(chunks, test_window(self.view).repeat(len(chunks), 1))
        # The processor's decoder whatever the device: its pixels are the same everywhere.
        with closing(
            load_views(source, [request], view=self.view, device=device, workers=workers, decoder="cpu")
        ) as loaded:
            return Views(chunks, next(loaded))


@dataclass(frozen=True)
class Views:
    """A clip's chunks as a network sees them."""

    chunks: list[Chunk]
    pixels: Tensor
    """(chunks, reads, 3, S, S)."""


def look(
    runs: Path,
    clips: Sequence[Clip],
    source: JpegSource,
    *,
    experiment: str,
    beside: str,
    split: int,
    seed: int,
    count: int,
    videos: Sequence[str] = (),
    device: torch.device,
    workers: int,
) -> dict[str, Any]:
    """Look at some test clips with two networks, tested on the same split with the same seed.

    A network's probabilities are those of each of the clip's chunks that do not overlap (Section 3.3), in full
    precision. Where the two have chunks of different lengths, both read the ends of the longer one's.

    Args:
        runs: the folder of all runs.
        clips: the manifest's.
        source: their JPEGs.
        experiment: the network that is looked into.
        beside: the one that it is compared with.
        split: of both.
        seed: of both.
        count: clips to choose by rule (`choice.choose`).
        videos: names of clips to take instead.
        device: where the work is done.
        workers: threads that decode.

    Returns:
        What stands under `looks` in tables.json, its titles being the experiments' names.

    Raises:
        UserError: an experiment was not run, a clip is no test clip of the split, or a frame is missing or damaged.
    """
    names = class_names(clips)
    pair = [
        Looked.read(Run.within(runs, name, split, seed), classes=len(names), device=device)
        for name in (experiment, beside)
    ]
    first, second = pair
    if first.every != second.every:
        raise UserError(
            f"--beside: {beside} samples every {second.every} frames and {experiment} every {first.every}; "
            "choose two experiments that sample alike"
        )
    gain = gains(first.predictions, second.predictions)
    tested = first.predictions.videos
    if videos:
        chosen = named(videos, tested, gain, split=split)
    else:
        chosen = choose(tested, first.predictions.classes, gain, clips=count)
    by_name = {clip.video: clip for clip in clips}
    shown = []
    for choice in chosen:
        clip = by_name.get(choice.video)
        if clip is None:
            raise UserError(f"{choice.video}: was tested and is not in the manifest; test both experiments again")
        row = tested.index(choice.video)
        shown.append(
            {
                "video": clip.video,
                "class": clip.class_name,
                "fps": clip.fps,
                "why": choice.why,
                "gain": choice.gain,
                **_of_clip(pair, clip, source, device=device, workers=workers),
                **_of_video(first.predictions.probabilities[row], names, prefix=""),
                **_of_video(second.predictions.probabilities[row], names, prefix="beside_"),
            }
        )
    return {
        "experiment": experiment,
        "title": experiment,
        "beside": beside,
        "beside_title": beside,
        "split": split,
        "seed": seed,
        "rule": rule(gain, chosen, split=split, seed=seed),
        "map": MAP,
        "clips": shown,
    }


def _of_video(probabilities: np.ndarray, names: Sequence[str], *, prefix: str) -> dict[str, Any]:
    """The classes that a network takes a whole clip for, the likeliest first."""
    order = np.argsort(-probabilities, kind="stable")[:3]
    top = [[names[i], round(float(probabilities[i]), 6)] for i in order]
    return {f"{prefix}predicted": top[0][0], f"{prefix}top": top}


def _of_clip(
    pair: Sequence[Looked], clip: Clip, source: JpegSource, *, device: torch.device, workers: int
) -> dict[str, Any]:
    """The true class's probability in each chunk, and the pictures of some, by both networks."""
    length = max(looked.network.frames for looked in pair)
    first, second = (looked.views(clip, source, length=length, device=device, workers=workers) for looked in pair)
    by_chunk = [
        _probabilities(looked.network, views.pixels)[:, clip.label].tolist()
        for looked, views in zip(pair, (first, second), strict=True)
    ]
    chunks = [
        {"frames": list(chunk.frames), "probability": round(p, 6), "beside_probability": round(q, 6)}
        for chunk, p, q in zip(first.chunks, *by_chunk, strict=True)
    ]
    places = evenly(len(chunks), SHOWN)
    pictures, cams = _pictures(pair[0].network, first.pixels[places], clip.label)
    _, beside_cams = _pictures(pair[1].network, second.pixels[places], clip.label)
    shown = [
        {"chunk": i, "frame": first.chunks[i].frames[-1], "jpeg": picture, "cam": cam, "beside_cam": beside_cam}
        for i, picture, cam, beside_cam in zip(places, pictures, cams, beside_cams, strict=True)
    ]
    return {"chunks": chunks, "shown": shown}


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of 0 ... count - 1, evenly, the first and the last among them."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most)).tolist()})


@torch.inference_mode()
def _probabilities(network: Any, pixels: Tensor) -> Tensor:
    """(chunks, classes) float32 on the CPU."""
    return torch.cat([network(part).exp().cpu() for part in pixels.split(AT_ONCE)])


def _pictures(network: Any, pixels: Tensor, label: int) -> tuple[list[str], list[str]]:
    """JPEGs of the last frame of each chunk, and of the class's map over it."""
    plain = [picture_of(chunk[-1]) for chunk in pixels]
    maps = scaled(class_maps(network, pixels, label))
    return [jpeg_of(picture) for picture in plain], list(_overlaid(plain, maps))


def _overlaid(pictures: Sequence[np.ndarray], maps: Tensor) -> Iterator[str]:
    for picture, values in zip(pictures, maps, strict=True):
        yield jpeg_of(overlay(picture, values))
