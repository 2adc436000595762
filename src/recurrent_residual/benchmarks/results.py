"""What was measured: Markdown tables, printed and, with all figures as JSON, written as soon as they are there."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

from recurrent_residual.files import write_text

NOT_MEASURED = "–"


class Clock:
    """Time that parts of the work share: a part that ends early leaves its rest to the next."""

    def __init__(self, seconds: float, shares: Mapping[str, float]) -> None:
        self._seconds, self._shares = seconds, shares
        self._started = time.monotonic()

    def left(self, part: str) -> float:
        """Seconds until `part` should end; below 0 where it should have."""
        names = list(self._shares)
        share = sum(self._shares[name] for name in names[: names.index(part) + 1]) / sum(self._shares.values())
        return self._started + share * self._seconds - time.monotonic()


@dataclass
class Results:
    """All tables so far."""

    output: Path | None
    """Written after each table: this name with .md and with .json; None writes nothing."""
    texts: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def text(self, text: str) -> None:
        """Print a paragraph."""
        self.texts.append(text)
        print(text, end="\n\n", flush=True)
        self._write()

    def table(self, title: str, rows: Sequence[Mapping[str, Any]], note: str = "") -> None:
        """Print a table: a row a mapping from a column's heading to its content (`number` makes them)."""
        self.figures[title] = {"rows": [{k: _plain(v) for k, v in row.items()} for row in rows], "note": note}
        self.text("\n".join([f"### {title}\n", *([note, ""] if note else []), markdown(rows)]))

    def _write(self) -> None:
        if self.output is not None:
            write_text(self.output.with_suffix(".md"), "\n\n".join(self.texts) + "\n")
            write_text(self.output.with_suffix(".json"), json.dumps(self.figures, indent=2) + "\n")


@dataclass(frozen=True)
class Number:
    """A figure with the form in which it is shown, "{:,.0f} frames"."""

    value: float | None
    form: str = "{:,.0f}"

    def __str__(self) -> str:
        return NOT_MEASURED if self.value is None else self.form.format(self.value)


@dataclass(frozen=True)
class Quartiles:
    """Repeated measurements of one figure, shown as median (quartiles)."""

    values: tuple[float, ...]

    def __str__(self) -> str:
        low, middle, high = quartiles(self.values)
        return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The 25th, 50th and 75th percentile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return low, middle, high


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same columns as a Markdown table; columns of figures stand to the right."""
    columns = list(rows[0])
    right = [any(isinstance(row[column], Number | Quartiles) for row in rows) for column in columns]
    lines = ["| " + " | ".join(columns) + " |", "|" + "|".join("---:" if r else "---" for r in right) + "|"]
    lines += ["| " + " | ".join(str(row[column]) for column in columns) + " |" for row in rows]
    return "\n".join(lines)


def _plain(cell: Any) -> Any:
    """A cell's content for JSON."""
    return cell.value if isinstance(cell, Number) else list(cell.values) if isinstance(cell, Quartiles) else cell
