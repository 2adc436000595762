"""Say what changed between two reports: another GPU, another seed, another backbone, other data or code.

    python scripts/compare_reports.py report old/report

Compared are the settings, the data, machine and code, the runs, each row's error with its intervals (of the test with
shuffled frames, too), the paper's numbers, the claims and their verdicts, and how many of all other values differ. The
time of the trainings is shown; it, other costs, and who ran it when and where make no difference. Errors of reports of
the same test clips share those clips, and the intervals are those of the choice of test groups; so a change within both
may still be more than the seeds' noise.

The exit status is that of diff: 0 the same, 1 they differ, 2 something went wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

# For whoever runs it by hand.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from recurrent_residual import cli
from recurrent_residual.errors import UserError
from recurrent_residual.messages import say
from recurrent_residual.report.comparing import compare, read_report
from recurrent_residual.report.comparing_text import text

DIFFER, TROUBLE = 1, 2


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("a", type=Path, metavar="A", help="a report's folder, or its paper_tables.json")
    parser.add_argument("b", type=Path, metavar="B", help="the other's")
    parser.add_argument("--json", action="store_true", help="print what changed as JSON")
    return parser


def main(options: argparse.Namespace) -> None:
    """Compare and print."""
    try:
        changes = compare(read_report(options.a), read_report(options.b))
    except UserError as error:
        say(f"error: {error}")
        sys.exit(TROUBLE)
    if options.json:
        print(json.dumps(changes, indent=1, ensure_ascii=False))
    else:
        print(text(changes, a=str(options.a), b=str(options.b)))
    if not changes["same"]:
        sys.exit(DIFFER)


if __name__ == "__main__":
    cli.run(main, arguments())
