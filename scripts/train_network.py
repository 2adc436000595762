"""Train one network end to end on one split with one seed (Sections 3.3 and 4).

Writes into the run's folder weights.safetensors, history.jsonl (a line an epoch), updates.jsonl (a line an update,
while it trains) and run.json (settings, cost, versions, hardware, commit).

However it is stopped, the same command goes on from the folder's checkpoint. Exit status 75: stopped before its end by
engine.max_minutes or SIGUSR1; 143 and 130: by SIGTERM and Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from recurrent_residual import cli
from recurrent_residual.chunks import cut
from recurrent_residual.clips import check_splits
from recurrent_residual.decoder import decoder_used
from recurrent_residual.device import choose_device
from recurrent_residual.engine import EngineSettings
from recurrent_residual.frames import FrameReader
from recurrent_residual.manifest import class_names, read_manifest
from recurrent_residual.networks import build_network
from recurrent_residual.provenance import describe
from recurrent_residual.runs import Run, write_run
from recurrent_residual.training.checkpoint import fingerprint
from recurrent_residual.training.leftovers import CHECKPOINT
from recurrent_residual.training.loop import train_network
from recurrent_residual.training.settings import TrainingSettings
from recurrent_residual.views import ViewSettings


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--manifest", required=True, type=Path, help="the clips")
    parser.add_argument("--frames", required=True, type=Path, help="folder of the classes' frames, <Class>.tar")
    parser.add_argument("--weights", required=True, type=Path, help="the image network's weights, to start from")
    parser.add_argument("--weights-sha256", help="digest of --weights, or its first digits; another file is refused")
    parser.add_argument("--experiment", required=True, help="name of the experiment")
    parser.add_argument("--settings", required=True, type=json.loads, help="its settings, JSON")
    parser.add_argument("--split", required=True, type=int, help="1, 2 or 3")
    parser.add_argument("--seed", required=True, type=int, help="of initialisation, order and augmentation")
    parser.add_argument("--engine", default={}, type=json.loads, help="section `engine` of the configuration, JSON")
    parser.add_argument("--gpus", default=1, type=int, help="0: compute on the processor even if there is a GPU")
    parser.add_argument("--threads", default=1, type=int, help="processor threads")
    parser.add_argument("--output", required=True, type=Path, help="the run's folder")
    return parser


def main(options: argparse.Namespace) -> None:
    """Run the stage."""
    device = choose_device(gpus=options.gpus, threads=options.threads)
    settings, provenance = options.settings, describe(device)
    clips = read_manifest(options.manifest)
    check_splits(clips, class_names(clips), [options.split])
    train = [clip for clip in clips if clip.role(options.split) == "train"]
    torch.manual_seed(options.seed)
    network: Any = build_network(
        settings,
        classes=len(class_names(clips)),
        weights=options.weights,
        weights_sha256=options.weights_sha256,
    )
    training = TrainingSettings.of(settings["training"])
    engine = EngineSettings.of(options.engine)
    chunks = cut(train, length=network.frames, every=training.every, reads=network.reads)
    checkpoint = options.output / CHECKPOINT
    progress = train_network(
        network,
        chunks,
        FrameReader(options.frames),
        name=f"{options.experiment} split {options.split} seed {options.seed}",
        settings=training,
        engine=engine,
        view=ViewSettings.of(settings["input"]),
        seed=options.seed,
        device=device,
        workers=options.threads,
        checkpoint=checkpoint,
        fingerprint=fingerprint(json.dumps([settings, options.split, options.seed]), options.manifest, options.weights),
    )
    write_run(
        Run(options.output, options.experiment, options.split, options.seed),
        network,
        progress.history,
        settings=settings,
        provenance=provenance,
        counts={"train_clips": len(train), "train_chunks": len(chunks), "updates": progress.updates},
        seconds=progress.seconds,
        costs={
            "energy_joules": progress.joules,
            "peak_memory_bytes": progress.peak_memory,
            "starts": progress.starts,
            "machines": progress.machines,
            "micro_batch_frames": progress.micro_batch,
            "decoder": decoder_used(),
            "engine": asdict(engine),
        },
    )


if __name__ == "__main__":
    cli.run(main, arguments())
