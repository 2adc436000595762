"""Tab-separated tables with a header line: the lists that one stage hands to the next."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from recurrent_residual import files
from recurrent_residual.errors import UserError


def read(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of the table at `path`, each with at least `columns`.

    Raises `UserError` when the file is missing, lacks a column or has a row that is cut short.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            table = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            absent = [column for column in columns if column not in (table.fieldnames or ())]
            if absent:
                raise UserError(f"{path}: column {absent[0]} is missing; delete the file and run the workflow again")
            rows = list(table)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; run the stage that writes it first") from error
    for number, row in enumerate(rows, start=2):
        if any(row[column] is None for column in columns):
            raise UserError(f"{path}:{number}: the line is cut short; delete the file and run the workflow again")
    return rows


def write(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write `rows` to `path` atomically, `columns` in their order."""
    lines = ["\t".join(columns)]
    lines += ["\t".join(str(row[column]) for column in columns) for row in rows]
    files.write_text(path, "\n".join(lines) + "\n")
