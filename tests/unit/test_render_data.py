"""The report for machines: the same numbers as JSON that fits its schema, and as CSV that reads back as it was."""

from __future__ import annotations

import copy
import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from made_runs import ROOT, read_json, small_tables, write_json

from recurrent_residual.errors import UserError
from recurrent_residual.report.csv_tables import Column, CsvTable, csv_tables, label_name
from recurrent_residual.report.data_files import csv_text, render_json, write_csv_folder


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A report's tables.json. Not to be changed."""
    return small_tables(tmp_path_factory.mktemp("data"))


def rendered(tables: dict[str, Any]) -> Any:
    """The content of paper_tables.json."""
    return json.loads(render_json(tables, source="tables.json", schema_file="paper_tables.schema.json"))


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_json_has_every_number_and_no_picture(tables: dict[str, Any]) -> None:
    """What tables.json says, key by key, but for the base64 of pictures."""

    def same(a: Any, b: Any) -> None:
        if isinstance(a, dict):
            assert set(a) - {"jpeg", "cam", "beside_cam"} == set(b)
            for key in b:
                same(a[key], b[key])
        elif isinstance(a, list):
            assert len(a) == len(b)
            for one, other in zip(a, b, strict=True):
                same(one, other)
        else:
            assert a == b

    whole, found = json.dumps(tables), rendered(tables)
    assert '"jpeg"' in whole and '"cam"' in whole
    assert found.pop("$schema") == "paper_tables.schema.json"
    same(tables, found)


def test_tables_that_do_not_fit_are_refused(tables: dict[str, Any]) -> None:
    """A file of another version, or one that was edited, names its key instead of becoming a wrong report."""
    for key, value, message in (
        ("schema", 1, "'schema'"),
        ("summary", {**tables["summary"], "runs": "many"}, r"'summary\.runs'"),
        ("claims", [{**tables["claims"][0], "verdict": "perhaps"}], r"'claims\.0\.verdict'"),
        ("data", {"checksums": [], "more": 1}, r"'data\.more'"),
    ):
        with pytest.raises(UserError, match=rf"^t\.json: .*{message}"):
            render_json({**tables, key: value}, source="t.json", schema_file="s")


def without(value: dict[str, Any], *path: Any) -> dict[str, Any]:
    """A copy of `value` that lacks what stands at `path`."""
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return changed


RUN = ("experiments", "rrn_block4_identity", "runs", 0)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("tables", 0, "rows", 0, "paper", "error"), "'tables.0.rows.0.paper': 'error' is a required property"),
        ((*RUN, "threads"), "'threads' is a required property"),
        ((*RUN, "parameters"), "'parameters' is a required property"),
        ((*RUN, "history", 1, "loss"), "'loss' is a required property"),
        (("experiments", "rrn_block4_identity"), "names rrn_block4_identity, which 'experiments' lacks"),
        (("experiments", "my_own"), "names my_own, which 'experiments' lacks"),
    ],
)
def test_what_is_left_out_is_missed(tables: dict[str, Any], path: tuple[Any, ...], message: str) -> None:
    """The numbers that every report has, and the runs of each experiment that it names."""
    with pytest.raises(UserError, match=re.escape(message)):
        rendered(without(tables, *path))


@pytest.mark.parametrize(("key", "value"), [("loss", {}), ("loss", "1"), ("error", 1.5), ("epoch", 0.5), ("more", [1])])
def test_a_history_is_made_of_numbers(tables: dict[str, Any], key: str, value: Any) -> None:
    """A program that draws its curve reads nothing else there."""
    changed = copy.deepcopy(tables)
    changed["experiments"]["rrn_block4_identity"]["runs"][0]["history"][0][key] = value
    with pytest.raises(UserError, match=rf"history\.0\.{key}"):
        rendered(changed)


@pytest.mark.parametrize("name", ["../../evil", "a/b", "Table 1", ".hidden", "a.b", ""])
def test_a_name_that_is_no_files_name_is_refused(tables: dict[str, Any], name: str) -> None:
    """A table's id becomes the name of files, in no other folder than the report's."""
    with pytest.raises(UserError, match=r"'tables\.0\.id'"):
        rendered({**tables, "tables": [{**tables["tables"][0], "id": name}]})
    with pytest.raises(UserError, match="'figures'"):
        rendered({**tables, "figures": {name: next(iter(tables["figures"].values()))}})


@pytest.mark.parametrize("name", ["claims", "runs", "costs", "per_class", "table2"])
def test_no_table_overwrites_another(tmp_path: Path, tables: dict[str, Any], name: str) -> None:
    """A table of paper.yaml with the name of a file that is there already is refused, and nothing written."""
    with pytest.raises(UserError, match=rf"^tables: {name}\.csv .*another id in config/paper\.yaml$"):
        write_csv_folder(
            tmp_path / "csv", {**tables, "tables": [{**tables["tables"][0], "id": name}, *tables["tables"][1:]]}
        )
    assert not (tmp_path / "csv").exists()


cells = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(st.characters(codec="utf-8"))
)


@given(st.lists(st.lists(cells, min_size=3, max_size=3)))
def test_csv_reads_back_as_it_was(rows: list[list[Any]]) -> None:
    """Any name, with commas, quotes, line ends or letters of any script, and any number to its last digit."""
    columns = [Column(name, "string", "x.", lambda item: item) for name in ("a", "b", "c")]
    text = csv_text(CsvTable("t", "T", columns, rows))
    lines = list(csv.reader(io.StringIO(text, newline="")))
    assert lines[0] == ["a", "b", "c"]
    assert len(lines) == 1 + len(rows)
    for line, row in zip(lines[1:], rows, strict=True):
        for found, value in zip(line, row, strict=True):
            if isinstance(value, bool):
                assert found == ("true" if value else "false")
            elif isinstance(value, float):
                assert float(found) == value
            else:
                assert found == ("" if value is None else str(value))


def test_csv_ends_its_lines_as_the_standard_says() -> None:
    """RFC 4180: CRLF after each record, fields with a line end or a quote in quotes."""
    columns = [Column(name, "string", "x.", lambda item: item) for name in "ab"]
    assert csv_text(CsvTable("t", "T", columns, [["=1,5", 'say "a"\nb']])) == 'a,b\r\n"=1,5","say ""a""\nb"\r\n'


def test_csv_has_the_numbers_of_the_tables(tmp_path: Path, tables: dict[str, Any]) -> None:
    """A file a table, a line a row, with the numbers to the last digit; odd names are what they were."""
    write_csv_folder(tmp_path, tables)
    for table in tables["tables"]:
        lines = read(tmp_path / f"{table['id']}.csv")
        assert [line["id"] for line in lines] == [row["id"] for row in table["rows"]]
        for line, row in zip(lines, table["rows"], strict=True):
            for heading, label in zip(table["columns"], row["label"], strict=True):
                assert line[label_name(heading)] == label
            for column, value in (
                ("ours_error", row["compared"] and row["compared"]["error"]),
                ("ours_error_high", row["compared"] and row["compared"]["interval"][1]),
                ("paper_error", row["paper"]["error"]),
                ("difference", row["difference"]),
                ("split2_error", row["by_split"].get("2") and row["by_split"]["2"]["error"]),
            ):
                assert line[column] == ("" if value is None else repr(value)), f"{row['id']}: {column}"
    assert read(tmp_path / "further.csv")[0]["experiment_label"] == "My <own> & 100 % new_one"
    assert read(tmp_path / "table5.csv")[2]["paper_motion"] == "0.163"
    lines = read(tmp_path / "runs.csv")
    assert len(lines) == tables["summary"]["runs"]
    assert sum(float(line["training_seconds"]) for line in lines) == pytest.approx(
        tables["summary"]["training_seconds"]
    )
    lines = read(tmp_path / "claims.csv")
    assert {line["claim"] for line in lines} == {claim["id"] for claim in tables["claims"]}
    assert sum(line["headline"] == "true" for line in lines) == len(tables["claims"])
    lines = read(tmp_path / "per_class.csv")
    assert [line["class"] for line in lines] == tables["per_class"]["classes"]
    assert "Odd_Name & 50% <b>" in [line["class"] for line in lines]
    for name, errors in tables["per_class"]["errors"].items():
        assert [float(line[name]) for line in lines] == errors
    assert len(read(tmp_path / "costs.csv")) == len(tables["costs"])


def test_every_column_is_described_and_named_once(tmp_path: Path, tables: dict[str, Any]) -> None:
    """datapackage.json says of each file and column what it is, in the order of the file."""
    write_csv_folder(tmp_path, tables)
    package = read_json(tmp_path / "datapackage.json")
    assert {resource["path"] for resource in package["resources"]} == {path.name for path in tmp_path.glob("*.csv")}
    for resource in package["resources"]:
        with open(tmp_path / resource["path"], encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        fields = resource["schema"]["fields"]
        assert [field["name"] for field in fields] == header
        assert len(set(header)) == len(header), resource["path"]
        for field in fields:
            assert field["description"].endswith(".") and field["type"] in ("string", "number", "integer", "boolean")


def test_values_have_the_type_that_is_announced(tables: dict[str, Any]) -> None:
    """A program that goes by datapackage.json reads every field."""
    types: dict[str, Any] = {"number": (int, float), "integer": int, "boolean": bool, "string": (str, list)}
    for table in csv_tables(tables):
        for row in table.rows:
            for column, value in zip(table.columns, row, strict=True):
                assert value is None or isinstance(value, types[column.type]), f"{table.name}: {column.name}: {value}"


def test_files_of_a_former_report_do_not_stay(tmp_path: Path, tables: dict[str, Any]) -> None:
    """A table that the report no longer has would pass for one of it; what is not ours stays."""
    (tmp_path / "old.csv").write_text("a\r\n")
    (tmp_path / "notes.txt").write_text("mine")
    write_csv_folder(tmp_path, tables)
    assert not (tmp_path / "old.csv").exists() and (tmp_path / "notes.txt").exists()


def test_a_report_of_no_runs_has_its_files_all_the_same(tmp_path: Path) -> None:
    """Headers, and nothing made up."""
    write_csv_folder(tmp_path / "csv", small_tables(tmp_path / "runs", chosen=[], examples=None, looks=None))
    assert read(tmp_path / "csv" / "runs.csv") == read(tmp_path / "csv" / "costs.csv") == []
    assert all(line["ours_error"] == "" for line in read(tmp_path / "csv" / "table1.csv"))


def test_command_line_writes_all_files_and_the_same_each_time(tmp_path: Path, tables: dict[str, Any]) -> None:
    """The script as the workflow calls it: JSON that fits the schema beside it, and CSV; its error is one line."""
    write_json(tmp_path / "tables.json", tables)

    def call(folder: str) -> dict[str, bytes]:
        arguments = ["--tables", "tables.json", "--output-json", f"{folder}/paper_tables.json"]
        command = [sys.executable, ROOT / "scripts/render_data.py", *arguments, "--csv-folder", f"{folder}/csv"]
        environment = {"PYTHONPATH": str(ROOT / "src")}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(done.stderr)
        files = [path for path in (tmp_path / folder).rglob("*") if path.is_file()]
        return {str(path.relative_to(tmp_path / folder)): path.read_bytes() for path in files}

    first = call("one")
    assert {"paper_tables.json", "paper_tables.schema.json", "csv/table1.csv", "csv/datapackage.json"} <= set(first)
    content = json.loads(first["paper_tables.json"])
    Draft202012Validator(json.loads(first[content["$schema"]])).validate(content)
    assert call("two") == first
    write_json(tmp_path / "tables.json", {**tables, "splits": "1"})
    with pytest.raises(UserError, match=r"^error: tables\.json: 'splits': .*\n$"):
        call("three")
    assert not (tmp_path / "three").exists()
