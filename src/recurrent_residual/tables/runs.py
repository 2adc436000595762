"""The provenance of every number: an experiment's entry with its runs, and what each run left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recurrent_residual.experiment_results import Result
from recurrent_residual.results import FinishedRun
from recurrent_residual.tables.table import status_of

LATER = ("energy_joules", "peak_memory_bytes", "user")  # a run from before they were asked for lacks them


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
        "shuffled_error": run.metrics.get("shuffled_error"),
        "videos": run.metrics["videos"],
        "evaluation_seconds": run.test_seconds,
        "evaluation_command": run.metrics.get("provenance", {}).get("command"),
        **dict.fromkeys(LATER),
        **{key: value for key, value in run.record.items() if key not in ("experiment", "model")},
        "history": run.history,
    }
