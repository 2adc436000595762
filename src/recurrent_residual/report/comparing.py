"""What changed between two reports: another GPU, another seed, another backbone, other data, other code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recurrent_residual.errors import UserError
from recurrent_residual.report.comparing_claims import claim_changes
from recurrent_residual.report.comparing_rows import row_changes
from recurrent_residual.report.data_files import PICTURES
from recurrent_residual.report.differing import count_differing, differing, flat
from recurrent_residual.report.fitting import fitting
from recurrent_residual.results import read_json

FILES = ("paper_tables.json", "tables.json")
MACHINE = ("devices", "threads", "versions", "commits")
COSTS = (
    "seconds", "training_seconds", "evaluation_seconds", "gpu_hours", "energy", "energy_joules", "energy_runs",
    "peak_memory_bytes",
)  # fmt: skip
CIRCUMSTANCES = (
    "started", "finished", "starts", "machines", "user", "ran_by", "folder", "folders", "command", "evaluation_command",
)  # fmt: skip
# Of the files of the data a report names those that it knows (`_files`); $schema is but the name of the file beside it.
IGNORED = frozenset({*COSTS, *CIRCUMSTANCES, *PICTURES, "data", "$schema"})


def read_report(path: Path) -> dict[str, Any]:
    """The numbers of a report.

    Args:
        path: its paper_tables.json (or tables.json), or the folder that holds it.

    Raises:
        UserError: it is not there, is no JSON, or does not fit (`fitting.fitting`).
    """
    file = path
    if path.is_dir():
        there = [path / name for name in FILES if (path / name).exists()]
        if not there:
            raise UserError(f"{path}: has no {' and no '.join(FILES)}; name the folder of a finished report")
        file = there[0]
    content = read_json(file)
    if not isinstance(content, dict) or "schema" not in content:
        raise UserError(f"{file}: is not the numbers of a report, or those of an older version; render it again")
    return fitting(content, source=str(file))


def compare(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """What differs between the reports `a` and `b`, as `read_report` gives them.

    Not looked at are `COSTS` (but in `costs`), `CIRCUMSTANCES`, as who ran it when and where, and pictures.

    Returns:
        same: whether nothing else differs;
        same_tests: whether the errors are of the same test clips, as far as the reports tell;
        settings, data, machine: {"what", "a", "b"} of each that differs;
        trainings: the same of settings that trainings had and the configuration does not say (of an experiment, or
            tuned), with "experiments", whose trainings they are;
        runs: the same of runs: the device of each, None where one lacks the run;
        paper: the same of the paper's numbers;
        rows: each row that ran in both, {"id", "label", "splits", "a", "b", "points", "outside"}: the errors on the
            splits that both have, b's minus a's in points, and whose interval does not hold the other's error ("a",
            "b", both or none); an interval is known for one split and for all of a report;
        shuffled: the same of the tests with shuffled frames, of rows that have one in both;
        only_a, only_b: rows that ran in one of them;
        shuffled_only_a, shuffled_only_b: rows that ran in both, and with shuffled frames in one;
        claims: {"what", "a", "b"} of what is claimed otherwise: words, margins, targets, rows;
        verdicts: {"id", "text", "a", "b", "a_reason", "b_reason"} of each claim with another verdict;
        reasons: {"what", "a", "b"} of claims with the same verdict for another reason;
        claims_only_a, claims_only_b: claims that one of them lacks;
        parts: {"part", "values"}: how many values of each part of the report differ, those of above included;
        costs: {"experiment", "a", "b", "ratio"}: training seconds a run, and b's to a's.
    """
    tests = differing(_tests(a), _tests(b))
    settings = [
        item
        for item in differing(flat(a["settings"]), flat(b["settings"]))
        if item["what"].rpartition(".")[2] not in IGNORED
    ]
    found: dict[str, Any] = {
        "settings": settings,
        "trainings": _trainings(a, b, said=settings),
        "data": [*tests, *_files(a, b)],
        "machine": differing(*({key: report["summary"][key] for key in MACHINE} for report in (a, b))),
        "runs": differing(*({_name(name, run): _device(run) for name, run in _runs(report)} for report in (a, b))),
        **row_changes(a, b),
        **claim_changes(a, b),
        "parts": [
            {"part": part, "values": values}
            for part in dict.fromkeys([*a, *b])
            if part not in IGNORED and (values := count_differing(a.get(part), b.get(part), ignored=IGNORED))
        ],
    }
    same = not any(found[key] for key in found if key not in ("rows", "shuffled"))  # those list what is alike, too
    return {"same": same, "same_tests": not tests, **found, "costs": _costs(a, b)}


def _tests(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the errors are errors on: the data set and its clips."""
    clips, manifest = report["clips"], report["manifest"]
    return {
        "data set": report["dataset"].get("title"),
        "classes": clips.get("classes"),
        **{f"clips of split {split}": own for split, own in manifest.get("splits", {}).items()},
    }


def _files(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The files of the data that both reports have, by their names without folders, and that differ."""
    digests = [{Path(c["what"]).name: c["sha256"] for c in report["data"]["checksums"]} for report in (a, b)]
    both = [{name: digest for name, digest in own.items() if name in digests[0].keys() & digests[1]} for own in digests]
    return [{**item, "what": f"sha256 of {item['what']}"} for item in differing(*both)]


def _runs(report: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Every run and the name of its experiment."""
    return [(name, run) for name, entry in report["experiments"].items() for run in entry["runs"]]


def _name(experiment: str, run: Mapping[str, Any]) -> str:
    return f"{experiment} split {run['split']} seed {run['seed']}"


def _device(run: Mapping[str, Any]) -> str:
    return f"{run['hardware']} ({run['device']})"


def _trainings(a: Mapping[str, Any], b: Mapping[str, Any], *, said: Sequence[Any]) -> list[dict[str, Any]]:
    """The settings that differ between the same runs and are not among those `said`."""
    others = {_name(name, run): run for name, run in _runs(b)}
    found: dict[str, dict[str, Any]] = {}
    known = {json.dumps(item) for item in said}
    for name, run in _runs(a):
        if other := others.get(_name(name, run)):
            for item in differing(flat(run["settings"]), flat(other["settings"])):
                if (key := json.dumps(item)) not in known:
                    experiments = found.setdefault(key, {**item, "experiments": []})["experiments"]
                    experiments += [name] * (name not in experiments)
    return list(found.values())


def _costs(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    per_run = [{cost["experiment"]: cost["training_seconds"] / cost["runs"] for cost in r["costs"]} for r in (a, b)]
    return [
        {"experiment": name, "a": seconds, "b": per_run[1][name], "ratio": per_run[1][name] / seconds or None}
        for name, seconds in per_run[0].items()
        if seconds and name in per_run[1]
    ]
