"""Test the trained networks of one experiment on the test clips of their splits.

A video's score is the mean of its windows' class probabilities (Section 3.3): of chunks that follow each other, or,
with --windows dense, of one ending at each sampled frame; either way a frame goes through the network once. A network
for which the order of frames can matter is tested a second time, with the frames of each chunk shuffled. Writes
predictions.parquet and metrics.json into each run's folder.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from recurrent_residual import cli
from recurrent_residual.decoder import decoder_used
from recurrent_residual.device import choose_device
from recurrent_residual.engine import EngineSettings
from recurrent_residual.evaluation import write_evaluation
from recurrent_residual.frames import FrameReader
from recurrent_residual.inference import predict_network
from recurrent_residual.manifest import class_names, read_manifest
from recurrent_residual.meter import Meter
from recurrent_residual.networks import build_network
from recurrent_residual.passes import WINDOWS, plan
from recurrent_residual.provenance import describe
from recurrent_residual.runs import Run
from recurrent_residual.shuffling import sees_order
from recurrent_residual.training.leftovers import remove_checkpoint
from recurrent_residual.views import ViewSettings


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--manifest", required=True, type=Path, help="the clips")
    parser.add_argument("--frames", required=True, type=Path, help="folder of the classes' frames, <Class>.tar")
    parser.add_argument("--experiment", required=True, help="name of the experiment")
    parser.add_argument(
        "--runs", required=True, nargs="+", type=cli.split_seed, metavar="SPLIT:SEED", help="what to test"
    )
    parser.add_argument("--windows", default=WINDOWS[0], choices=WINDOWS, help="the chunks of a video at test")
    parser.add_argument("--batch", default=256, type=int, help="frames in one pass")
    parser.add_argument("--engine", default={}, type=json.loads, help="section `engine` of the configuration, JSON")
    parser.add_argument("--gpus", default=1, type=int, help="0: compute on the processor even if there is a GPU")
    parser.add_argument("--threads", default=1, type=int, help="processor threads")
    parser.add_argument("--output", required=True, type=Path, help="the folder of all runs")
    return parser


def main(options: argparse.Namespace) -> None:
    """Run the stage."""
    device = choose_device(gpus=options.gpus, threads=options.threads)
    provenance = describe(device)
    clips = read_manifest(options.manifest)
    classes = class_names(clips)
    source = FrameReader(options.frames)
    engine = EngineSettings.of(options.engine)
    for split, seed in options.runs:
        run = Run.within(options.output, options.experiment, split, seed)
        settings = run.read()["settings"]
        network: Any = build_network(settings, classes=len(classes))
        network.load_state_dict(load_file(run.weights))
        test = [clip for clip in clips if clip.role(split) == "test"]
        how: dict[str, Any] = {"frames": network.frames, "every": settings["training"]["every"]}
        how |= {"windows": options.windows, "batch": options.batch}
        torch.cuda.empty_cache()  # of the run before: the peak is to be this one's own
        meter, started = Meter(device), time.monotonic()
        name = f"{options.experiment} split {split} seed {seed}"
        predict = partial(
            predict_network,
            network,
            test,
            source,
            **how,
            view=ViewSettings.of(settings["input"]),
            device=device,
            workers=options.threads,
            decoder=engine.decoder_for(deterministic=settings["training"]["deterministic"]),
            progress_seconds=engine.progress_seconds,
        )
        probabilities = predict(name=name)
        seconds = time.monotonic() - started
        frames = sum(one.frames for one in plan(network, test, **how))
        costs = {
            "windows": options.windows,
            "decoder": decoder_used(),
            "frames": frames,
            "frames_per_second": round(frames / seconds, 1),
            "energy_joules": meter.joules(),
            "peak_memory_bytes": meter.peak_memory(),
            "shuffled_seconds": None,
            "shuffled_energy_joules": None,
        }
        shuffled = None
        if sees_order(network, frames=network.frames):
            meter, started = Meter(device), time.monotonic()
            shuffled = predict(name=f"{name}, frames shuffled", shuffled=True).numpy()
            costs["shuffled_seconds"] = round(time.monotonic() - started, 3)
            costs["shuffled_energy_joules"] = meter.joules()
        write_evaluation(
            run,
            test,
            probabilities.numpy(),
            classes,
            seconds=seconds,
            provenance=provenance,
            costs=costs,
            shuffled=shuffled,
        )
        remove_checkpoint(run.folder)


if __name__ == "__main__":
    cli.run(main, arguments())
