"""Say in a table what this machine has and lacks for the full run, each lack with its remedy.

    python scripts/doctor.py                                    the paper: config/config.yaml
    python scripts/doctor.py --configfile config/demo.yaml      with another configuration laid over it

Looks at Python and the packages, processors, memory, GPU, decoders, conda, Slurm, disk (beside an estimate), programs
that unpack, the state of the data, and whether each mirror answers. Changes nothing. Its last column: ok; lack (the
full run cannot start); warning (it can); - (neither there nor needed). Exits with status 1 where something is lacking.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from recurrent_residual import cli
from recurrent_residual.code_inputs import SOURCE
from recurrent_residual.doctor.examination import examine
from recurrent_residual.doctor.rows import table

REPOSITORY = SOURCE.parent


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--configfile", nargs="+", default=[], type=Path, help="laid over config/config.yaml, in order")
    parser.add_argument("--offline", action="store_true", help="do not ask the mirrors")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    return parser


def main(options: argparse.Namespace) -> None:
    """Examine, print, and exit with status 0 or 1."""
    absolute = [file.resolve() for file in options.configfile]
    files = [file.relative_to(REPOSITORY) if file.is_relative_to(REPOSITORY) else file for file in absolute]
    os.chdir(REPOSITORY)  # where the workflow runs, so that its relative paths mean the same
    found = examine(files, repository=REPOSITORY, offline=options.offline)
    if options.json:
        print(json.dumps(asdict(found), indent=2, ensure_ascii=False))
    else:
        print(table(found.rows, shutil.get_terminal_size((120, 24)).columns))
        print("\n".join(["", *filter(None, [found.estimate]), found.next]))
    sys.stdout.flush()
    # Not sys.exit: a thread that still waits for a mirror would be waited for, and torch takes half a second to end.
    os._exit(0 if found.can_start else 1)


if __name__ == "__main__":
    cli.run(main, arguments())
