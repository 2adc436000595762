"""Say what a run will cost, before anything runs: jobs, GPU-hours, CPU-hours, disk and download, and by what rates.

    python scripts/plan.py                                        the paper: config/config.yaml
    python scripts/plan.py tune --configfile my.yaml              another target, another configuration laid over it
    python scripts/plan.py --profile slurm                        how many jobs of the cluster it is, too

What is still to do comes from Snakemake's own dry run, so that in a half-done checkout it is the rest. A rate is the
first that there is: measured by finished runs in results/ with the same network and input, by a GPU's
scripts/benchmark_training.py (performance.json, docs/performance.json), --frames-per-second. Each is named; what nobody
measured is "?". Needs no data, no GPU and no torch, and changes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

from recurrent_residual import cli
from recurrent_residual.code_inputs import SOURCE
from recurrent_residual.config import read_experiments, resolve_experiments
from recurrent_residual.doctor import data
from recurrent_residual.doctor.estimates import estimate
from recurrent_residual.doctor.plan import make_plan
from recurrent_residual.errors import UserError
from recurrent_residual.planning.cost import Basis, lines, total
from recurrent_residual.planning.dry_run import dry_run
from recurrent_residual.planning.rates import find_rates
from recurrent_residual.planning.table import SUMS, notes, table
from recurrent_residual.planning.volume import volume

REPOSITORY = SOURCE.parent


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("target", nargs="*", help="what to make, as snakemake takes it; the report if not given")
    parser.add_argument("--configfile", nargs="+", default=[], type=Path, help="laid over config/config.yaml, in order")
    parser.add_argument("--profile", help="of snakemake: slurm")
    parser.add_argument("--frames-per-second", type=float, help="of a training, where no rate was measured")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    return parser


def main(options: argparse.Namespace) -> None:
    """Ask Snakemake, compute and print."""
    if options.frames_per_second is not None and options.frames_per_second <= 0:
        raise UserError(f"--frames-per-second: {options.frames_per_second:g} is not above 0")
    absolute = [file.resolve() for file in options.configfile]
    files = [file.relative_to(REPOSITORY) if file.is_relative_to(REPOSITORY) else file for file in absolute]
    os.chdir(REPOSITORY)  # where the workflow runs, so that its relative paths mean the same
    plan = make_plan(files)
    run = dry_run(files, targets=options.target, profile=options.profile)
    now = data.state(plan)
    clips = volume(plan, now.wanted_clips)
    rates = find_rates(
        architecture=plan.settings["backbone"]["architecture"],
        size=plan.settings["input"]["size"],
        given=options.frames_per_second,
    )
    experiments = resolve_experiments(plan.settings, read_experiments(plan.settings["experiments_file"]))
    whole = estimate(plan, now.wanted_clips)
    stages = lines(Basis(plan, experiments, run, clips, rates, whole, now.wanted_classes))
    submitted = run.submitted if options.profile else None
    if options.json:
        totals = {"jobs": run.total, **{column: total(stages, column)[0] for column in SUMS}}
        unknown = [column for column in SUMS if not total(stages, column)[1]]
        found = {"stages": [asdict(line) for line in stages], "totals": totals, "incomplete": unknown}
        print(json.dumps({**found, "submitted_jobs": submitted, "frames": clips.source}, indent=2, ensure_ascii=False))
        return
    if not run.jobs:
        print("Nothing to do.")
        return
    name = " + ".join(["config/config.yaml", *map(str, files)])
    print(f"{name}: {plan.settings['dataset']['title']}, still to do\n")
    print(table(stages))
    if submitted is not None:
        print(f"\nAs {submitted:,} jobs of profile {options.profile}: a group counts as one, a local rule as none.")
    print("\nHow (? is not measured):")
    print(notes(stages, clips.source, min(100, shutil.get_terminal_size((100, 24)).columns)))


if __name__ == "__main__":
    cli.run(main, arguments())
