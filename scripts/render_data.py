"""Write the report's numbers for machines: as JSON with its schema beside it, and as CSV, a file a table.

The JSON file holds what collect_tables wrote, without the pictures; its schema stands beside it as
<name>.schema.json. The folder of CSV files has a datapackage.json that says what each column is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from recurrent_residual import cli
from recurrent_residual.files import write_text
from recurrent_residual.report.data_files import render_json, render_schema, write_csv_folder
from recurrent_residual.results import read_json


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--tables", type=Path, required=True, help="tables.json")
    parser.add_argument("--output-json", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--csv-folder", type=Path, required=True, help="folder for the CSV files; old ones are removed")
    return parser


def main(options: argparse.Namespace) -> None:
    """Check the tables against their schema, then write."""
    tables = read_json(options.tables)
    schema_file = options.output_json.with_suffix(".schema.json")
    text = render_json(tables, source=str(options.tables), schema_file=schema_file.name)
    write_csv_folder(options.csv_folder, tables)
    write_text(schema_file, render_schema())
    write_text(options.output_json, text)


if __name__ == "__main__":
    cli.run(main, arguments())
