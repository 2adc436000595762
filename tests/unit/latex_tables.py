"""Tables of made runs for the tests of LaTeX, and how these read a row of what was rendered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from made_runs import (
    CHOSEN_BY_VIEWS,
    CLIPS,
    MANIFEST,
    ROOT,
    SETTINGS,
    claims,
    experiments,
    groups,
    project,
    write_runs,
)

from recurrent_residual.tables import collect

TEMPLATES = ROOT / "report" / "templates"
ODD = """My <own> & 100 % new_one of "Łódź", Ω, 漢"""


def collected(runs: Path, chosen: list[str], **own: Any) -> dict[str, Any]:
    """The tables of the runs in a folder, as they come out of the JSON file."""
    tables = collect(
        runs,
        experiments=experiments(**own),
        paper=project("paper"),
        claims=claims(),
        decisions=project("decisions"),
        clips=CLIPS,
        manifest=MANIFEST,
        settings=SETTINGS,
        chosen=chosen,
        groups=groups(),
        checksums=[
            {"what": "resources/made/a_rather_long_name/for_a_file/of_the_lists/trainlist01.txt", "sha256": 64 * "a"}
        ],
    )
    return json.loads(json.dumps(tables))


def made_tables(folder: Path) -> dict[str, Any]:
    """The tables of some experiments and of a user's own under an odd name, whose runs are made in a folder."""
    write_runs(folder, CHOSEN_BY_VIEWS)
    own = {"title": ODD, "model": "recurrent_resnet", "settings": {"skips": []}}
    return collected(folder, CHOSEN_BY_VIEWS, my_own=own)


def comparable(tables: Mapping[str, Any]) -> dict[str, Any]:
    """The tables as if everything were as in the paper."""
    report = {**tables["report"], "comparable": True, "reasons": [], "notice": ""}
    answered = [{**claim, "reason": f"Reason {number}."} for number, claim in enumerate(tables["claims"])]
    return {**tables, "report": report, "claims": answered, "clips": {**tables["clips"], "missing": 0}}


def row_of(tables: Mapping[str, Any], identifier: str) -> dict[str, Any]:
    """A row of tables.json."""
    return next(row for table in tables["tables"] for row in table["rows"] if row["id"] == identifier)


def line(tex: str, label: str) -> str:
    """The row of a table in which a label stands, as it is written, without its end."""
    return next(" ".join(row.split()) for row in tex.partition(r"\midrule")[2].split(r"\\") if label in row)
