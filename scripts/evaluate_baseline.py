"""Test the trained baselines of one experiment on the test clips of their splits.

Writes predictions.parquet and
metrics.json into each run's folder.
"""

from __future__ import annotations

import argparse
import time
from functools import cache
from pathlib import Path

from safetensors.torch import load_file

from recurrent_residual import cli
from recurrent_residual.baselines import Baseline, predict_baseline
from recurrent_residual.device import choose_device
from recurrent_residual.evaluation import write_evaluation
from recurrent_residual.feature_store import FeatureStore, ZNorm
from recurrent_residual.manifest import class_names, read_manifest
from recurrent_residual.models import load_model
from recurrent_residual.provenance import describe
from recurrent_residual.runs import Run


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--manifest", required=True, type=Path, help="the clips")
    parser.add_argument("--features", required=True, type=Path, help="folder of the features")
    parser.add_argument("--experiment", required=True, help="name of the experiment")
    parser.add_argument(
        "--runs", required=True, nargs="+", type=cli.split_seed, metavar="SPLIT:SEED", help="what to test"
    )
    parser.add_argument("--threads", default=1, type=int, help="processor threads")
    parser.add_argument("--output", required=True, type=Path, help="the folder of all runs")
    return parser


def main(options: argparse.Namespace) -> None:
    """Run the stage."""
    device = choose_device(gpus=0, threads=options.threads)
    provenance = describe(device)
    clips = read_manifest(options.manifest)
    classes = class_names(clips)

    @cache
    def features(block: int, every: int) -> FeatureStore:
        """One store for all runs, which reads each clip once."""
        return FeatureStore(options.features, block, clips, every=every)

    for split, seed in options.runs:
        run = Run.within(options.output, options.experiment, split, seed)
        settings = run.read()["settings"]
        store = features(settings["settings"]["block"], settings["features"]["every"])
        module = load_model(settings["model"])
        baseline = Baseline(
            module.build(settings["settings"], store.dimensions, len(classes)),
            ZNorm.identity(store.dimensions),
            module.READS,
        )
        baseline.load_state_dict(load_file(run.weights))
        test = [i for i, clip in enumerate(clips) if clip.role(split) == "test"]
        started = time.monotonic()
        probabilities = predict_baseline(baseline, baseline.prepare(store, test))
        seconds, tested = time.monotonic() - started, [clips[i] for i in test]
        write_evaluation(run, tested, probabilities.numpy(), classes, seconds=seconds, provenance=provenance)


if __name__ == "__main__":
    cli.run(main, arguments())
