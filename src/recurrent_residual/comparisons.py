"""One comparison of a claim in numbers: its sides, the paper's difference, ours with interval and p.

Every comparison asks on which side of a boundary the truth lies: whether a difference is below zero ("order"), or
whether its size ("equal"), its distance from a target in per cent ("relative") or an error's distance from a target
("value") is below a margin. Its p is twice the share of draws that are not on the estimate's side of the boundary:
resampled groups, with the noise of the seeds added where it is known. Noise makes sizes larger, so that a draw beyond
the other end of a margin never counts for an estimate beyond the nearer one. The paper's numbers are taken as printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recurrent_residual.effects import Comparer, Effect, Side
from recurrent_residual.experiment_results import Result
from recurrent_residual.statistics import MIN_DEGREES
from recurrent_residual.statistics.groups import interval, p_value


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
            "margin_why": pair["margin_why"],
            "target": pair["target"],
            "ours": _ours(pair, effect) if effect else None,
            "splits": shared,
            "claimed": effect is not None and _claimed(pair, effect),
            "doubt": self._doubt(pair, sides, effect, wanted),
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

    def _doubt(
        self, pair: Mapping[str, Any], sides: Sequence[Side], effect: Effect | None, wanted: Sequence[int]
    ) -> dict[str, Any] | None:
        """Why a comparison cannot be told whatever its numbers are; None where it can."""
        if effect is None:
            return self._not_run(pair["sides"], sides)
        if lacking := sorted(set(wanted) - set(effect.splits)):
            return {"why": "splits", "wanted": list(wanted), "lacking": lacking}
        if pair["kind"] == "relative" and not effect.second:
            return {"why": "no errors"}
        if effect.degrees < MIN_DEGREES:
            counts = {"groups": effect.group_count, "degrees": effect.degrees}
            return {"why": "few groups", **counts, "needed": MIN_DEGREES}
        return None if effect.total else {"why": "seeds"}

    def _not_run(self, names: Sequence[str], sides: Sequence[Side]) -> dict[str, Any]:
        """Which rows have no test at all; where all have one, which side or sides have none in common."""
        absent, apart = [], []
        for name, side in zip(names, sides, strict=False):
            tested = [self.comparer.splits(Side((one,), side.shuffled), of=self.splits) for one in side.experiments]
            words = {key: self.sides[name][key] for key in ("label", "rows", "shuffled")}
            if rows := [row for row, found in zip(words["rows"], tested, strict=False) if not found]:
                absent.append({**words, "absent": rows})
            elif not self.comparer.splits(side, of=self.splits):
                apart.append(words)
        return {"why": "not run", "sides": absent} if absent else {"why": "no common split", "sides": apart}

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
        "p": p_value(_beyond(pair, effect, first, second)),
        "mcnemar": effect.mcnemar,
        "clips": effect.clips,
        "groups": effect.group_count,
    }
    if pair["kind"] == "relative":
        out["relative_interval"] = interval(_relative(first, second))
    return out


def _claimed(pair: Mapping[str, Any], effect: Effect) -> bool:
    """Whether the estimate lies on the side of the boundary where the claim has it."""
    distance = _distance(pair, effect.first, effect.second)
    return bool(distance < 0 if pair["kind"] == "order" else abs(distance) < _margin(pair))


def _beyond(pair: Mapping[str, Any], effect: Effect, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How far any resampled errors lie beyond the boundary, on the estimate's side; below zero on the other."""
    distances, claimed = _distance(pair, first, second), _claimed(pair, effect)
    if pair["kind"] == "order":
        return -distances if claimed else distances
    if claimed:
        return _margin(pair) - np.abs(distances)
    return np.sign(_distance(pair, effect.first, effect.second)) * distances - _margin(pair)


def _margin(pair: Mapping[str, Any]) -> float:
    """The margin: a share where errors are compared, per cent where relative ones are."""
    return float(pair["margin"]) if pair["kind"] == "relative" else pair["margin"] / 100


def _distance(pair: Mapping[str, Any], first: Any, second: Any) -> Any:
    """What a claim says to be below zero or within its margin, of one pair of errors or any number of them."""
    return _relative(first, second) - pair["target"] if pair["kind"] == "relative" else first - second


def _relative(first: Any, second: Any) -> Any:
    """The change in per cent; noise can take a small error to zero, of which nothing is a percentage."""
    return 100 * (first - second) / np.maximum(second, 1e-4)
