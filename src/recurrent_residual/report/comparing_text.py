"""What changed between two reports, for who reads it in a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from recurrent_residual.report.words import DASH, points

LINE = 100  # characters
MOST = 40  # lines of a section; --json has all
OUTSIDE = {(): "", ("a",): "outside A's interval", ("b",): "outside B's interval", ("a", "b"): "outside both intervals"}
TITLES = {
    "settings": "Settings",
    "trainings": "Settings of trainings",
    "data": "Data",
    "machine": "Machine and code",
    "runs": "Runs",
    "paper": "The paper's numbers",
    "claims": "What is claimed",
}
ERRORS = {"rows": "Errors that changed", "shuffled": "Errors with shuffled frames that changed"}
ONLY = {"Rows": "only", "Rows with shuffled frames": "shuffled_only", "Claims": "claims_only"}


def text(changes: Mapping[str, Any], *, a: str, b: str) -> str:
    """What `comparing.compare` found, section by section; sections with nothing to say are left out.

    Args:
        changes: what it found.
        a: the first report's name.
        b: the second's.
    """
    parts = [f"A: {a}\nB: {b}"]
    if changes["same"]:
        parts.append("The same: settings, data, machine, code, runs, every number and every verdict.")
    if not changes["same_tests"]:
        parts.append("The data differ: an error of A and one of B are not of the same test clips.")
    shown = {**changes, "runs": _alike(changes["runs"])}
    parts += ["\n".join([title, *_changes(shown[key])]) for key, title in TITLES.items() if shown[key]]
    for key, title in ERRORS.items():
        if moved := [row for row in changes[key] if row["points"]]:
            parts.append(_section(title, ["row", "splits", "A", "B", "points", ""], list(map(_row, moved))))
    if (quiet := sum(not row["points"] for row in changes["rows"])) and not changes["same"]:
        parts.append(f"{quiet} row{'s'[: quiet != 1]} with the same error in both, or with no split in common.")
    for item in changes["verdicts"]:
        lines = [f"  {side.upper()}: {item[side]}: {item[f'{side}_reason']}" for side in ("a", "b")]
        parts.append("\n".join([f"Verdict changed: {item['text']}", *lines]))
    if changes["reasons"]:
        parts.append(f"The same verdict, other numbers: {', '.join(item['what'] for item in changes['reasons'])}")
    for side in ("a", "b"):
        for what, key in ONLY.items():
            if changes[f"{key}_{side}"]:
                parts.append(f"{what} only in {side.upper()}: {', '.join(changes[f'{key}_{side}'])}")
    if changes["parts"]:
        counts = ", ".join(f"{item['part']} {item['values']:,}" for item in changes["parts"])
        parts.append(f"Values that differ, by part of the report: {counts}")
    if changes["costs"] and not changes["same"]:
        cells = [[c["experiment"], f"{c['a']:,.1f}", f"{c['b']:,.1f}", f"{c['ratio']:.2f}"] for c in changes["costs"]]
        parts.append(_section("Seconds a training", ["experiment", "A", "B", "B / A"], cells))
    return "\n\n".join(parts)


def _changes(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """What differs, an item a line; of many the first."""
    more = [f"  and {len(items) - MOST} more, which --json names"] if len(items) > MOST else []
    return [*map(_change, items[:MOST]), *more]


def _alike(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Items that changed alike as one, which names the first and says how many there are."""
    found: dict[tuple[Any, Any], list[str]] = {}
    for item in items:
        found.setdefault((item["a"], item["b"]), []).append(item["what"])
    return [
        {"what": names[0] + (f" and {len(names) - 1} more" if names[1:] else ""), "a": a, "b": b}
        for (a, b), names in found.items()
    ]


def _change(item: Mapping[str, Any]) -> str:
    """What differs in a line, or in three where that would be a long one."""
    a, b = _shown(item["a"]), _shown(item["b"])
    names = item.get("experiments", [])
    what = item["what"] + (f" ({names[0] if len(names) == 1 else f'{len(names)} experiments'})" if names else "")
    short = f"  {what}: {a} -> {b}"
    return short if len(short) <= LINE else f"  {what}:\n    A: {a}\n    B: {b}"


def _row(row: Mapping[str, Any]) -> list[str]:
    label = f"{row['id']} ({', '.join(row['label'])})"
    splits = " ".join(map(str, row["splits"]))
    errors = [f"{row[side]:.3f}" for side in ("a", "b")]
    return [label, splits, *errors, points(row["points"]), OUTSIDE[tuple(row["outside"])]]


def _shown(value: Any) -> str:
    """A value in a line; what one of the reports lacks is a dash."""
    if value is None:
        return DASH
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return "; ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _section(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in (header, *rows)]
    return "\n".join([title, *(f"  {line}" for line in lines)])
