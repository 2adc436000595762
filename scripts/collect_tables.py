"""Collect every number of the report, each with its provenance, into one JSON file.

Reads what the runs left behind (metrics.json, run.json, history.jsonl, predictions.parquet), joins it with the paper's
numbers, and judges the claims. Experiments that were not chosen, or not run yet, stand there as "not run".
config/schema/tables.yaml says what each key of the file is.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from recurrent_residual import cli
from recurrent_residual.claims import read_claims
from recurrent_residual.config import read_experiments, read_yaml
from recurrent_residual.errors import UserError
from recurrent_residual.files import write_text
from recurrent_residual.manifest import read_manifest
from recurrent_residual.results import read_json
from recurrent_residual.tables import collect, groups_of
from recurrent_residual.tables.examples import Examples
from recurrent_residual.weights_source import sha256_of


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="folder with <experiment>/split<N>/seed<K>/")
    parser.add_argument("--experiments", type=Path, required=True, help="experiments.yaml")
    parser.add_argument("--paper", type=Path, required=True, help="paper.yaml, the published numbers")
    parser.add_argument("--claims", type=Path, required=True, help="claims.yaml, what is concluded from the numbers")
    parser.add_argument("--decisions", type=Path, required=True, help="decisions.yaml, what the paper leaves open")
    parser.add_argument("--clips-summary", type=Path, required=True, help="the summary that list_clips wrote")
    parser.add_argument("--manifest", type=Path, required=True, help="manifest.tsv, which knows each clip's group")
    parser.add_argument("--manifest-summary", type=Path, required=True, help="the summary that build_manifest wrote")
    parser.add_argument("--frames", type=Path, help="folder of the frames; without it no confused pair gets a picture")
    parser.add_argument("--looks", type=Path, help="what look_into_model wrote, where two networks were looked into")
    parser.add_argument(
        "--data-files", type=Path, nargs="*", default=[], help="further files whose sha256 the report says"
    )
    parser.add_argument("--settings-json", required=True, help="the whole resolved configuration as JSON")
    parser.add_argument("--chosen", nargs="*", default=[], help="the experiments that were run")
    parser.add_argument("--tuning", type=Path, help="tuning.json, where learning rate and epochs were tuned")
    parser.add_argument("--output", type=Path, required=True, help="tables.json")
    return parser


def main(options: argparse.Namespace) -> None:
    """Collect and write."""
    try:
        settings = json.loads(options.settings_json)
    except ValueError as error:
        raise UserError(f"--settings-json: is no JSON ({error})") from None
    clips = read_manifest(options.manifest)
    paper = read_yaml(options.paper)
    tables = collect(
        options.runs,
        experiments=read_experiments(options.experiments),
        paper=paper,
        claims=read_claims(options.claims, paper),
        decisions=read_yaml(options.decisions),
        clips=read_json(options.clips_summary),
        manifest=read_json(options.manifest_summary),
        settings=settings,
        chosen=options.chosen,
        groups=groups_of(clips),
        tuning=read_json(options.tuning) if options.tuning else None,
        examples=Examples(options.frames, clips, every=settings["frames"]["every"]) if options.frames else None,
        looks=read_json(options.looks) if options.looks else None,
        checksums=[{"what": str(path), "sha256": sha256_of(path)} for path in [options.manifest, *options.data_files]],
    )
    write_text(options.output, json.dumps(tables, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    cli.run(main, arguments())
