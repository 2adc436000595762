"""Write the tuning's manifest: split 1's train clips, those of the held-out groups as its test clips; no other clip.

Of split 1's test clips there is none. Those of splits 2 and 3 are train clips of split 1, and among them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from recurrent_residual import cli
from recurrent_residual.manifest import read_manifest, write_manifest
from recurrent_residual.tuning.hold_out import hold_out


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--manifest", required=True, type=Path, help="all clips")
    parser.add_argument("--groups", required=True, type=int, nargs="+", help="groups to hold out")
    parser.add_argument("--output", required=True, type=Path, help="the tuning's manifest")
    return parser


def main(options: argparse.Namespace) -> None:
    """Run the stage."""
    write_manifest(options.output, hold_out(read_manifest(options.manifest), options.groups))


if __name__ == "__main__":
    cli.run(main, arguments())
