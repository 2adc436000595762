"""Train one baseline with each learning rate on the tuning's train clips; its held-out error after each epoch.

Reads the features of no clip that is not in the tuning's manifest, and takes no other manifest. Writes tuned.json. A
training that diverges is a result: error 1 from that epoch on.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import suppress
from pathlib import Path

import torch

from recurrent_residual import cli
from recurrent_residual.baselines import (
    Baseline,
    BaselineSettings,
    LossNotFinite,
    build_baseline,
    frames_dtype,
    predict_baseline,
    train_baseline,
)
from recurrent_residual.device import choose_device
from recurrent_residual.feature_store import FeatureStore
from recurrent_residual.manifest import class_names, read_manifest
from recurrent_residual.models import load_model
from recurrent_residual.provenance import describe
from recurrent_residual.tuning.hold_out import SPLIT, check_tuning_manifest
from recurrent_residual.tuning.trials import Trial, with_rate, write_trials


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--manifest", required=True, type=Path, help="the tuning's clips, as hold_out.py writes them")
    parser.add_argument("--all-clips", required=True, type=Path, help="the manifest by which the features are ordered")
    parser.add_argument("--features", required=True, type=Path, help="folder of the features")
    parser.add_argument("--experiment", required=True, help="name of the experiment")
    parser.add_argument("--settings", required=True, type=json.loads, help="its settings but the learning rate, JSON")
    parser.add_argument("--learning-rates", required=True, type=float, nargs="+", help="of Adam")
    parser.add_argument("--seed", required=True, type=int, help="of initialisation and order")
    parser.add_argument("--gpus", default=0, type=int, help="1: compute on the GPU if there is one")
    parser.add_argument("--threads", default=1, type=int, help="processor threads")
    parser.add_argument("--output", required=True, type=Path, help="tuned.json")
    return parser


def main(options: argparse.Namespace) -> None:
    """Run the stage."""
    device = choose_device(gpus=options.gpus, threads=options.threads)
    settings, provenance = options.settings, describe(device)
    clips, own = read_manifest(options.manifest), settings["settings"]
    check_tuning_manifest(clips, options.manifest)
    every = settings["features"]["every"]
    store = FeatureStore(options.features, own["block"], read_manifest(options.all_clips), every=every, only=clips)
    module = load_model(settings["model"])
    dtype = frames_dtype(device) if module.READS == "frames" else torch.float32
    train = [i for i, clip in enumerate(clips) if clip.role(SPLIT) == "train"]
    held_out = [i for i, clip in enumerate(clips) if clip.role(SPLIT) == "test"]
    labels = torch.tensor([clip.label for clip in clips])
    # The Z-norm and with it the prepared videos are the same for every rate; only the weights are drawn anew.
    any_weights = build_baseline(module, own, store, train, len(class_names(clips)))
    train_videos, held_out_videos = any_weights.prepare(store, train, dtype), any_weights.prepare(store, held_out)

    def trial(rate: float) -> Trial:
        started = time.monotonic()
        training = BaselineSettings.of(with_rate(settings, "baselines", rate)["baselines"])
        torch.manual_seed(options.seed)
        baseline = build_baseline(module, own, store, train, len(class_names(clips)))
        errors: list[float] = []

        def held_out_error(baseline: Baseline) -> dict[str, float]:
            guesses = predict_baseline(baseline, held_out_videos).argmax(dim=1)
            errors.append((guesses != labels[held_out]).double().mean().item())
            return {"held_out_error": errors[-1]}

        with suppress(LossNotFinite):  # Trial.of sees it by the missing epochs
            train_baseline(
                baseline,
                train_videos,
                labels[train],
                settings=training,
                seed=options.seed,
                device=device,
                on_epoch=held_out_error,
            )
        return Trial.of(rate, errors, epochs=training.epochs, seconds=time.monotonic() - started)

    write_trials(
        options.output,
        [trial(rate) for rate in options.learning_rates],
        experiment=options.experiment,
        family="baselines",
        settings=settings,
        seed=options.seed,
        clips=clips,
        provenance=provenance | {"features_as": str(dtype).removeprefix("torch.")},
    )


if __name__ == "__main__":
    cli.run(main, arguments())
