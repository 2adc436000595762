"""Whether a report's numbers may be held against the paper's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def report_of(settings: Mapping[str, Any], clips: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The section `report` of the configuration; comparable only where it says so and nothing speaks against it."""
    dataset, backbone = settings["dataset"], settings["backbone"]
    damaged = len(manifest["damaged"])
    against = {
        "The videos are a made data set, not UCF-101.": dataset["source"] == "demo",
        f"The data set is {dataset['title']}, not UCF-101.": dataset["kind"] != "ucf101",
        f"{clips['missing']:,} of {clips['listed']:,} clips of the lists were missing.": clips["missing"],
        f"{damaged:,} damaged clip{'s'[: damaged != 1]} left out (dataset.damaged_videos).": damaged,
        f"{clips['left_out']:,} clips were left out (dataset.clips_per_group).": clips["left_out"],
        f"{clips['classes_not_chosen']} classes of the lists were not used.": clips["classes_not_chosen"],
        f"The image network is {backbone['architecture']}, not resnet50.": backbone["architecture"] != "resnet50",
        "The image network was pretrained on made still images, not on ImageNet.": backbone["weights"] == "stills",
    }
    reasons = [sentence for sentence, applies in against.items() if applies]
    return {**settings["report"], "comparable": settings["report"]["comparable"] and not reasons, "reasons": reasons}
