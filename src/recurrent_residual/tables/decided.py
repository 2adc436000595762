"""What was decided where the paper is silent, with the values that this report's configuration has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recurrent_residual.experiment_results import Result
from recurrent_residual.tuning.choice import compared


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
