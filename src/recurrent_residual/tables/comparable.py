"""Whether a report's numbers may be held against the paper's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WEIGHTS, RESIZE, SIZE, EVERY = "IMAGENET1K_V1", [340, 256], 224, 10  # the paper's, or what it leads to
BASELINES_EVERY = (EVERY, 1)  # its sentence on sampling may exempt the baselines (config/decisions.yaml)


def report_of(settings: Mapping[str, Any], clips: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The section `report` of the configuration; comparable only where it says so and nothing speaks against it."""
    reasons = [*other_data(settings["dataset"], clips, manifest), *other_networks(settings)]
    return {**settings["report"], "comparable": settings["report"]["comparable"] and not reasons, "reasons": reasons}


def other_data(dataset: Mapping[str, Any], clips: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[str]:
    """Sentences that say how the clips differ from the paper's."""
    if dataset["source"] == "demo":
        yield "The videos are a made data set, not UCF-101."
    if dataset["kind"] != "ucf101":
        yield f"The data set is {dataset['title']}, not UCF-101."
    if missing := clips["missing"]:
        yield f"{missing:,} of {clips['listed']:,} clips of the lists {'was' if missing == 1 else 'were'} missing."
    if damaged := len(manifest["damaged"]):
        yield f"{counted(damaged, 'damaged clip')} left out (dataset.damaged_videos)."
    if left_out := clips["left_out"]:
        yield f"{counted(left_out, 'clip')} left out (dataset.clips_per_group)."
    if classes := clips["classes_not_chosen"]:
        yield f"{classes} of the lists' classes {'was' if classes == 1 else 'were'} not used."


def other_networks(settings: Mapping[str, Any]) -> Iterator[str]:
    """Sentences that say how the networks, and what they read, differ from the paper's."""
    architecture, weights = settings["backbone"]["architecture"], settings["backbone"]["weights"]
    resize, size = settings["input"]["resize"], settings["input"]["size"]
    trained, features = settings["training"]["every"], settings["features"]["every"]
    if architecture != "resnet50":
        yield f"The image network is {architecture}, not resnet50."
    if weights == "stills":
        yield "The image network was pretrained on made still images, not on ImageNet."
    elif weights != WEIGHTS:
        yield f"The image network's weights are {weights}, not {WEIGHTS}."
    if resize != RESIZE or size != SIZE:
        yield f"Networks see {view(resize, size)}, not {view(RESIZE, SIZE)}."
    if trained != EVERY:
        yield f"The networks read {one_in(trained)}, not {one_in(EVERY)} (training.every)."
    if features not in BASELINES_EVERY:
        yield f"The baselines read {one_in(features)}, not {one_in(EVERY)} (features.every)."


def counted(number: int, what: str) -> str:
    """How many there were: "1 clip was", "2 clips were"."""
    return f"{number:,} {what} was" if number == 1 else f"{number:,} {what}s were"


def view(resize: Sequence[int], size: int) -> str:
    """What a network sees of a frame."""
    return f"{size} x {size} pixels of frames of {resize[0]} x {resize[1]}"


def one_in(every: int) -> str:
    """How many frames are read where it is every n-th."""
    return "every frame" if every == 1 else f"one frame in {every}"
