"""What the jobs of the tuning get of the configuration. No torch in here: the workflow plans with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from recurrent_residual.config import Experiment, resolve_experiments
from recurrent_residual.errors import UserError
from recurrent_residual.tuning import SECTIONS

KINDS = {"networks": "network", "baselines": "baseline"}
"""Section of the configuration's `tuning` -> kind of its experiments."""


def tuned_experiment(name: str, family: str, config: Mapping[str, Any], entries: Mapping[str, Any]) -> Experiment:
    """An experiment as it is tuned: without its learning rate, and with the tuning's epochs.

    Nothing of the choice is in it, so that to use the choice tunes nothing again.

    Args:
        name: of the experiment, chosen to be run or not.
        family: "networks" or "baselines".
        config: as `resolve_config` gives it.
        entries: as `read_experiments` gives them.

    Raises:
        UserError: there is no such experiment, or it is of the other kind.
    """
    key = f"configuration: tuning.{family}.experiments"
    if name not in entries:
        raise UserError(f"{key}: there is no {name!r}; {config['experiments_file']} has {', '.join(entries)}")
    experiment = resolve_experiments({**config, "experiments": [name]}, entries)[name]
    if experiment.kind != KINDS[family]:
        raise UserError(f"{key}: {name} is a {experiment.kind}, not a {KINDS[family]}")
    section = SECTIONS[family]
    own = {key: value for key, value in experiment.settings[section].items() if key != "learning_rate"}
    tuned = {**own, "epochs": config["tuning"][family]["epochs"]}
    return replace(experiment, settings={**experiment.settings, section: tuned})
