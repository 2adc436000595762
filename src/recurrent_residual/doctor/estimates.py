"""How much disk and time a full run takes. Estimates, all of them: README.md, "Run the paper", scaled.

README's figures are for UCF-101 with ResNet-50, every 10th frame and 50 trainings of networks of 10 epochs. They are
scaled by clips, by frames, by trainings and epochs, and for the small networks by their width.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from recurrent_residual.doctor.plan import Plan

GB = 1e9
CLIPS = 13320
EVERY = 10
VIDEOS = 7 * GB  # and as much again for their archive, until it is unpacked
FRAMES = 6 * GB
FEATURES = 3.6 * GB
NETWORK = 4.7 * GB / 50
EPOCHS = 10
HOURS = 83e6 / 50 / 1000 / 3600
"""One network's, at 1,000 frames of ResNet-50 a second, forward and backward, which nobody has measured."""


@dataclass(frozen=True)
class Estimate:
    """Bytes of what a full run writes, and hours of its GPU; None for another network than ResNet-50."""

    archive: float
    videos: float
    frames: float
    features: float
    network: float
    """One network's weights."""
    hours: float | None


def estimate(plan: Plan, clips: int) -> Estimate:
    """What the whole of `plan` takes with this number of clips, whatever is done already."""
    settings, scale = plan.settings, clips / CLIPS
    architecture = settings["backbone"]["architecture"]
    small = re.fullmatch(r"small-(\d+)", architecture)
    width = int(small[1]) / 64 if small else 1
    downloads = plan.source == "download"
    sizes = [mirror.bytes for mirror in plan.dataset.VIDEOS if mirror.bytes]
    videos = (sizes[0] if sizes else VIDEOS * scale) if downloads else 0
    epochs = settings["training"]["epochs"] / EPOCHS * EVERY / settings["training"]["every"]
    return Estimate(
        archive=videos,
        videos=videos,
        frames=FRAMES * scale * EVERY / settings["frames"]["every"],
        features=FEATURES * scale * width * EVERY / settings["features"]["every"],
        network=NETWORK * width**2,
        hours=HOURS * len(plan.networks) * scale * epochs if architecture == "resnet50" else None,
    )
