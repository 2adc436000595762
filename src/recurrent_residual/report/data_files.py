"""The report for machines: every number as JSON with its schema, and a CSV file a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recurrent_residual.config import SCHEMAS, read_yaml
from recurrent_residual.files import write_text
from recurrent_residual.report.csv_tables import CsvTable, csv_tables
from recurrent_residual.report.fitting import fitting

PICTURES = ("jpeg", "cam", "beside_cam")  # base64: half of the file, and of no use to who reads numbers
PACKAGE = "datapackage.json"


def render_json(tables: Mapping[str, Any], *, source: str, schema_file: str) -> str:
    """The content of paper_tables.json: `tables` without its pictures.

    Args:
        tables: the content of tables.json.
        source: that file, for messages.
        schema_file: where the schema will stand, as seen from the file.

    Raises:
        UserError: the tables do not fit (`fitting.fitting`).
    """
    return _json({"$schema": schema_file, **without_pictures(fitting(tables, source=source))})


def render_schema() -> str:
    """The schema of paper_tables.json as JSON, which is what validators read."""
    return _json(read_yaml(SCHEMAS / "tables.yaml"))


def without_pictures(value: Any) -> Any:
    """A copy without the keys of `PICTURES`, wherever they stand."""
    if isinstance(value, Mapping):
        return {key: without_pictures(item) for key, item in value.items() if key not in PICTURES}
    if isinstance(value, list):
        return [without_pictures(item) for item in value]
    return value


def write_csv_folder(folder: Path, tables: Mapping[str, Any]) -> None:
    """Write a CSV file a table into `folder`, and datapackage.json, which says what each column is.

    CSV files of a former report that this one lacks are removed. The description is a Data Package (Frictionless
    Standards, v1), which programs for tables read.

    Raises:
        UserError: two tables would be of one file; nothing is written.
    """
    written = csv_tables(tables)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in set(folder.glob("*.csv")) - {folder / f"{table.name}.csv" for table in written}:
        stale.unlink()
    for table in written:
        write_text(folder / f"{table.name}.csv", csv_text(table))
    write_text(folder / PACKAGE, _json(package(written, title=tables["report"]["title"])))


def csv_text(table: CsvTable) -> str:
    """A table as CSV (RFC 4180): a line of column names, then a line a row; numbers unrounded, null an empty field.

    What begins with "=", "+", "-" or "@" is left as it is: a spreadsheet may take it for a formula, a program must get
    the name that was given.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([column.name for column in table.columns])
    writer.writerows([[cell(value) for value in row] for row in table.rows])
    return out.getvalue()


def cell(value: Any) -> str:
    """A value as the field of a CSV file; items of a list are parted by blanks."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return repr(value) if isinstance(value, float) else str(value)


def package(tables: list[CsvTable], *, title: str) -> dict[str, Any]:
    """The content of datapackage.json."""
    resources = [
        {
            "name": table.name.lower(),
            "path": f"{table.name}.csv",
            "title": table.title,
            "encoding": "utf-8",
            "schema": {
                "fields": [
                    {"name": column.name, "type": column.type, "description": column.meaning}
                    for column in table.columns
                ]
            },
        }
        for table in tables
    ]
    return {"name": "paper_tables", "title": title, "profile": "tabular-data-package", "resources": resources}


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
