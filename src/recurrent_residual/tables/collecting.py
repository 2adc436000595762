"""Collect `tables.json` from what the runs left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recurrent_residual.config import runs as configured_runs
from recurrent_residual.effects import seed_noise_by_model
from recurrent_residual.errors import UserError
from recurrent_residual.experiment_results import read_results
from recurrent_residual.manifest import Clip
from recurrent_residual.rows import row_owners
from recurrent_residual.statistics import LEVEL, RESAMPLES
from recurrent_residual.tables.comparable import report_of
from recurrent_residual.tables.decided import baseline_epochs, decision_of, tuning_of
from recurrent_residual.tables.examples import Examples
from recurrent_residual.tables.per_class import per_class_of
from recurrent_residual.tables.pictures import best_model, figure_of
from recurrent_residual.tables.runs import experiment_of
from recurrent_residual.tables.table import further_table, table_of
from recurrent_residual.tables.totals import costs_of, summary_of
from recurrent_residual.verdicts import judge

SCHEMA = 2
"""Grows when the shape changes, so that a reader of the file knows what it has before it."""


def collect(
    runs: Path,
    *,
    experiments: Mapping[str, Any],
    paper: Mapping[str, Any],
    claims: Mapping[str, Any],
    decisions: Mapping[str, Any],
    clips: Mapping[str, Any],
    manifest: Mapping[str, Any],
    settings: Mapping[str, Any],
    chosen: Sequence[str],
    groups: Mapping[str, str],
    tuning: Mapping[str, Any] | None = None,
    examples: Examples | None = None,
    looks: Mapping[str, Any] | None = None,
    checksums: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Everything that the report shows.

    Args:
        runs: folder with <experiment>/split<N>/seed<K>/.
        experiments: `experiments.yaml`, validated.
        paper: `paper.yaml`.
        claims: `claims.yaml`, as `read_claims` gives it.
        decisions: `decisions.yaml`.
        clips: the summary that `list_clips` wrote.
        manifest: the summary that `build_manifest` wrote.
        settings: the whole resolved configuration.
        chosen: experiments that were run; leftovers of others in `runs` are not looked at.
        groups: the group of each clip, by its name (`groups_of`).
        tuning: the content of tuning.json; None where nothing was tuned.
        examples: the frames, from which each confused pair of classes gets a picture; None: none gets one.
        looks: what `look_into_model` wrote; None where nothing was looked into.
        checksums: {"what", "sha256"} of each file of the data.

    Raises:
        UserError: an experiment or a row is named that is not there, a row is named twice, or a run is damaged.
    """
    for name in chosen:
        if name not in experiments:
            raise UserError(f"{name}: no such experiment in experiments.yaml")
    wanted = configured_runs(settings)
    splits = sorted({split for split, _ in wanted})
    models = {name: entry["model"] for name, entry in experiments.items() if name in chosen}
    results = read_results(runs, models, wanted, groups)
    owners = row_owners(experiments, paper)
    report = report_of(settings, clips, manifest)
    tables = [
        table_of(key, table, owners=owners, results=results, splits=splits, comparable=report["comparable"])
        for key, table in paper["tables"].items()
    ]
    if further := further_table(experiments, results, splits=splits):
        tables.append(further)
    every_run = [run for result in results.values() for run in result.all_runs]
    expected = sum(result.expected for result in results.values())
    return {
        "schema": SCHEMA,
        "paper": {key: paper[key] for key in ("title", "authors", "year", "address")},
        "slips": list(paper.get("slips", [])),
        "report": report,
        "summary": summary_of(every_run, expected=expected, ran_by=settings["report"].get("ran_by")),
        "splits": splits,
        "intervals": {"level": LEVEL, "resamples": RESAMPLES, "seed_noise": seed_noise_by_model(results)},
        "tables": tables,
        "claims": judge(
            claims,
            paper=paper,
            owners=owners,
            results=results,
            splits=splits,
            comparable=report["comparable"],
        ),
        "figures": {key: figure_of(figure, tables) for key, figure in paper.get("figures", {}).items()},
        "best": best_model(experiments, results, splits, examples),
        "per_class": per_class_of(paper, experiments, owners, results, splits),
        "looks": looks and titled(looks, experiments),
        "experiments": {name: experiment_of(entry, results.get(name)) for name, entry in experiments.items()},
        "costs": costs_of(experiments, results),
        "decisions": [decision_of(decision, settings) for decision in decisions["decisions"]],
        "marks": dict(decisions["marks"]),
        "deviations": list(decisions["deviations"]),
        "tuning": tuning_of(tuning, results),
        "baseline_epochs": baseline_epochs(results),
        "dataset": dict(settings["dataset"]),
        "data": {"checksums": [dict(checksum) for checksum in checksums]},
        "clips": dict(clips),
        "manifest": dict(manifest),
        "settings": dict(settings),
    }


def groups_of(clips: Sequence[Clip]) -> dict[str, str]:
    """The group of each clip of the manifest, by its name: numbers of groups count within a class."""
    return {clip.video: f"{clip.class_name}/{clip.group}" for clip in clips}


def titled(looks: Mapping[str, Any], experiments: Mapping[str, Any]) -> dict[str, Any]:
    """What was looked into, its two experiments under their titles, which `look_into_model` does not know."""
    titles = {
        key: experiments[looks[end]]["title"]
        for key, end in (("title", "experiment"), ("beside_title", "beside"))
        if looks[end] in experiments
    }
    return {**looks, **titles}
