"""What stands in the cells of LaTeX tables and in their captions, with numbers as siunitx wants them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
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


def capital(text: str) -> str:
    """A text as a sentence begins."""
    return text[:1].upper() + text[1:]


FILTERS: dict[str, Callable[..., Any]] = {
    "capital": capital,
    "cells": cells,
    "cited": cited,
    "code": code,
    "label": label,
    "narrow": narrow,
    "number": number,
    "raw": TeX,
    "seeds": seeds,
    "signed": signed,
    "table_title": table_title,
}
