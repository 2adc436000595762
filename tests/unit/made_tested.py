"""Networks with random weights as trainings would have left them, and made clips to test them on."""

from __future__ import annotations

import io
import runpy
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from made_frames import MadeSource, made_clip
from test_recurrent_resnet import randomise

from recurrent_residual.code_inputs import SOURCE
from recurrent_residual.frames import member, sampled_frames
from recurrent_residual.manifest import Clip, write_manifest
from recurrent_residual.networks import build_network
from recurrent_residual.runs import Run, write_run

CLASSES = 3
NETWORKS: dict[str, dict[str, Any]] = {
    "identity": {"skips": ["layer4.-1"]},
    "context3": {"skips": ["layer4.-2", "layer4.-1"]},
    "context5": {"skips": ["layer3.-2", "layer3.-1", "layer4.-2", "layer4.-1"], "frames": 6, "readout": "average"},
    "no_skip": {"skips": [], "frames": 2},
    "average": {"skips": [], "frames": 2, "readout": "average"},
}
SIZES = [(24, 32), (30, 40)]  # clips of one data set need not have one


def made_settings(**settings: Any) -> dict[str, Any]:
    """What a training of a tiny network gets as --settings."""
    return {
        "model": "recurrent_resnet",
        "settings": settings,
        "backbone": {"architecture": "small-8"},
        "input": {"resize": [43, 32], "size": 28, "crop_sides": [28], "flip": True},
        "training": {"every": 10, "deterministic": False},
    }


def made_clips() -> list[Clip]:
    """Four groups of each class, two of them test clips of split 1; from 8 to 95 frames."""
    lengths = (95, 41, 8, 61)
    return [
        replace(
            made_clip(10 * label + group, label=label, group=group, frames=lengths[(label + group) % 4]),
            roles=("test" if group > 2 else "train", "train", "train"),
        )
        for label in range(CLASSES)
        for group in range(1, 5)
    ]


def make_tested(folder: Path, networks: dict[str, dict[str, Any]] = NETWORKS, **options: str) -> Path:
    """A folder with manifest.tsv, frames and runs, each network tested by the workflow's command."""
    clips = made_clips()
    write_manifest(folder / "manifest.tsv", clips)
    (folder / "frames").mkdir()
    for label in range(CLASSES):
        own = [clip for clip in clips if clip.label == label]
        with tarfile.open(folder / "frames" / f"Class{label}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for clip in own:
                height, width = SIZES[clip.group % 2]
                source = MadeSource(own, height=height, width=width)
                for frame in sampled_frames(clip.frames, 10):
                    jpeg = source.read(clip.class_name, clip.video, frame)
                    header = tarfile.TarInfo(member(clip.video, frame))
                    header.size = len(jpeg)
                    tar.addfile(header, io.BytesIO(jpeg))
    for number, (name, settings) in enumerate(networks.items()):
        torch.manual_seed(number)
        every = made_settings(**settings)
        network = randomise(build_network(every, classes=CLASSES))
        run = Run.within(folder / "runs", name, 1, 1)
        write_run(run, network, [], settings=every, provenance={}, counts={}, seconds=1.0)
        evaluate(folder, name, **options)
    return folder


def evaluate(folder: Path, name: str, **options: str) -> None:
    """Test a run of the folder by scripts/evaluate_network.py."""
    given = {"experiment": name, "runs": "1:1", "output": str(folder / "runs"), **options}
    call("evaluate_network", folder, **given)


def call(script: str, folder: Path, **options: str) -> None:
    """Call a script's main on the folder's manifest and frames, on the processor."""
    module = runpy.run_path(str(SOURCE.parent / "scripts" / f"{script}.py"))
    given = {"manifest": str(folder / "manifest.tsv"), "frames": str(folder / "frames"), "gpus": "0", **options}
    given["threads"] = str(torch.get_num_threads())
    command = [word for option, value in given.items() for word in (f"--{option}", *value.split())]
    module["main"](module["arguments"]().parse_args(command))
