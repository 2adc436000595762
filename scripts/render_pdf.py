"""Typeset the report's LaTeX document as PDF, where latexmk and pdflatex are installed."""

from __future__ import annotations

import argparse
from pathlib import Path

from recurrent_residual import cli
from recurrent_residual.report.typesetting import typeset


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--tex", type=Path, required=True, help="the document that render_latex wrote")
    parser.add_argument("--output", type=Path, required=True, help="the PDF to write")
    return parser


def main(options: argparse.Namespace) -> None:
    """Typeset."""
    typeset(options.tex, options.output)


if __name__ == "__main__":
    cli.run(main, arguments())
