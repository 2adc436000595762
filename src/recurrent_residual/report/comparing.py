"""What changed between two reports: another GPU, another seed, another backbone, other data, other code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recurrent_residual.config import validate
from recurrent_residual.errors import UserError
from recurrent_residual.results import read_json

FILES = ("paper_tables.json", "tables.json")
MACHINE = ("devices", "threads", "versions", "commits")
SIDES = ("a", "b")


def read_report(path: Path) -> dict[str, Any]:
    """The numbers of a report.

    Args:
        path: its paper_tables.json (or tables.json), or the folder that holds it.

    Raises:
        UserError: it is not there, is no JSON, or does not fit config/schema/tables.yaml.
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
    return validate(content, "tables", source=str(file))


def compare(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """What differs between the reports `a` and `b`, as `read_report` gives them.

    Returns:
        same: whether nothing of what follows differs but `costs`;
        same_tests: whether the errors are of the same test clips, as far as the reports tell;
        settings, data, machine: {"what", "a", "b"} of each that differs;
        rows: each row that ran in both, {"id", "label", "splits", "a", "b", "points", "outside"}: the errors on the
            splits that both have, b's minus a's in points, and whose interval does not hold the other's error ("a",
            "b", both or none); an interval is known for one split and for all of a report;
        only_a, only_b: rows that ran in one of them;
        verdicts: {"id", "text", "a", "b", "a_reason", "b_reason"} of each claim with another verdict;
        claims_only_a, claims_only_b: claims that one of them lacks;
        costs: {"experiment", "a", "b", "ratio"}: training seconds a run, and b's to a's.
    """
    rows = [{row["id"]: row for table in report["tables"] for row in table["rows"]} for report in (a, b)]
    ran = [{key for key, row in own.items() if any(row["by_split"].values())} for own in rows]
    compared = [_row(rows[0][key], rows[1][key]) for key in rows[0] if key in ran[0] & ran[1]]
    claims = [{claim["id"]: claim for claim in report["claims"]} for report in (a, b)]
    tests = differing(_tests(a), _tests(b))
    found: dict[str, Any] = {
        "settings": differing(flat(a["settings"]), flat(b["settings"])),
        "data": [*tests, *_files(a, b)],
        "machine": differing(*({key: report["summary"][key] for key in MACHINE} for report in (a, b))),
        "rows": compared,
        "only_a": [key for key in rows[0] if key in ran[0] - ran[1]],
        "only_b": [key for key in rows[1] if key in ran[1] - ran[0]],
        "verdicts": [
            {
                "id": key,
                "text": claim["text"],
                **{side: own[key]["verdict"] for side, own in zip(SIDES, claims, strict=True)},
                **{f"{side}_reason": own[key]["reason"] for side, own in zip(SIDES, claims, strict=True)},
            }
            for key, claim in claims[0].items()
            if key in claims[1] and claim["verdict"] != claims[1][key]["verdict"]
        ],
        "claims_only_a": [key for key in claims[0] if key not in claims[1]],
        "claims_only_b": [key for key in claims[1] if key not in claims[0]],
    }
    same = not any(found[key] for key in found if key != "rows") and not any(row["points"] for row in compared)
    return {"same": same, "same_tests": not tests, **found, "costs": _costs(a, b)}


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """{"what", "a", "b"} of each key whose values differ; None stands where one lacks it."""
    keys = list(dict.fromkeys([*a, *b]))
    return [{"what": key, "a": a.get(key), "b": b.get(key)} for key in keys if a.get(key) != b.get(key)]


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A configuration by its dotted keys: {"training.epochs": 6, ...}."""

    def items() -> Iterator[tuple[str, Any]]:
        for key, value in settings.items():
            if isinstance(value, Mapping) and value:
                yield from flat(value, f"{prefix}{key}.").items()
            else:
                yield f"{prefix}{key}", value

    return dict(items())


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


def _row(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    common = sorted(
        (split for split, summary in a["by_split"].items() if summary and b["by_split"].get(split)), key=int
    )
    out: dict[str, Any] = {"id": a["id"], "label": a["label"], "splits": [int(split) for split in common]}
    if not common:
        return {**out, **dict.fromkeys((*SIDES, "points", "outside"))}
    first, second = (_error(row, common) for row in (a, b))
    outside = [
        side
        for side, (_, interval), (error, _) in zip(SIDES, (first, second), (second, first), strict=True)
        if interval and not interval[0] <= error <= interval[1]
    ]
    points = round(100 * (second[0] - first[0]), 9)  # sums of the same errors in another order are the same
    return {**out, "a": first[0], "b": second[0], "points": points, "outside": outside}


def _error(row: Mapping[str, Any], splits: Sequence[str]) -> tuple[float, list[float] | None]:
    """A row's mean error over `splits`, and its interval where the report has one."""
    if len(splits) == 1:
        return row["by_split"][splits[0]]["error"], row["by_split"][splits[0]]["interval"]
    if row["mean"] and row["mean"]["splits"] == [int(split) for split in splits]:
        return row["mean"]["error"], row["mean"]["interval"]
    return float(np.mean([row["by_split"][split]["error"] for split in splits])), None


def _costs(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    per_run = [{cost["experiment"]: cost["training_seconds"] / cost["runs"] for cost in r["costs"]} for r in (a, b)]
    return [
        {"experiment": name, "a": seconds, "b": per_run[1][name], "ratio": per_run[1][name] / seconds or None}
        for name, seconds in per_run[0].items()
        if seconds and name in per_run[1]
    ]
