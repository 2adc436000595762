"""Collect every number of the report, each with its provenance, into one JSON file.

Reads what the runs left behind (metrics.json, run.json, history.jsonl, predictions.parquet) and joins it with the
paper's numbers. Experiments that were not chosen, or not run yet, stand there as "not run".
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from recurrent_residual import cli
from recurrent_residual.config import read_experiments, read_yaml
from recurrent_residual.errors import UserError
from recurrent_residual.files import write_text
from recurrent_residual.results import read_json
from recurrent_residual.tables import collect


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="folder with <experiment>/split<N>/seed<K>/")
    parser.add_argument("--experiments", type=Path, required=True, help="experiments.yaml")
    parser.add_argument("--paper", type=Path, required=True, help="paper.yaml, the published numbers")
    parser.add_argument("--decisions", type=Path, required=True, help="decisions.yaml, what the paper leaves open")
    parser.add_argument("--clips-summary", type=Path, required=True, help="the summary that list_clips wrote")
    parser.add_argument("--manifest-summary", type=Path, required=True, help="the summary that build_manifest wrote")
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
    tables = collect(
        options.runs,
        experiments=read_experiments(options.experiments),
        paper=read_yaml(options.paper),
        decisions=read_yaml(options.decisions),
        clips=read_json(options.clips_summary),
        manifest=read_json(options.manifest_summary),
        settings=settings,
        chosen=options.chosen,
        tuning=read_json(options.tuning) if options.tuning else None,
    )
    write_text(options.output, json.dumps(tables, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    cli.run(main, arguments())
