"""Render the report's HTML page from the JSON file that collect_tables wrote."""

from __future__ import annotations

import argparse
from pathlib import Path

from recurrent_residual import cli
from recurrent_residual.files import write_text
from recurrent_residual.report.html import render
from recurrent_residual.results import read_json


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--tables", type=Path, required=True, help="tables.json")
    parser.add_argument("--templates", type=Path, required=True, help="folder of the templates")
    parser.add_argument("--output", type=Path, required=True, help="the file to write")
    return parser


def main(options: argparse.Namespace) -> None:
    """Render and write."""
    write_text(options.output, render(read_json(options.tables), options.templates))


if __name__ == "__main__":
    cli.run(main, arguments())
