"""One comparison of a claim in numbers: its sides, the paper's difference, ours with interval and p.

Every comparison asks on which side of a boundary the truth lies: whether a difference is below zero ("order"), or
whether its size ("equal"), its distance from a target in per cent ("relative") or an error's distance from a target
("value") is below a margin. Its p is that of the boundary, from resampled groups with the noise of the seeds added
where it is known. The paper's numbers are taken as printed, without noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recurrent_residual.effects import Comparer, Effect, Side
from recurrent_residual.experiment_results import Result
from recurrent_residual.statistics.groups import interval, p_value

MIN_GROUPS = 30
"""Test groups without which no interval is trusted."""


class Comparisons:
    """Compares the sides of `claims.yaml` by the runs of one report."""

    def __init__(
        self,
        sides: Mapping[str, Mapping[str, Any]],
        *,
        paper: Mapping[str, Any],
        owners: Mapping[str, str],
        results: Mapping[str, Result],
        splits: Sequence[int],
    ):
        self.sides = sides
        self.rows = {
            f"{key}.{row}": entry for key, table in paper["tables"].items() for row, entry in table["rows"].items()
        }
        self.owners = owners
        self.splits = splits
        self.comparer = Comparer(results)

    def compare(self, pair: Mapping[str, Any], *, wanted: Sequence[int]) -> dict[str, Any]:
        """A comparison as the report shows it, without its corrected p and its verdict.

        Three keys are for the verdict alone: "splits", those on which both sides were tested; "claimed", whether our
        estimate lies on the claimed side of the boundary; "doubt", why there can be no verdict, or None.

        Args:
            pair: one of `claims.pairs`.
            wanted: splits without which the claim cannot be told.
        """
        names = pair["sides"]
        sides = [self._side(name) for name in names]
        if pair["kind"] == "value":
            sides.append(Side(printed=pair["target"]))
        shared = self.comparer.splits(*sides, of=self.splits)
        described = [self._described(name, side, shared) for name, side in zip(names, sides, strict=False)]
        if pair["kind"] == "value":
            described.append(_target(pair["target"]))
        effect = self.comparer.effect(sides[0], sides[1], shared) if shared else None
        return {
            "kind": pair["kind"],
            "first": described[0],
            "second": described[1],
            "paper": self._printed_change(names),
            "margin": pair["margin"],
            "target": pair["target"],
            "ours": _ours(pair, effect) if effect else None,
            "splits": shared,
            "claimed": effect is not None and _claimed(pair, effect),
            "doubt": _doubt(pair, described, effect, wanted),
        }

    def _side(self, name: str) -> Side:
        """A side's experiments; a row that no experiment has is as good as one that was not run."""
        rows = self.sides[name]["rows"]
        if self.rows[rows[0]].get("quoted"):
            return Side(printed=self.rows[rows[0]]["error"])
        return Side(tuple(self.owners.get(row, row) for row in rows), shuffled=self.sides[name]["shuffled"])

    def _described(self, name: str, side: Side, shared: Sequence[int]) -> dict[str, Any]:
        """A side as the report shows it; its error is on the shared splits, or where there are none on its own."""
        tested = shared or self.comparer.splits(side, of=self.splits)
        return {
            "label": self.sides[name]["label"],
            "rows": list(self.sides[name]["rows"]),
            "shuffled": side.shuffled,
            "error": self.comparer.error(side, tested) if tested and side.printed is None else None,
            "published": side.printed,
        }

    def _printed_change(self, names: Sequence[str]) -> dict[str, float | None] | None:
        """The difference of two sides in the paper; None where it has none."""
        if len(names) < 2 or any(self.sides[name]["shuffled"] for name in names):
            return None
        errors = [[self.rows[row].get("error") for row in self.sides[name]["rows"]] for name in names]
        if None in errors[0] + errors[1]:
            return None
        return change(*(float(np.mean(np.array(of_side, float))) for of_side in errors))


def _target(error: float) -> dict[str, Any]:
    """The paper's number as a side."""
    return {"label": f"the paper's {error}", "rows": [], "shuffled": False, "error": None, "published": error}


def change(new: float, old: float) -> dict[str, float | None]:
    """From the error `old` to `new`: in points, and relative to `old` in per cent."""
    return {"points": 100 * (new - old), "relative": 100 * (new - old) / old if old else None}


def _ours(pair: Mapping[str, Any], effect: Effect) -> dict[str, Any]:
    """The effect as the report shows it, and the p of its boundary."""
    first, second = effect.total or effect.groups
    out = {
        **change(effect.first, effect.second),
        "interval": [100 * end for end in interval(effect.groups[0] - effect.groups[1])],
        "total_interval": effect.total and [100 * end for end in interval(first - second)],
        "seed_se": None if effect.seed_error is None else 100 * effect.seed_error,
        "p": p_value(_position(pair, first, second), boundary=_boundary(pair)),
        "mcnemar": effect.mcnemar,
        "clips": effect.clips,
        "groups": effect.group_count,
    }
    if pair["kind"] == "relative":
        out["relative_interval"] = interval(_relative(first, second))
    return out


def _claimed(pair: Mapping[str, Any], effect: Effect) -> bool:
    """Whether the estimate lies below the boundary, where the claim has it."""
    return bool(_position(pair, np.array(effect.first), np.array(effect.second)) < _boundary(pair))


def _boundary(pair: Mapping[str, Any]) -> float:
    """Zero, or the margin: a share where errors are compared, per cent where relative ones are."""
    if pair["margin"] is None:
        return 0.0
    return float(pair["margin"]) if pair["kind"] == "relative" else pair["margin"] / 100


def _position(pair: Mapping[str, Any], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """What a claim says to be below its boundary, of any number of resampled errors."""
    if pair["kind"] == "order":
        return first - second
    if pair["kind"] == "relative":
        return np.abs(_relative(first, second) - pair["target"])
    return np.abs(first - second)


def _relative(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The change in per cent; noise can take a small error to zero, of which nothing is a percentage."""
    return 100 * (first - second) / np.maximum(second, 1e-4)


def _doubt(
    pair: Mapping[str, Any], sides: Sequence[Mapping[str, Any]], effect: Effect | None, wanted: Sequence[int]
) -> dict[str, Any] | None:
    """Why a comparison cannot be told whatever its numbers are; None where it can."""
    if effect is None:
        absent = [side for side in sides if side["error"] is None and side["published"] is None]
        return {"why": "not run", "sides": absent}
    if lacking := sorted(set(wanted) - set(effect.splits)):
        return {"why": "splits", "wanted": list(wanted), "lacking": lacking}
    if pair["kind"] == "relative" and not effect.second:
        return {"why": "no errors"}
    if effect.groups_drawn < MIN_GROUPS:
        return {"why": "few groups", "groups": effect.groups_drawn, "needed": MIN_GROUPS}
    return None if effect.total else {"why": "seeds"}
