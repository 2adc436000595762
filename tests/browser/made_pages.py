"""The report's page as the project makes it from made runs: small, half finished, of the paper's size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import made_runs

from recurrent_residual.report import html
from recurrent_residual.tables import collect

TEMPLATES = made_runs.ROOT / "report" / "templates"
HALF = {  # one experiment has all runs of split 1, one lacks split 1, the others nothing
    "rrn_block4_identity": ((1, 1), (1, 2)),
    "rrn_block4_convolution": ((2, 1), (3, 1)),
    "block4_average_znorm": ((3, 1),),
}


def half_tables(folder: Path) -> dict[str, Any]:
    """The tables while trainings are still going."""
    for experiment, runs in HALF.items():
        for split, seed in runs:
            made_runs.write_run(folder, experiment, split, seed)
    project_files = {name: made_runs.project(name) for name in ("paper", "decisions")}
    tables = collect(
        folder, experiments=made_runs.experiments(), claims=made_runs.claims(), clips=made_runs.CLIPS,
        manifest=made_runs.MANIFEST, settings=made_runs.SETTINGS, chosen=list(HALF), groups=made_runs.groups(),
        **project_files,
    )  # fmt: skip
    return {**json.loads(json.dumps(tables)), "tuning": tuning()}


def tuning() -> dict[str, Any]:
    """A choice between two learning rates, whose mean lies between its experiments."""

    def trial(rate: float, error: float, **of: str) -> dict[str, Any]:
        return {"learning_rate": rate, "diverged": False, "best": {"error": error, "epoch": 3}, **of}

    errors = {"a": 0.5, "b": 0.1}
    family = {
        "model": None, "learning_rates": [0.1, 0.01], "epochs": 4, "edges": [], "differ": [], "used": True,
        "chosen": {"learning_rate": 0.1, "epochs": 3},
        "grid": [trial(rate, error, experiment=name) for name, error in errors.items() for rate in (0.1, 0.01)],
        "means": [trial(rate, 0.3) for rate in (0.1, 0.01)],
    }  # fmt: skip
    return {"held_out_clips": 8, "held_out_groups": [24, 25], "train_clips": 40, "seed": 1, "families": [family]}


TABLES = {"small": made_runs.small_tables, "paper": made_runs.paper_tables, "half": half_tables}


def make(folder: Path, *, size: str) -> Path:
    """Write `folder`/paper_tables.html, and beside it the tables.json that it shows; return the page's path."""
    tables = TABLES[size](folder / "runs")
    (folder / "tables.json").write_text(json.dumps(tables), encoding="utf-8")
    page = folder / "paper_tables.html"
    page.write_text(html.render(tables, TEMPLATES), encoding="utf-8")
    return page
