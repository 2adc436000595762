"""What the runs took, all together and experiment by experiment: time, energy, memory, on what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from recurrent_residual.experiment_results import Result
from recurrent_residual.results import FinishedRun


def summary_of(runs: Sequence[FinishedRun], *, expected: int, ran_by: Sequence[str] | None = None) -> dict[str, Any]:
    """All runs together: how many, by whom, how long, with how much energy (where it was measured), on what.

    Args:
        runs: every run of the report.
        expected: how many the configuration asks for.
        ran_by: names that stand there instead of the login names that the runs recorded; None: those.
    """
    records = [run.record for run in runs]
    energies = _known(record.get("energy_joules") for record in records)
    users = sorted({user for record in records if (user := record.get("user"))})
    return {
        "runs": len(runs),
        "runs_expected": expected,
        "ran_by": list(ran_by) if ran_by else users,
        "training_seconds": sum(record["seconds"] for record in records),
        "evaluation_seconds": _sum(_known(run.test_seconds for run in runs)),
        "gpu_hours": gpu_hours(runs),
        "energy": {"joules": sum(energies), "runs": len(energies)} if energies else None,
        "devices": _counted([f"{record['hardware']} ({record['device']})" for record in records]),
        "threads": sorted({record["threads"] for record in records}),
        "commits": _counted([record["commit"] for record in records]),
        "versions": _counted([", ".join(f"{k} {v}" for k, v in record["versions"].items()) for record in records]),
        "started": min(_known(record.get("started") for record in records), default=None),
        "finished": max((record["finished"] for record in records), default=None),
    }


def costs_of(experiments: Mapping[str, Any], results: Mapping[str, Result]) -> list[dict[str, Any]]:
    """What each experiment took that was run, in the order of the file."""
    return [
        _cost(name, experiments[name], results[name].all_runs)
        for name in experiments
        if name in results and results[name].runs
    ]


def _cost(name: str, entry: Mapping[str, Any], runs: Sequence[FinishedRun]) -> dict[str, Any]:
    records = [run.record for run in runs]
    return {
        "experiment": name,
        "title": entry["title"],
        "model": entry["model"],
        "runs": len(runs),
        "training_seconds": sum(record["seconds"] for record in records),
        "evaluation_seconds": _sum(_known(run.test_seconds for run in runs)),
        "gpu_hours": gpu_hours(runs),
        "energy_joules": _sum(_known(record.get("energy_joules") for record in records)),
        "energy_runs": len(_known(record.get("energy_joules") for record in records)),
        "peak_memory_bytes": max(_known(record.get("peak_memory_bytes") for record in records), default=None),
        "parameters": max(_known(record.get("parameters") for record in records), default=None),
    }


def gpu_hours(runs: Sequence[FinishedRun]) -> float | None:
    """Hours that trainings and tests had a GPU, each one of them; None where none had."""
    seconds = [run.record["seconds"] for run in runs if run.record["device"] == "cuda"]
    tested = [run for run in runs if run.metrics.get("provenance", {}).get("device") == "cuda"]
    seconds += _known(run.test_seconds for run in tested)
    return sum(seconds) / 3600 if seconds else None


def _known(values: Any) -> list[Any]:
    return [value for value in values if value is not None]


def _sum(values: Sequence[float]) -> float | None:
    return sum(values) if values else None


def _counted(values: Sequence[str]) -> list[str]:
    """Different values, the most frequent first."""
    return [value for value, _ in Counter(values).most_common()]
