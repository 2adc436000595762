"""The report's page as the project makes it from made runs: a small one with odd names, one of the paper's size."""

from __future__ import annotations

import json
from pathlib import Path

import made_runs

from recurrent_residual.report import html

TEMPLATES = made_runs.ROOT / "report" / "templates"
TABLES = {"small": made_runs.small_tables, "paper": made_runs.paper_tables}


def make(folder: Path, *, size: str) -> Path:
    """Write `folder`/paper_tables.html, and beside it the tables.json that it shows; return the page's path."""
    tables = TABLES[size](folder / "runs")
    (folder / "tables.json").write_text(json.dumps(tables), encoding="utf-8")
    page = folder / "paper_tables.html"
    page.write_text(html.render(tables, TEMPLATES), encoding="utf-8")
    return page
