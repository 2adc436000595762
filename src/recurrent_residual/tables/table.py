"""A table of the report: the paper's rows with our numbers beside its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recurrent_residual.experiment_results import Result
from recurrent_residual.marks import table_marks


def table_of(
    key: str,
    table: Mapping[str, Any],
    *,
    owners: Mapping[str, str],
    results: Mapping[str, Result],
    splits: list[int],
    comparable: bool,
) -> dict[str, Any]:
    """A table of the paper with our numbers beside its own; `comparable`: whether a row may say that it agrees."""
    further = dict(table.get("further_columns", {}))
    compare = list(table["compare_splits"])
    rows = []
    for row, entry in table["rows"].items():
        name = owners.get(f"{key}.{row}")
        result = results.get(name) if name else None
        rows.append(
            {
                "id": f"{key}.{row}",
                "label": list(entry["label"]),
                "paper": {column: entry.get(column) for column in ("error", *further)},
                "experiment": name,
                "status": "quoted" if entry.get("quoted") else status_of(result),
                **numbers_of(result, splits, compare=compare, paper=entry.get("error")),
            }
        )
    return {
        "id": key,
        "title": table["title"],
        "columns": list(table["columns"]),
        "error_column": table.get("error_column"),
        "further_columns": further,
        "compare_splits": compare,
        "in_paper": any(row["paper"]["error"] is not None for row in rows),
        **marked(rows, results, compare, comparable=comparable),
    }


def further_table(
    experiments: Mapping[str, Any], results: Mapping[str, Result], splits: list[int]
) -> dict[str, Any] | None:
    """A table of the experiments that stand in no row of the paper; None where there are none."""
    own = [name for name, entry in experiments.items() if not entry["rows"]]
    if not own:
        return None
    rows = [
        {
            "id": f"further.{name}",
            "label": [experiments[name]["title"]],
            "paper": {"error": None},
            "experiment": name,
            "status": status_of(results.get(name)),
            **numbers_of(results.get(name), splits, compare=splits[:1], paper=None),
        }
        for name in own
    ]
    return {
        "id": "further",
        "title": "Further experiments (not in the paper)",
        "columns": ["Experiment"],
        "error_column": None,
        "further_columns": {},
        "compare_splits": splits[:1],
        "in_paper": False,
        **marked(rows, results, splits[:1], comparable=False),  # with nothing of the paper's
    }


def marked(
    rows: list[dict[str, Any]], results: Mapping[str, Result], splits: list[int], *, comparable: bool
) -> dict[str, Any]:
    """The rows of a table with their marks, and whether these count the noise of the seeds."""
    marks, seeds_counted = table_marks(rows, results, splits, comparable=comparable)
    return {"seeds_counted": seeds_counted, "rows": [row | own for row, own in zip(rows, marks, strict=True)]}


def status_of(result: Result | None) -> str:
    """Whether an experiment was "run", is "incomplete" or was "not run"."""
    if result is None or not result.runs:
        return "not run"
    return "run" if len(result.all_runs) == result.expected else "incomplete"


def numbers_of(result: Result | None, splits: list[int], *, compare: list[int], paper: float | None) -> dict[str, Any]:
    """Our numbers of a row: by split, mean over all splits, and beside the paper's."""
    if result is None or not result.runs:
        return {
            "by_split": {},
            **dict.fromkeys(("mean", "compared", "difference", "runs", "seconds")),
        }
    compared = result.summary(compare)
    seconds = [run.record["seconds"] for run in result.all_runs]
    return {
        "by_split": {str(split): result.summary([split]) for split in splits},
        "mean": result.summary(splits) if len(splits) > 1 else None,
        "compared": compared,
        "difference": None if paper is None or compared is None else 100 * (compared["error"] - paper),
        "runs": {"found": len(seconds), "expected": result.expected},
        "seconds": {"total": sum(seconds), "per_run": sum(seconds) / len(seconds)},
    }
