"""Which experiment's error stands in which row of the paper's tables. No numpy in here: planning asks, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recurrent_residual.errors import UserError


def row_owners(
    experiments: Mapping[str, Any], paper: Mapping[str, Any], *, source: str = "experiments.yaml"
) -> dict[str, str]:
    """The experiment that stands in each row: row id (table.row) -> experiment.

    Args:
        experiments: `experiments.yaml`, validated.
        paper: `paper.yaml`.
        source: the file of experiments, for messages.

    Raises:
        UserError: an experiment names a row that `paper.yaml` lacks or quotes, or one that another has.
    """
    rows = {f"{key}.{row}": entry for key, table in paper["tables"].items() for row, entry in table["rows"].items()}
    owners: dict[str, str] = {}
    for name, entry in experiments.items():
        for row in entry["rows"]:
            if row not in rows:
                raise UserError(
                    f"{source}: {name}: rows: {row!r} is no row of paper.yaml; without `rows` it gets a table "
                    "of its own"
                )
            if rows[row].get("quoted"):
                raise UserError(f"{source}: {name}: rows: {row!r} is quoted from other papers (paper.yaml)")
            if row in owners:
                raise UserError(f"{source}: {name}: rows: {row!r} is already the row of {owners[row]}")
            owners[row] = name
    return owners
