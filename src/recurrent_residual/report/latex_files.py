"""Write the LaTeX report: the document, the folder of its tables and the folder of its figures as PDF."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import font_manager

from recurrent_residual.files import atomic, write_text
from recurrent_residual.report import latex, plots


def write_latex(
    tables: Mapping[str, Any], templates: Path, *, output: Path, latex_folder: Path, figures_folder: Path
) -> None:
    """Write all files of tables.json's content; those of a former report that this one lacks are removed.

    Args:
        tables: the content of tables.json.
        templates: folder of the report's templates.
        output: the document.
        latex_folder: for <table id>.tex.
        figures_folder: for <figure>.pdf; the document finds them by their path from its own folder.
    """
    pictures = plots.pictures(printable(tables))
    _write_folder(figures_folder, {f"{name}.pdf": pdf(picture) for name, picture in pictures.items()}, ".pdf")
    parts = latex.render_tables(tables, templates)
    _write_folder(latex_folder, {f"{name}.tex": text.encode() for name, text in parts.items()}, ".tex")
    figures = Path(os.path.relpath(figures_folder, output.parent)).as_posix()
    write_text(output, latex.render(tables, templates, pictures=list(pictures), figures_folder=figures))


def printable(tables: Mapping[str, Any]) -> dict[str, Any]:
    """The same content, where a character that the figures' font lacks is named by its number, as in [U+6F22]."""
    file = font_manager.findfont(font_manager.FontProperties(family=["sans-serif"]))
    known = font_manager.get_font(file).get_charmap()

    def named(match: re.Match[str]) -> str:
        return match[0] if ord(match[0]) in known else f"[U+{ord(match[0]):04X}]"

    return json.loads(re.sub(r"[^\x00-\x7f]", named, json.dumps(tables, ensure_ascii=False)))


def pdf(picture: plots.Picture) -> bytes:
    """A figure as PDF: text stays text, and the same figure gives the same bytes (no date, no program's version)."""
    buffer = io.BytesIO()
    metadata = {"CreationDate": None, "Creator": None, "Producer": None}
    with matplotlib.rc_context(plots.STYLE | {"pdf.fonttype": 42}):
        picture.figure.savefig(buffer, format="pdf", metadata=metadata, bbox_inches="tight", pad_inches=0.05)
    return buffer.getvalue()


def _write_folder(folder: Path, files: Mapping[str, bytes], suffix: str) -> None:
    """Write files into a folder, from which others with this suffix are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in sorted(set(folder.glob(f"*{suffix}")) - {folder / name for name in files}):
        stale.unlink()
    for name, content in files.items():
        with atomic(folder / name) as part:
            part.write_bytes(content)
