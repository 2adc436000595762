"""Every number of the report, each with its provenance, in one structure: `tables.json`.

The HTML page, the LaTeX file and the plots are views of it and compute nothing. Errors are shares (0.236); differences
are in points (hundredths): ours minus the paper's, so +1.3 is worse than the paper by 1.3 points.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recurrent_residual.claims import claim_of
from recurrent_residual.config import runs as configured_runs
from recurrent_residual.errors import UserError
from recurrent_residual.experiment_results import Result, check_same_clips, read_result
from recurrent_residual.intervals import LEVEL, RESAMPLES
from recurrent_residual.pictures import best_model, figure_of
from recurrent_residual.results import FinishedRun
from recurrent_residual.rows import row_owners
from recurrent_residual.tuning.choice import compared


def collect(
    runs: Path,
    *,
    experiments: Mapping[str, Any],
    paper: Mapping[str, Any],
    decisions: Mapping[str, Any],
    clips: Mapping[str, Any],
    manifest: Mapping[str, Any],
    settings: Mapping[str, Any],
    chosen: Sequence[str],
    tuning: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything that the report shows.

    Args:
        runs: folder with <experiment>/split<N>/seed<K>/.
        experiments: `experiments.yaml`, validated.
        paper: `paper.yaml`.
        decisions: `decisions.yaml`.
        clips: the summary that `list_clips` wrote.
        manifest: the summary that `build_manifest` wrote.
        settings: the whole resolved configuration.
        chosen: experiments that were run; leftovers of others in `runs` are not looked at.
        tuning: the content of tuning.json; None where nothing was tuned.

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
        "report": report_of(settings, clips, manifest),
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
        "tuning": tuning_of(tuning, results),
        "baseline_epochs": baseline_epochs(results),
        "dataset": dict(settings["dataset"]),
        "clips": dict(clips),
        "manifest": dict(manifest),
        "settings": dict(settings),
    }


def report_of(settings: Mapping[str, Any], clips: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The section `report` of the configuration; comparable only where it says so and nothing speaks against it."""
    dataset, backbone = settings["dataset"], settings["backbone"]
    damaged = len(manifest["damaged"])
    against = {
        "The videos are a made data set, not UCF-101.": dataset["source"] == "demo",
        f"The data set is {dataset['title']}, not UCF-101.": dataset["kind"] != "ucf101",
        f"{clips['missing']:,} of {clips['listed']:,} clips of the lists were missing.": clips["missing"],
        f"{damaged:,} damaged clip{'s'[: damaged != 1]} left out (dataset.damaged_videos).": damaged,
        f"{clips['left_out']:,} clips were left out (dataset.clips_per_group).": clips["left_out"],
        f"{clips['classes_not_chosen']} classes of the lists were not used.": clips["classes_not_chosen"],
        f"The image network is {backbone['architecture']}, not resnet50.": backbone["architecture"] != "resnet50",
        "The image network was pretrained on made still images, not on ImageNet.": backbone["weights"] == "stills",
    }
    reasons = [sentence for sentence, applies in against.items() if applies]
    return {**settings["report"], "comparable": settings["report"]["comparable"] and not reasons, "reasons": reasons}


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


def experiment_of(entry: Mapping[str, Any], result: Result | None) -> dict[str, Any]:
    """An experiment's entry with all its runs: the provenance of every number that it stands behind."""
    return {
        "title": entry["title"],
        "model": entry["model"],
        "settings": dict(entry["settings"]),
        "rows": list(entry["rows"]),
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
        **dict.fromkeys(("energy_joules", "peak_memory_bytes")),  # a run from before they were asked for lacks them
        **{key: value for key, value in run.record.items() if key not in ("experiment", "model")},
        "history": run.history,
    }


def summary_of(runs: Sequence[FinishedRun], *, expected: int) -> dict[str, Any]:
    """All runs together: how many, how long, with how much energy (where it was measured), on what, which commits."""

    def counted(values: Sequence[str]) -> list[str]:
        return [value for value, _ in Counter(values).most_common()]

    records = [run.record for run in runs]
    energies = [record["energy_joules"] for record in records if record.get("energy_joules") is not None]
    return {
        "runs": len(runs),
        "runs_expected": expected,
        "training_seconds": sum(record["seconds"] for record in records),
        "energy": {"joules": sum(energies), "runs": len(energies)} if energies else None,
        "devices": counted([f"{record['hardware']} ({record['device']})" for record in records]),
        "threads": sorted({record["threads"] for record in records}),
        "commits": counted([record["commit"] for record in records]),
        "versions": counted([", ".join(f"{k} {v}" for k, v in record["versions"].items()) for record in records]),
        "finished": max((record["finished"] for record in records), default=None),
    }


def tuning_of(tuning: Mapping[str, Any] | None, results: Mapping[str, Result]) -> dict[str, Any] | None:
    """The tuning, with the experiments of this report that used its choice and those that did not."""
    if tuning is None:
        return None
    return compared(tuning, {name: [run.record for run in result.all_runs] for name, result in results.items()})


def baseline_epochs(results: Mapping[str, Result]) -> dict[str, list[int]]:
    """The numbers of epochs that the baselines of each model were trained for."""
    epochs: dict[str, set[int]] = {}
    for result in results.values():
        for record in (run.record for run in result.all_runs if "baselines" in run.record["settings"]):
            epochs.setdefault(record["model"], set()).add(record["settings"]["baselines"]["epochs"])
    return {model: sorted(numbers) for model, numbers in epochs.items()}


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
