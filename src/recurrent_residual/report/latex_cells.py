"""What stands in the cells of LaTeX tables and in their captions: numbers as siunitx wants them, claims' effects."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from recurrent_residual.report import words
from recurrent_residual.report.latex_text import TeX, code, escape

NOTHING = TeX("{--}")  # braces: text in a column of numbers


def cells(contents: Iterable[object]) -> TeX:
    """Several cells of a table's row, escaped."""
    return TeX(" & ".join(escape(content) for content in contents))


def number(error: float | None) -> TeX:
    """An error rate in a column of siunitx."""
    return NOTHING if error is None else TeX(words.error(error))


def signed(points: float | None) -> TeX:
    """A difference in points, or in per cent, in a column of siunitx."""
    return NOTHING if points is None else TeX(words.points(points).replace(words.MINUS, "-"))


def small(p: float | None) -> TeX:
    """A p value in a column of siunitx."""
    return NOTHING if p is None else TeX(words.probability(p).replace("< ", "{$<$}"))


def p_value(comparison: Mapping[str, Any]) -> TeX:
    """A comparison's p value after Holm's correction."""
    return small(comparison["ours"] and comparison["ours"]["p_holm"])


def mcnemar_p(comparison: Mapping[str, Any]) -> TeX:
    """The p value of McNemar's test, where it was made."""
    tested = comparison["ours"] and comparison["ours"]["mcnemar"]
    return small(tested and tested["p"])


def side_error(side: Mapping[str, Any]) -> TeX:
    """Our error of a comparison's side; a published number, where no run of ours stands behind it, in italics."""
    if side["error"] is None and side["published"] is not None:
        return TeX(rf"{{\itshape {words.error(side['published'])}}}")
    return number(side["error"])


def effect(comparison: Mapping[str, Any]) -> TeX:
    """Our difference: in points, or in per cent where the claim is of a relative difference."""
    return _effect(comparison, comparison["ours"])


def published_effect(comparison: Mapping[str, Any]) -> TeX:
    """The paper's difference, as far as it has one."""
    return _effect(comparison, comparison["paper"])


def effect_interval(comparison: Mapping[str, Any]) -> TeX:
    """The interval of our difference, over groups and seeds where the seeds' noise is known, else over groups only."""
    ours = comparison["ours"]
    if ours is None:
        return TeX(r"\emph{not run}")
    if comparison["kind"] == "relative":
        return escape(words.points_interval(ours["relative_interval"]))
    return escape(words.points_interval(ours["total_interval"] or ours["interval"]))


def _effect(comparison: Mapping[str, Any], numbers: Mapping[str, Any] | None) -> TeX:
    if numbers is None:
        return NOTHING
    if comparison["kind"] == "relative":
        return TeX(signed(numbers["relative"]) + r"{\,\%}")
    return signed(numbers["points"])


def seeds_covered(claims: Sequence[Mapping[str, Any]]) -> str:
    """Whether the shown intervals cover the training seeds: "all" of them, "some", "none"; "" where nothing was run."""
    shown = [claim["comparisons"][claim["headline"]]["ours"] for claim in claims]
    known = {ours["total_interval"] is not None for ours in shown if ours is not None}
    return {2: "some", 0: ""}.get(len(known)) or ("all" if True in known else "none")


def seeds(rows: Iterable[Mapping[str, Any]]) -> str:
    """How many seeds were trained on a split, in these rows: "one seed", "3 seeds", "1 to 3 seeds"."""
    counts = sorted({count for row in rows for count in row["compared"]["seeds"]})
    if counts in ([], [1]):
        return "one seed" if counts else "not run"
    return f"{counts[0]} seeds" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"


def cited(paper: Mapping[str, Any]) -> str:
    """The paper as a text cites it: Iqbal et al. (2017)."""
    names = paper["authors"].split(", ")
    return f"{names[0].split()[-1]}{' et al.' if len(names) > 1 else ''} ({paper['year']})"


def table_title(title: str, paper: Mapping[str, Any]) -> str:
    """A table's title for a caption that LaTeX numbers: "Table 2: position" is Table 2 of the cited paper."""
    return re.sub(r"^(Table \d+):", lambda match: f"{match[1]} of {cited(paper)},", title)


def narrow(heading: str) -> TeX:
    """A column's heading that may take two lines, broken before its last word."""
    return TeX(r"\begin{tabular}[t]{@{}c@{}}" + r"\\".join(map(escape, heading.rsplit(" ", 1))) + r"\end{tabular}")


def label(name: str) -> TeX:
    """A name as a part of \\label: letters, digits and hyphens."""
    return TeX(re.sub(r"[^A-Za-z0-9]+", "-", name))


FILTERS: dict[str, Callable[..., Any]] = {
    "cells": cells,
    "cited": cited,
    "code": code,
    "effect": effect,
    "effect_interval": effect_interval,
    "label": label,
    "mcnemar_p": mcnemar_p,
    "narrow": narrow,
    "number": number,
    "p_value": p_value,
    "published_effect": published_effect,
    "raw": TeX,
    "seeds": seeds,
    "seeds_covered": seeds_covered,
    "side_error": side_error,
    "signed": signed,
    "table_title": table_title,
}
