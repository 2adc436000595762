"""Every number of the report, each with its provenance, in one structure: `tables.json`.

The HTML page, the LaTeX file and the plots are views of it and compute nothing. Errors are shares (0.236); differences
are in points (hundredths): ours minus the paper's, so +1.3 is worse than the paper by 1.3 points.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recurrent_residual.config import runs as configured_runs
from recurrent_residual.errors import UserError
from recurrent_residual.intervals import LEVEL, RESAMPLES, bootstrap, interval
from recurrent_residual.results import FinishedRun, read_finished

CONFUSIONS_LISTED = 10


@dataclass(frozen=True)
class Result:
    """All runs of one experiment."""

    runs: dict[int, list[FinishedRun]]
    """Runs by split, sorted by seed; splits without a run are left out."""
    samples: dict[int, np.ndarray]
    """Errors on resampled groups, by split (see `intervals`)."""
    expected: int
    """Number of runs that the configuration asks for."""

    @property
    def all_runs(self) -> list[FinishedRun]:
        """Every run, by split and seed."""
        return [run for runs in self.runs.values() for run in runs]

    def errors(self, split: int) -> list[float]:
        """The error of each seed on a split."""
        return [run.metrics["error"] for run in self.runs[split]]

    def summary(self, splits: Sequence[int]) -> dict[str, Any] | None:
        """Mean error over `splits`, of each the mean over its seeds; None unless every split was run.

        `sd` is the standard deviation over the seeds (n - 1) of a single split with several of them, else None.
        """
        if not splits or not set(splits) <= set(self.runs):
            return None
        several = len(splits) == 1 and len(self.runs[splits[0]]) > 1
        return {
            "splits": list(splits),
            "error": float(np.mean([np.mean(self.errors(split)) for split in splits])),
            "sd": float(np.std(self.errors(splits[0]), ddof=1)) if several else None,
            "seeds": [len(self.runs[split]) for split in splits],
            "interval": interval(np.mean([self.samples[split] for split in splits], axis=0)),
        }


def collect(
    runs: Path,
    *,
    experiments: Mapping[str, Any],
    paper: Mapping[str, Any],
    decisions: Mapping[str, Any],
    clips: Mapping[str, Any],
    settings: Mapping[str, Any],
    chosen: Sequence[str],
) -> dict[str, Any]:
    """Everything that the report shows.

    Args:
        runs: folder with <experiment>/split<N>/seed<K>/.
        experiments: `experiments.yaml`.
        paper: `paper.yaml`.
        decisions: `decisions.yaml`.
        clips: the summary that `list_clips` wrote.
        settings: the whole resolved configuration.
        chosen: experiments that were run; leftovers of others in `runs` are not looked at.

    Raises:
        UserError: an experiment or a row is named that is not there, a row is named twice, or a run is damaged.
    """
    for name in chosen:
        if name not in experiments:
            raise UserError(f"{name}: no such experiment in experiments.yaml")
    wanted = configured_runs(settings)
    splits = sorted({split for split, _ in wanted})
    results = {name: read_result(runs, name, wanted) for name in experiments if name in chosen}
    check_same_clips(results)
    owners = row_owners(experiments, paper)
    tables = [
        table_of(key, table, owners=owners, results=results, splits=splits) for key, table in paper["tables"].items()
    ]
    if further := further_table(experiments, results, splits=splits):
        tables.append(further)
    every_run = [run for result in results.values() for run in result.all_runs]
    return {
        "paper": {key: paper[key] for key in ("title", "authors", "year", "address")},
        "slips": list(paper.get("slips", [])),
        "report": {"title": paper["title"], "comparable": True, "notice": "", **settings.get("report", {})},
        "summary": summary_of(every_run, expected=sum(result.expected for result in results.values())),
        "splits": splits,
        "intervals": {"level": LEVEL, "resamples": RESAMPLES},
        "tables": tables,
        "claims": [claim_of(claim, paper, owners, results, splits) for claim in paper.get("claims", [])],
        "figures": {key: figure_of(figure, tables) for key, figure in paper.get("figures", {}).items()},
        "best": best_model(experiments, results, splits),
        "experiments": {name: experiment_of(entry, results.get(name)) for name, entry in experiments.items()},
        "decisions": [decision_of(decision, settings) for decision in decisions["decisions"]],
        "marks": dict(decisions["marks"]),
        "deviations": list(decisions["deviations"]),
        "dataset": dict(settings["dataset"]),
        "clips": dict(clips),
        "settings": dict(settings),
    }


def read_result(runs: Path, experiment: str, wanted: Sequence[tuple[int, int]]) -> Result:
    """The runs of one experiment that the configuration asks for, as far as they are there.

    Args:
        runs: the folder of all runs.
        experiment: its name.
        wanted: (split, seed) of every run.
    """
    found: dict[int, list[FinishedRun]] = {}
    for split, seed in wanted:
        if run := read_finished(runs / experiment / f"split{split}" / f"seed{seed}"):
            found.setdefault(split, []).append(run)
    for of_split in found.values():
        same_clips(of_split)
    samples = {split: bootstrap(of_split, split=split) for split, of_split in found.items()}
    return Result(found, samples, expected=len(wanted))


def check_same_clips(results: Mapping[str, Result]) -> None:
    """All experiments of a split must have been tested on the same clips.

    Raises:
        UserError: naming two folders that were not.
    """
    for split in {split for result in results.values() for split in result.runs}:
        same_clips([result.runs[split][0] for result in results.values() if split in result.runs])


def same_clips(runs: Sequence[FinishedRun]) -> None:
    """Raise a UserError unless all `runs` were tested on the same clips."""
    for run in runs[1:]:
        if not np.array_equal(run.groups, runs[0].groups):
            raise UserError(
                f"{run.folder}: was tested on other clips than {runs[0].folder}; remove the older one and run again"
            )


def row_owners(experiments: Mapping[str, Any], paper: Mapping[str, Any]) -> dict[str, str]:
    """The experiment that stands in each row: row id (table.row) -> experiment.

    Raises:
        UserError: an experiment names a row that `paper.yaml` lacks or quotes, or one that another has.
    """
    rows = {f"{key}.{row}": entry for key, table in paper["tables"].items() for row, entry in table["rows"].items()}
    owners: dict[str, str] = {}
    for name, entry in experiments.items():
        for row in entry.get("rows") or []:
            if row not in rows:
                raise UserError(
                    f"experiments.yaml, {name}: rows: {row!r} is no row of paper.yaml; without `rows` it gets a table "
                    "of its own"
                )
            if rows[row].get("quoted"):
                raise UserError(f"experiments.yaml, {name}: rows: {row!r} is quoted from other papers (paper.yaml)")
            if row in owners:
                raise UserError(f"experiments.yaml, {name}: rows: {row!r} is already the row of {owners[row]}")
            owners[row] = name
    return owners


def table_of(
    key: str, table: Mapping[str, Any], *, owners: Mapping[str, str], results: Mapping[str, Result], splits: list[int]
) -> dict[str, Any]:
    """A table of the paper with our numbers beside its own."""
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
        "rows": rows,
    }


def further_table(
    experiments: Mapping[str, Any], results: Mapping[str, Result], splits: list[int]
) -> dict[str, Any] | None:
    """A table of the experiments that stand in no row of the paper; None where there are none."""
    own = [name for name, entry in experiments.items() if not entry.get("rows")]
    if not own:
        return None
    rows = [
        {
            "id": f"further.{name}",
            "label": [experiments[name].get("title", name)],
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
        "rows": rows,
    }


def status_of(result: Result | None) -> str:
    """Whether an experiment was "run", is "incomplete" or was "not run"."""
    if result is None or not result.runs:
        return "not run"
    return "run" if len(result.all_runs) == result.expected else "incomplete"


def numbers_of(result: Result | None, splits: list[int], *, compare: list[int], paper: float | None) -> dict[str, Any]:
    """Our numbers of a row: by split, mean over all splits, and beside the paper's."""
    if result is None or not result.runs:
        return {"by_split": {}, "mean": None, "compared": None, "difference": None, "runs": None, "seconds": None}
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


def claim_of(
    claim: Mapping[str, str],
    paper: Mapping[str, Any],
    owners: Mapping[str, str],
    results: Mapping[str, Result],
    splits: list[int],
) -> dict[str, Any]:
    """Whether one row has fewer errors than another, in the paper and in our runs over all splits.

    The verdict is read from the interval of the paired difference: "holds" below zero, "reversed" above, else "open".

    Raises:
        UserError: `paper.yaml` names a row that it does not have.
    """

    def printed(row: str) -> float | None:
        key, _, name = row.partition(".")
        try:
            return paper["tables"][key]["rows"][name].get("error")
        except KeyError:
            raise UserError(f"paper.yaml: claims: {row!r} is no row of a table") from None

    ends = ("better", "than")
    published = [printed(claim[end]) for end in ends]
    out: dict[str, Any] = {
        "text": claim["text"],
        **{end: claim[end] for end in ends},
        "paper": None if None in published else change(*published),  # type: ignore[arg-type]
        "ours": None,
        "verdict": None,
    }
    found = [results.get(owners.get(claim[end], "")) for end in ends]
    summaries = [result.summary(splits) if result else None for result in found]
    if summaries[0] is None or summaries[1] is None:
        return out
    samples = [np.mean([result.samples[split] for split in splits], axis=0) for result in found if result]
    low, high = (100 * end for end in interval(samples[0] - samples[1]))
    out["ours"] = {
        **change(summaries[0]["error"], summaries[1]["error"]),
        "interval": [low, high],
        "splits": list(splits),
        "errors": [summary["error"] for summary in summaries if summary],
    }
    out["verdict"] = "holds" if high < 0 else "reversed" if low > 0 else "open"
    return out


def change(new: float, old: float) -> dict[str, float | None]:
    """From the error `old` to `new`: in points, and relative to `old` in per cent."""
    return {"points": 100 * (new - old), "relative": 100 * (new - old) / old if old else None}


def figure_of(figure: Mapping[str, str], tables: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The points of a picture: the rows of a table, and the row that is drawn as a line across.

    Raises:
        UserError: `paper.yaml` names a table or row that it does not have.
    """
    rows = {row["id"]: row for table in tables for row in table["rows"]}
    points = [row for row in rows.values() if row["id"].startswith(f"{figure['table']}.")]
    if not points or figure["reference"] not in rows:
        raise UserError(f"paper.yaml: figures: no table {figure['table']!r} or no row {figure['reference']!r}")

    def point(row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "label": row["label"][0],
            "paper": row["paper"]["error"],
            "ours": row["mean"] or row["compared"],
            "by_split": row["by_split"],
        }

    return {
        "title": figure["title"],
        "axis": figure["axis"],
        "table": figure["table"],
        "points": [point(row) for row in points],
        "reference": point(rows[figure["reference"]]),
    }


def best_model(
    experiments: Mapping[str, Any], results: Mapping[str, Result], splits: list[int]
) -> dict[str, Any] | None:
    """The experiment with the least mean error over all splits, and what it takes for what.

    Its confusion matrix adds up all splits, of each its first seed: row = true class, column = predicted class.
    """
    means = {name: summary for name, result in results.items() if (summary := result.summary(splits))}
    if not means:
        return None
    name = min(means, key=lambda name: means[name]["error"])
    runs = [results[name].runs[split][0] for split in splits]
    classes = runs[0].metrics["classes"]
    confusion = np.sum([run.metrics["confusion"] for run in runs], axis=0)
    clips = confusion.sum(axis=1)
    off = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-off, axis=None, kind="stable")[:CONFUSIONS_LISTED]
    pairs = [divmod(int(i), len(classes)) for i in order]
    return {
        "experiment": name,
        "title": experiments[name].get("title", name),
        **means[name],
        "folders": [str(run.folder) for run in runs],
        "classes": classes,
        "confusion": confusion.tolist(),
        "per_class_error": [float(off[i].sum() / clips[i]) if clips[i] else None for i in range(len(classes))],
        "confused": [
            {"true": classes[i], "predicted": classes[j], "clips": int(off[i, j]), "of": int(clips[i])}
            for i, j in pairs
            if off[i, j]
        ],
    }


def experiment_of(entry: Mapping[str, Any], result: Result | None) -> dict[str, Any]:
    """An experiment's entry with all its runs: the provenance of every number that it stands behind."""
    return {
        "title": entry.get("title", ""),
        "model": entry["model"],
        "settings": dict(entry.get("settings", {})),
        "rows": list(entry.get("rows") or []),
        "status": status_of(result),
        "runs": [provenance(run) for run in result.all_runs] if result else [],
    }


def provenance(run: FinishedRun) -> dict[str, Any]:
    """One run: its error, and where, when, how and with what it was made."""
    return {
        "folder": str(run.folder),
        "error": run.metrics["error"],
        "videos": run.metrics["videos"],
        "evaluation_seconds": run.metrics.get("seconds"),
        **{key: value for key, value in run.record.items() if key not in ("experiment", "model")},
        "history": run.history,
    }


def summary_of(runs: Sequence[FinishedRun], *, expected: int) -> dict[str, Any]:
    """All runs together: how many, how long, on what, from which commits."""

    def counted(values: Sequence[str]) -> list[str]:
        return [value for value, _ in Counter(values).most_common()]

    records = [run.record for run in runs]
    return {
        "runs": len(runs),
        "runs_expected": expected,
        "training_seconds": sum(record["seconds"] for record in records),
        "devices": counted([f"{record['hardware']} ({record['device']})" for record in records]),
        "threads": sorted({record["threads"] for record in records}),
        "commits": counted([record["commit"] for record in records]),
        "versions": counted([", ".join(f"{k} {v}" for k, v in record["versions"].items()) for record in records]),
        "finished": max((record["finished"] for record in records), default=None),
    }


def decision_of(decision: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """A decision with the value that each of its keys has in this report's configuration."""
    keys = decision.get("keys", [])
    return {**decision, "keys": [{"key": key, **looked_up(settings, key)} for key in keys]}


def looked_up(settings: Mapping[str, Any], key: str) -> dict[str, Any]:
    """{"value": ...} of a dotted key, or {} where the configuration has no such key."""
    value: Any = settings
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return {}
        value = value[part]
    return {"value": value}
