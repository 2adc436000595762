"""Render the report as LaTeX from the JSON file that collect_tables wrote.

Writes a document that compiles by itself (render_pdf does), a folder with each table alone, to be put into a paper by
\\input, and a folder with the figures as PDF.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from recurrent_residual import cli
from recurrent_residual.report.latex_files import write_latex
from recurrent_residual.results import read_json


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--tables", type=Path, required=True, help="tables.json")
    parser.add_argument("--templates", type=Path, required=True, help="folder of the templates")
    parser.add_argument("--output", type=Path, required=True, help="the document to write")
    parser.add_argument("--latex-folder", type=Path, required=True, help="folder for the tables; old ones are removed")
    parser.add_argument("--figures-folder", type=Path, required=True, help="folder for the figures, likewise")
    return parser


def main(options: argparse.Namespace) -> None:
    """Render and write."""
    write_latex(
        read_json(options.tables),
        options.templates,
        output=options.output,
        latex_folder=options.latex_folder,
        figures_folder=options.figures_folder,
    )


if __name__ == "__main__":
    cli.run(main, arguments())
