"""The report's numbers as flat tables: columns with their meaning, and rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recurrent_residual.errors import UserError

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column: its name, its type and meaning for who reads the file, and where its value comes from."""

    name: str
    type: str
    """Of a Table Schema: string, number, integer, boolean."""
    meaning: str
    value: Callable[[Any], Any]


@dataclass(frozen=True)
class CsvTable:
    """A table that becomes a CSV file."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: list[list[Any]]


def csv_tables(tables: Item) -> list[CsvTable]:
    """Every flat table of the report: each of `tables`, claims, runs, per_class and costs.

    Args:
        tables: the content of tables.json.

    Raises:
        UserError: one of `tables` has the name of another, or of one of the files beside them.
    """
    runs = [
        {**run, "experiment": name, "title": entry["title"], "model": entry["model"]}
        for name, entry in tables["experiments"].items()
        for run in entry["runs"]
    ]
    compared = [
        {"claim": claim, "is_headline": i == claim["headline"], **comparison}
        for claim in tables["claims"]
        for i, comparison in enumerate(claim["comparisons"])
    ]
    flat = [
        *(
            _table(table["id"], table["title"], _row_columns(table, tables["splits"]), table["rows"])
            for table in tables["tables"]
        ),
        _table("claims", "The claims, a row a comparison", CLAIM_COLUMNS, compared),
        _table("runs", "The runs", RUN_COLUMNS, runs),
        _per_class(tables["per_class"]),
        _table("costs", "What each experiment took", COST_COLUMNS, tables["costs"]),
    ]
    names = [table.name for table in flat]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"tables: {twice}.csv is that of another table; give {twice!r} another id in config/paper.yaml")
    return flat


def _table(name: str, title: str, columns: Sequence[Column], items: Iterable[Item]) -> CsvTable:
    return CsvTable(name, title, columns, [[column.value(item) for column in columns] for item in items])


def _at(*path: str | int) -> Callable[[Any], Any]:
    """What stands at `path`; None as soon as something on the way is None or not there."""

    def value(item: Any) -> Any:
        for key in path:
            if item is None or (isinstance(key, str) and key not in item):
                return None
            item = item[key]
        return item

    return value


def _pair(name: str, meaning: str, *path: str | int) -> list[Column]:
    return [
        Column(f"{name}_low", "number", f"{meaning}: lower end.", _at(*path, 0)),
        Column(f"{name}_high", "number", f"{meaning}: upper end.", _at(*path, 1)),
    ]


def _summary(prefix: str, meaning: str, *path: str) -> list[Column]:
    return [
        Column(f"{prefix}_error", "number", f"{meaning}: share of test clips classified wrongly.", _at(*path, "error")),
        *_pair(f"{prefix}_error", f"{meaning}: interval by the choice of test groups", *path, "interval"),
        Column(f"{prefix}_sd", "number", f"{meaning}: standard deviation over seeds.", _at(*path, "sd")),
        Column(f"{prefix}_seeds", "string", f"{meaning}: number of seeds of each split.", _at(*path, "seeds")),
    ]


def label_name(heading: str) -> str:
    """A heading as a column's name: "Temporal context" is temporal_context."""
    name = re.sub(r"\W+", "_", heading.lower()).strip("_")
    return f"{name}_label" if name in ("experiment", "status", "") else name


def _row_columns(table: Item, splits: Sequence[int]) -> list[Column]:
    """The columns of one of the report's tables."""
    columns = [
        Column("id", "string", "Table and row.", _at("id")),
        *(
            Column(label_name(heading), "string", f"The row's label: {heading}.", _at("label", place))
            for place, heading in enumerate(table["columns"])
        ),
        Column("experiment", "string", "The experiment that stands in the row.", _at("experiment")),
        Column("status", "string", "run, incomplete, not run, or quoted (the paper's own quotation).", _at("status")),
        Column("paper_error", "number", "The paper's error.", _at("paper", "error")),
    ]
    columns += [
        Column(f"paper_{key}", "number", f"The paper's column {heading}.", _at("paper", key))
        for key, heading in table["further_columns"].items()
    ]
    columns += [
        *_summary("ours", "Ours on compare_splits", "compared"),
        Column(
            "compare_splits",
            "string",
            "Splits whose mean stands beside the paper's.",
            lambda _: table["compare_splits"],
        ),
        Column("difference", "number", "Ours minus the paper's, in points (hundredths).", _at("difference")),
        *_pair(
            "difference",
            "Interval of the difference, in points, with the noise of the seeds where it is known",
            "difference_interval",
        ),
        Column(
            "agrees",
            "string",
            "Whether the interval of the difference includes zero (within); else ours is better (fewer errors) or "
            "worse; empty where not comparable.",
            _at("agrees"),
        ),
        Column("best", "boolean", "Whether the paired test cannot tell it from our best of the table.", _at("best")),
        *_summary("mean", "Ours over all splits", "mean"),
    ]
    for split in map(str, splits):
        columns += _summary(f"split{split}", f"Ours on split {split}", "by_split", split)
    return [
        *columns,
        *_summary("shuffled", "Ours with each chunk's frames shuffled at test", "shuffled"),
        Column("runs", "integer", "Runs that are there.", _at("runs", "found")),
        Column("runs_expected", "integer", "Runs that the configuration asks for.", _at("runs", "expected")),
        Column("training_seconds", "number", "Seconds of its trainings.", _at("seconds", "total")),
    ]


def _side(name: str, which: str) -> list[Column]:
    return [
        Column(name, "string", f"The {which} side.", _at(name, "label")),
        Column(f"{name}_rows", "string", f"Rows of the {which} side.", _at(name, "rows")),
        Column(f"{name}_shuffled", "boolean", "Whether its frames were shuffled at test.", _at(name, "shuffled")),
        Column(f"{name}_error", "number", "Its error by our runs.", _at(name, "error")),
        Column(f"{name}_published", "number", "Its error by the paper.", _at(name, "published")),
    ]


CLAIM_COLUMNS = [
    Column("claim", "string", "The claim's name.", _at("claim", "id")),
    Column("text", "string", "What is claimed.", _at("claim", "text")),
    Column("source", "string", "paper or ours.", _at("claim", "source")),
    Column("place", "string", "Where it stands in the paper.", _at("claim", "place")),
    Column("quote", "string", "The paper's words.", _at("claim", "quote")),
    Column("caveat", "string", "What else differs between the two sides.", _at("claim", "caveat", "text")),
    Column("claim_verdict", "string", "holds, does not hold, cannot be told: the claim.", _at("claim", "verdict")),
    Column("reason", "string", "Why, in a sentence.", _at("claim", "reason")),
    Column("splits", "string", "Splits of the comparison.", _at("claim", "splits")),
    Column("headline", "boolean", "Whether this comparison decided the claim.", _at("is_headline")),
    Column("kind", "string", "order, equal, relative or value.", _at("kind")),
    *_side("first", "first"),
    *_side("second", "second"),
    Column("margin", "number", "What still counts as equal, in points; of relative in per cent.", _at("margin")),
    Column("margin_why", "string", "Why the margin is what it is.", _at("margin_why")),
    Column("target", "number", "The paper's value: an error; of relative, per cent.", _at("target")),
    Column("paper_points", "number", "The paper's difference, first minus second, in points.", _at("paper", "points")),
    Column("paper_relative", "number", "The same in per cent of the second.", _at("paper", "relative")),
    Column("points", "number", "Our difference, first minus second, in points.", _at("ours", "points")),
    *_pair("points", "Interval of it by the choice of test groups", "ours", "interval"),
    *_pair("points_total", "Interval of it by groups and seeds", "ours", "total_interval"),
    Column("relative", "number", "Our difference in per cent of the second.", _at("ours", "relative")),
    *_pair("relative", "Interval of it, in per cent", "ours", "relative_interval"),
    Column("seed_se", "number", "Standard error that the seeds bring, in points.", _at("ours", "seed_se")),
    Column(
        "p",
        "number",
        "p of the bootstrap: twice the share of draws on the other side of the boundary.",
        _at("ours", "p"),
    ),
    Column("p_holm", "number", "The same after Holm's correction for all comparisons.", _at("ours", "p_holm")),
    Column("p_floor", "boolean", "Whether p_holm is the least that the draws can give.", _at("ours", "p_floor")),
    Column(
        "mcnemar_first_only", "integer", "Clips that only the first got wrong.", _at("ours", "mcnemar", "first_only")
    ),
    Column(
        "mcnemar_second_only", "integer", "Clips that only the second got wrong.", _at("ours", "mcnemar", "second_only")
    ),
    Column("mcnemar_p", "number", "p of McNemar's test.", _at("ours", "mcnemar", "p")),
    Column("clips", "integer", "Test clips.", _at("ours", "clips")),
    Column("groups", "integer", "Test groups.", _at("ours", "groups")),
    Column("verdict", "string", "holds, does not hold, cannot be told: this comparison.", _at("verdict")),
]

RUN_COLUMNS = [
    Column("experiment", "string", "The experiment's name in experiments.yaml.", _at("experiment")),
    Column("title", "string", "Its title.", _at("title")),
    Column("model", "string", "Its model.", _at("model")),
    Column("split", "integer", "The split.", _at("split")),
    Column("seed", "integer", "The seed.", _at("seed")),
    Column("error", "number", "Share of the test clips that were classified wrongly.", _at("error")),
    Column("shuffled_error", "number", "The same with each chunk's frames shuffled.", _at("shuffled_error")),
    Column("videos", "integer", "Test clips.", _at("videos")),
    Column("training_seconds", "number", "Seconds of the training.", _at("seconds")),
    Column("evaluation_seconds", "number", "Seconds of the test.", _at("evaluation_seconds")),
    Column("energy_joules", "number", "Energy that the GPU took for the training.", _at("energy_joules")),
    Column("peak_memory_bytes", "integer", "The most memory that the training took.", _at("peak_memory_bytes")),
    Column("parameters", "integer", "The model's parameters.", _at("parameters")),
    Column("device", "string", "cpu or cuda.", _at("device")),
    Column("hardware", "string", "The device's name.", _at("hardware")),
    Column("threads", "integer", "Threads of the training.", _at("threads")),
    Column("commit", "string", "Commit of this project.", _at("commit")),
    Column("user", "string", "Login name of who trained it.", _at("user")),
    Column("started", "string", "When it started, in UTC (ISO 8601).", _at("started")),
    Column("finished", "string", "When it ended, in UTC (ISO 8601).", _at("finished")),
    Column("folder", "string", "Its folder.", _at("folder")),
    Column("command", "string", "The command that trained it.", _at("command")),
    Column("evaluation_command", "string", "The command that tested it.", _at("evaluation_command")),
]

COST_COLUMNS = [
    Column("experiment", "string", "The experiment's name in experiments.yaml.", _at("experiment")),
    Column("title", "string", "Its title.", _at("title")),
    Column("model", "string", "Its model.", _at("model")),
    Column("runs", "integer", "Its runs.", _at("runs")),
    Column("training_seconds", "number", "Seconds of its trainings.", _at("training_seconds")),
    Column("evaluation_seconds", "number", "Seconds of their tests.", _at("evaluation_seconds")),
    Column("gpu_hours", "number", "Hours for which its trainings and tests had a GPU each.", _at("gpu_hours")),
    Column("energy_joules", "number", "Energy of its trainings that measured it.", _at("energy_joules")),
    Column("energy_runs", "integer", "How many those are.", _at("energy_runs")),
    Column("peak_memory_bytes", "integer", "The most memory that one of its trainings took.", _at("peak_memory_bytes")),
    Column("parameters", "integer", "The model's parameters.", _at("parameters")),
]


def _per_class(per_class: Item) -> CsvTable:
    """A row a class, a column an experiment."""
    columns = [
        Column("class", "string", "The class.", _at("class")),
        Column("clips", "integer", "Its test clips, all splits together.", _at("clips")),
        *(
            Column(
                name, "number", f"Error of {name}: mean over splits, of each the mean over seeds.", _at("errors", name)
            )
            for name in per_class["errors"]
        ),
    ]
    items = [
        {"class": name, "clips": clips, "errors": {own: errors[i] for own, errors in per_class["errors"].items()}}
        for i, (name, clips) in enumerate(zip(per_class["classes"], per_class["clips"], strict=True))
    ]
    return _table("per_class", "Errors class by class", columns, items)
