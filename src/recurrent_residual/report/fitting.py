"""Whether tables.json is what it should be: its schema, and that what it names is in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recurrent_residual.config import validate
from recurrent_residual.errors import UserError


def fitting(tables: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """A copy of the content of tables.json or paper_tables.json.

    Raises:
        UserError: it does not fit config/schema/tables.yaml, or names an experiment that it lacks; the key is named.
    """
    copied: dict[str, Any] = validate(tables, "tables", source=source)
    rows = [row for table in copied["tables"] for row in table["rows"]]
    named = {
        **{name: "per_class.errors" for name in copied["per_class"]["errors"]},
        **{cost["experiment"]: "costs" for cost in copied["costs"]},
        **{row["experiment"]: row["id"] for row in rows if row["experiment"] is not None},
    }
    for name, place in named.items():
        if name not in copied["experiments"]:
            raise UserError(f"{source}: {place!r}: names {name}, which 'experiments' lacks; collect the tables again")
    return copied
