"""Train one baseline of Table 1 on frozen features: on every given split, with every given seed.

Each training takes seconds, so one job does all of an experiment. Writes into each run's folder
<runs>/<experiment>/split<N>/seed<K> weights.safetensors, history.jsonl and run.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from recurrent_residual import cli
from recurrent_residual.baselines import BaselineSettings, build_baseline, frames_dtype, train_baseline
from recurrent_residual.clips import check_splits
from recurrent_residual.device import choose_device
from recurrent_residual.feature_store import FeatureStore
from recurrent_residual.manifest import class_names, read_manifest
from recurrent_residual.models import load_model
from recurrent_residual.provenance import describe
from recurrent_residual.runs import Run, write_run


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--manifest", required=True, type=Path, help="the clips")
    parser.add_argument("--features", required=True, type=Path, help="folder of the features")
    parser.add_argument("--experiment", required=True, help="name of the experiment")
    parser.add_argument("--settings", required=True, type=json.loads, help="its settings, JSON")
    parser.add_argument(
        "--runs", required=True, nargs="+", type=cli.split_seed, metavar="SPLIT:SEED", help="what to train"
    )
    parser.add_argument("--gpus", default=0, type=int, help="1: compute on the GPU if there is one")
    parser.add_argument("--threads", default=1, type=int, help="processor threads")
    parser.add_argument("--output", required=True, type=Path, help="the folder of all runs")
    return parser


def main(options: argparse.Namespace) -> None:
    """Run the stage."""
    device = choose_device(gpus=options.gpus, threads=options.threads)
    settings, provenance = options.settings, describe(device)
    clips = read_manifest(options.manifest)
    store = FeatureStore(options.features, settings["settings"]["block"], clips, every=settings["features"]["every"])
    module = load_model(settings["model"])
    dtype = frames_dtype(device) if module.READS == "frames" else torch.float32
    for split, seed in options.runs:
        started = time.monotonic()
        check_splits(clips, class_names(clips), [split])
        train = [i for i, clip in enumerate(clips) if clip.role(split) == "train"]
        torch.manual_seed(seed)
        baseline = build_baseline(module, settings["settings"], store, train, len(class_names(clips)))
        history = train_baseline(
            baseline,
            baseline.prepare(store, train, dtype),
            torch.tensor([clips[i].label for i in train]),
            settings=BaselineSettings.of(settings["baselines"]),
            seed=seed,
            device=device,
        )
        write_run(
            Run.within(options.output, options.experiment, split, seed),
            baseline,
            history,
            settings=settings,
            provenance=provenance | {"features_as": str(dtype).removeprefix("torch.")},
            counts={"train_clips": len(train), "updates": int(history[-1]["updates"])},
            seconds=time.monotonic() - started,
        )


if __name__ == "__main__":
    cli.run(main, arguments())
