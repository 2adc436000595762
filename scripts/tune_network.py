"""Train one network with one learning rate on the tuning's train clips; its held-out error after each epoch.

Reads no clip that is not in the tuning's manifest, and takes no other manifest. Writes history.jsonl (a line
an epoch, with held_out_error) and tuned.json into the output folder. A training that diverges is a result: error 1 from
that epoch on. The checkpoint stays until choose_settings.py has seen the trial.

However it is stopped, the same command goes on from the folder's checkpoint; exit statuses are train_network's.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from recurrent_residual import cli
from recurrent_residual.chunks import cut
from recurrent_residual.device import choose_device
from recurrent_residual.engine import EngineSettings
from recurrent_residual.frames import FrameReader
from recurrent_residual.inference import predict_network
from recurrent_residual.manifest import class_names, read_manifest
from recurrent_residual.messages import say
from recurrent_residual.networks import build_network
from recurrent_residual.passes import WINDOWS
from recurrent_residual.provenance import describe
from recurrent_residual.runs import write_history
from recurrent_residual.training.checkpoint import fingerprint
from recurrent_residual.training.divergence import Diverged
from recurrent_residual.training.leftovers import CHECKPOINT
from recurrent_residual.training.loop import train_network
from recurrent_residual.training.settings import TrainingSettings
from recurrent_residual.tuning.hold_out import SPLIT, check_tuning_manifest
from recurrent_residual.tuning.trials import Trial, with_rate, write_trials
from recurrent_residual.views import ViewSettings


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--manifest", required=True, type=Path, help="the tuning's clips, as hold_out.py writes them")
    parser.add_argument("--frames", required=True, type=Path, help="folder of the classes' frames, <Class>.tar")
    parser.add_argument("--weights", required=True, type=Path, help="the image network's weights, to start from")
    parser.add_argument("--weights-sha256", help="digest of --weights, or its first digits; another file is refused")
    parser.add_argument("--experiment", required=True, help="name of the experiment")
    parser.add_argument("--settings", required=True, type=json.loads, help="its settings but the learning rate, JSON")
    parser.add_argument("--learning-rate", required=True, type=float, help="of Adam")
    parser.add_argument("--seed", required=True, type=int, help="of initialisation, order and augmentation")
    parser.add_argument("--batch", default=256, type=int, help="frames in one pass of the held-out clips")
    parser.add_argument("--windows", default=WINDOWS[0], choices=WINDOWS, help="a video's chunks at test")
    parser.add_argument("--engine", default={}, type=json.loads, help="section `engine` of the configuration, JSON")
    parser.add_argument("--gpus", default=1, type=int, help="0: compute on the processor even if there is a GPU")
    parser.add_argument("--threads", default=1, type=int, help="processor threads")
    parser.add_argument("--output", required=True, type=Path, help="the trial's folder")
    return parser


def main(options: argparse.Namespace) -> None:
    """Run the stage."""
    device = choose_device(gpus=options.gpus, threads=options.threads)
    settings, provenance = with_rate(options.settings, "networks", options.learning_rate), describe(device)
    clips = read_manifest(options.manifest)
    check_tuning_manifest(clips, options.manifest)
    train = [clip for clip in clips if clip.role(SPLIT) == "train"]
    held_out = [clip for clip in clips if clip.role(SPLIT) == "test"]
    labels = torch.tensor([clip.label for clip in held_out])
    source = FrameReader(options.frames, only=(clip.video for clip in clips))
    view = ViewSettings.of(settings["input"])
    training, engine = TrainingSettings.of(settings["training"]), EngineSettings.of(options.engine)
    torch.manual_seed(options.seed)
    network: Any = build_network(
        settings,
        classes=len(class_names(clips)),
        weights=options.weights,
        weights_sha256=options.weights_sha256,
    )
    frames = network.frames
    name = f"{options.experiment} learning rate {options.learning_rate:g}"

    def held_out_error(network: nn.Module) -> dict[str, float]:
        probabilities = predict_network(
            network,
            held_out,
            source,
            frames=frames,
            every=training.every,
            view=view,
            batch=options.batch,
            device=device,
            workers=options.threads,
            windows=options.windows,
            decoder=engine.decoder_for(deterministic=training.deterministic),
            name=f"{name}, held-out clips",
            progress_seconds=engine.progress_seconds,
        )
        return {"held_out_error": (probabilities.argmax(dim=1) != labels).double().mean().item()}

    identity = fingerprint(json.dumps([settings, options.seed, options.windows]), options.manifest, options.weights)
    try:
        progress = train_network(
            network,
            cut(train, length=frames, every=training.every, reads=network.reads),
            source,
            name=name,
            settings=training,
            engine=engine,
            view=view,
            seed=options.seed,
            device=device,
            workers=options.threads,
            checkpoint=options.output / CHECKPOINT,
            fingerprint=identity,
            on_epoch=held_out_error,
        )
    except Diverged as error:
        say(str(error))
        progress = error.progress
    write_history(options.output, progress.history)
    errors = [line["held_out_error"] for line in progress.history]
    write_trials(
        options.output / "tuned.json",
        [Trial.of(options.learning_rate, errors, epochs=training.epochs, seconds=progress.seconds)],
        experiment=options.experiment,
        family="networks",
        settings=settings,
        seed=options.seed,
        clips=clips,
        provenance=provenance,
    )


if __name__ == "__main__":
    cli.run(main, arguments())
