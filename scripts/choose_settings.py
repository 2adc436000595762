"""Choose learning rate and epochs by the held-out errors of all trials.

Writes tuning.json (the whole grid, and the choice) and chosen.yaml, a configuration with the choice, to lay over the
one that was tuned with:

    snakemake --cores all --configfile results/ucf101/tuning/chosen.yaml
    snakemake --cores all --configfile my.yaml results/<name>/tuning/chosen.yaml

Then removes the trials' checkpoints.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import yaml

from recurrent_residual import cli
from recurrent_residual.files import write_text
from recurrent_residual.messages import say
from recurrent_residual.results import read_json
from recurrent_residual.training.leftovers import remove_checkpoint
from recurrent_residual.tuning.choice import choose, configuration


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--trials", required=True, type=Path, nargs="*", help="the tuned.json of all trials")
    parser.add_argument("--tuning", required=True, type=Path, help="tuning.json")
    parser.add_argument("--chosen", required=True, type=Path, help="chosen.yaml")
    return parser


def main(options: argparse.Namespace) -> None:
    """Run the stage."""
    tuning = choose([read_json(file) for file in options.trials])
    heading = (
        f"# Chosen on {tuning['held_out_clips']} held-out train clips of split 1; {options.tuning.name} has the grid.\n"
    )
    write_text(options.chosen, heading + yaml.safe_dump(configuration(tuning), sort_keys=False))
    write_text(options.tuning, json.dumps(tuning, indent=1) + "\n")
    for file in options.trials:
        remove_checkpoint(file.parent)
    for family in tuning["families"]:
        chosen, edges = family["chosen"], "".join(f"; {words}" for words in family["edges"])
        say(
            f"{family['model'] or family['family']}: learning rate {chosen['learning_rate']:g}, "
            f"{chosen['epochs']} epochs, held-out error {chosen['error']:.3f}{edges}"
        )


if __name__ == "__main__":
    cli.run(main, arguments())
