"""What LaTeX tables say of the claims: the effects of a comparison, its interval and p, and what stands below them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recurrent_residual.report import words
from recurrent_residual.report.latex_cells import NOTHING, number, signed
from recurrent_residual.report.latex_text import TeX, escape

SIGNS = {"< ": "{$<$}", "≤ ": r"{$\leq$}"}


@dataclass(frozen=True)
class Caveat:
    """What is to be said against some of the claims, all in the same words."""

    mark: str
    """A letter, at the claims and before the words."""
    text: str
    see: int
    """Number of the claim that answers it."""
    claims: tuple[str, ...]
    """Ids of those that it is said of."""


def in_order(claims: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The claims as they are numbered: the paper's, then ours."""
    return sorted(claims, key=lambda claim: claim["source"] == "ours")


def caveats(ordered: Sequence[Mapping[str, Any]]) -> list[Caveat]:
    """The caveats of the numbered claims, each once."""
    numbers = {claim["id"]: number for number, claim in enumerate(ordered, start=1)}
    said: dict[tuple[str, int], list[str]] = {}
    for claim in ordered:
        if claim["caveat"]:
            said.setdefault((claim["caveat"]["text"], numbers[claim["caveat"]["see"]]), []).append(claim["id"])
    return [
        Caveat(chr(ord("a") + index), *caveat, tuple(claims)) for index, (caveat, claims) in enumerate(said.items())
    ]


def margins(ordered: Sequence[Mapping[str, Any]]) -> str:
    """The margins by the numbers of their claims: "8 percentage points in 1, 1 point in 8 and 13"; "" for none."""
    found: dict[str, list[int]] = {}
    for claim_number, claim in enumerate(ordered, start=1):
        for item in claim["comparisons"]:
            if item["margin"] is not None:
                unit = "percentage point" if item["kind"] == "relative" else "point"
                in_claims = found.setdefault(f"{item['margin']:g} {unit}{'s'[: item['margin'] != 1]}", [])
                in_claims.extend({claim_number}.difference(in_claims))
    return ", ".join(f"{margin} in {_listed(numbers)}" for margin, numbers in found.items())


def p_value(comparison: Mapping[str, Any]) -> TeX:
    """A comparison's p value after Holm's correction; "at most" where fewer draws than one would have to tell it."""
    ours = comparison["ours"]
    return NOTHING if ours is None else _small(words.probability(ours["p_holm"], ours["p_floor"]))


def mcnemar_p(comparison: Mapping[str, Any]) -> TeX:
    """The p value of McNemar's test, where it was made."""
    tested = comparison["ours"] and comparison["ours"]["mcnemar"]
    return _small(words.probability(tested["p"])) if tested else NOTHING


def side_error(side: Mapping[str, Any]) -> TeX:
    """Our error of a comparison's side; a published number, where no run of ours stands behind it, in italics."""
    if side["error"] is None and side["published"] is not None:
        return TeX(rf"{{\itshape {words.error(side['published'])}}}")
    return number(side["error"])


def effect(comparison: Mapping[str, Any]) -> TeX:
    """Our difference: points, or per cent where the claim is of a relative one; our error where it is of an error."""
    ours = comparison["ours"]
    if ours is None:
        return NOTHING
    if comparison["kind"] == "value":
        return _error(comparison["first"]["error"])
    return _percent(ours["relative"]) if comparison["kind"] == "relative" else signed(ours["points"])


def published_effect(comparison: Mapping[str, Any]) -> TeX:
    """The paper's, likewise: what it claims where it gives a number, else the difference of its table's numbers."""
    if comparison["kind"] == "value":
        return _error(comparison["target"])
    if comparison["kind"] == "relative":
        return _percent(comparison["target"])
    return signed(comparison["paper"] and comparison["paper"]["points"])


def effect_interval(comparison: Mapping[str, Any]) -> TeX:
    """The interval of our effect, over groups and seeds where the seeds' noise is known, else over groups only."""
    ours = comparison["ours"]
    if ours is None:
        return TeX(r"\emph{not run}")
    if comparison["kind"] == "relative":
        return escape(words.points_interval(ours["relative_interval"]))
    ends = ours["total_interval"] or ours["interval"]
    if comparison["kind"] == "value":
        return escape(words.interval([comparison["target"] + end / 100 for end in ends]))
    return escape(words.points_interval(ends))


def seeds_covered(claims: Sequence[Mapping[str, Any]]) -> str:
    """Whether the shown intervals cover the training seeds: "all" of them, "some", "none"; "" where nothing was run."""
    shown = [claim["comparisons"][claim["headline"]]["ours"] for claim in claims]
    known = {ours["total_interval"] is not None for ours in shown if ours is not None}
    return {2: "some", 0: ""}.get(len(known)) or ("all" if True in known else "none")


def _percent(relative: float) -> TeX:
    return TeX(signed(relative) + r"{\,\%}")


def _error(error: float) -> TeX:
    """An error rate among differences: braces, for it has other digits than the column."""
    return TeX(f"{{{words.error(error)}}}")


def _small(p: str) -> TeX:
    return TeX(SIGNS[p[:2]] + p[2:] if p[:2] in SIGNS else p)


def _listed(items: Sequence[object]) -> str:
    *most, last = map(str, items)
    return f"{', '.join(most)} and {last}" if most else last


FILTERS: dict[str, Callable[..., Any]] = {
    "caveats": caveats,
    "effect": effect,
    "effect_interval": effect_interval,
    "margins": margins,
    "mcnemar_p": mcnemar_p,
    "p_value": p_value,
    "published_effect": published_effect,
    "seeds_covered": seeds_covered,
    "side_error": side_error,
}
