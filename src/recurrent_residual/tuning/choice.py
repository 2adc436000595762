"""The choice of learning rate and epochs among all trials. No torch in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recurrent_residual.errors import UserError
from recurrent_residual.tuning import SECTIONS

SHARED = ("seed", "train_clips", "held_out_clips", "held_out_groups")


def choose(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The content of tuning.json: the whole grid, and what is chosen of it.

    All networks share one choice, so that a control has what its rival has; the baselines share one for each model.
    It is the learning rate and number of epochs with the least error on the held-out clips, the mean over the
    experiments; of equals the fewer epochs, then the smaller rate.

    Args:
        records: what `trials.write_trials` wrote, any number of files an experiment.

    Raises:
        UserError: there are none, they are of different clips or seeds, or they do not form a grid.
    """
    if not records:
        raise UserError("configuration: tuning: has no experiments; name some under networks or baselines")
    shared = {key: records[0][key] for key in SHARED}
    for record in records:
        if {key: record[key] for key in SHARED} != shared:
            raise UserError(
                f"{record['experiment']}: was tuned on other clips than {records[0]['experiment']}; run tune again"
            )
    families: dict[tuple[str, str | None], dict[str, list[dict[str, Any]]]] = {}
    for record in records:
        model = record["model"] if record["family"] == "baselines" else None
        own = families.setdefault((record["family"], model), {}).setdefault(record["experiment"], [])
        own.extend(dict(trial) for trial in record["trials"])
    return {**shared, "families": [_family(*key, experiments) for key, experiments in families.items()]}


def _family(family: str, model: str | None, experiments: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    grid = {name: sorted(trials, key=lambda trial: trial["learning_rate"]) for name, trials in experiments.items()}
    shapes = {tuple((trial["learning_rate"], len(trial["errors"])) for trial in trials) for trials in grid.values()}
    if len(shapes) > 1:
        raise UserError(f"{', '.join(grid)}: were tuned with different learning rates or epochs; run tune again")
    rates = [trial["learning_rate"] for trial in next(iter(grid.values()))]
    # Rounded, so that equal means of unequal parts are equal.
    means = [
        [
            round(sum(errors) / len(errors), 12)
            for errors in zip(*(trials[i]["errors"] for trials in grid.values()), strict=True)
        ]
        for i in range(len(rates))
    ]
    error, epochs, rate = min(
        (error, epoch, rate)
        for rate, errors in zip(rates, means, strict=True)
        for epoch, error in enumerate(errors, start=1)
    )
    return {
        "family": family,
        "model": model,
        "section": SECTIONS[family],
        "learning_rates": rates,
        "epochs": len(means[0]),
        "grid": [
            {"experiment": name, **trial, "best": _best(trial["errors"])}
            for name, trials in grid.items()
            for trial in trials
        ],
        "means": [
            {"learning_rate": rate, "errors": errors, "best": _best(errors)}
            for rate, errors in zip(rates, means, strict=True)
        ],
        "chosen": {"learning_rate": rate, "epochs": epochs, "error": error},
        "edges": _edges(rate, epochs, rates, len(means[0])),
    }


def _best(errors: Sequence[float]) -> dict[str, Any]:
    """The least error, and after which epoch it was first reached."""
    error, epoch = min((error, epoch) for epoch, error in enumerate(errors, start=1))
    return {"epoch": epoch, "error": error}


def _edges(rate: float, epochs: int, rates: Sequence[float], most: int) -> list[str]:
    """In words, where the choice lies at an edge of the grid: something better may lie beyond."""
    words = []
    if len(rates) == 1:
        words.append("only one learning rate was tried")
    elif rate == rates[0]:
        words.append("the learning rate is the least that was tried")
    elif rate == rates[-1]:
        words.append("the learning rate is the greatest that was tried")
    if epochs == most:
        words.append("the epochs are the most that were tried")
    return words


def configuration(tuning: Mapping[str, Any]) -> dict[str, Any]:
    """The choice as a configuration to lay over the one that was tuned with: `--configfile my.yaml chosen.yaml`."""
    chosen: dict[str, Any] = {}
    for family in tuning["families"]:
        own = {key: family["chosen"][key] for key in ("learning_rate", "epochs")}
        if family["model"] is None:
            chosen[family["section"]] = own
        else:
            chosen.setdefault(family["section"], {}).setdefault("by_model", {})[family["model"]] = own
    return chosen


def compared(tuning: Mapping[str, Any], runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """`tuning` with the experiments of each family that were trained with the choice (`used`) and otherwise (`differ`).

    Args:
        tuning: as `choose` gives it.
        runs: the run.json of each experiment's trainings.
    """
    families = []
    for family in tuning["families"]:
        used, differ = [], []
        for name, records in runs.items():
            for record in records:
                own = record["settings"].get(family["section"])
                if own is None or family["model"] not in (None, record["model"]):
                    continue
                values = {key: own.get(key) for key in ("learning_rate", "epochs")}
                if all(family["chosen"][key] == value for key, value in values.items()):
                    used.append(name)
                else:
                    differ.append({"experiment": name, **values})
        families.append({**family, "used": list(dict.fromkeys(used)), "differ": _once(differ)})
    return {**tuning, "families": families}


def _once(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without those that are there already."""
    return [item for i, item in enumerate(items) if item not in items[:i]]
