"""A finding of the doctor, and the table of all of them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from recurrent_residual.errors import UserError

Status = Literal["ok", "lack", "warning", "-"]
HEADERS = ("what", "found", "needed", "status")
ENVIRONMENT = "make environment && . .venv/bin/activate"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `status`: ok; lack (the full run cannot start); warning (it can, but look at it); - (neither here nor needed).
    """

    what: str
    found: str
    needed: str
    status: Status
    remedy: str = ""


def checked(what: str, check: Callable[[], Sequence[Row]], failure: Status = "warning") -> Sequence[Row]:
    """The rows of `check`, or one of status `failure` that says how it failed: the other checks go on."""
    try:
        return check()
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, ImportError):
            return [Row(what, reason, "", failure, ENVIRONMENT)]
        if not isinstance(error, UserError):
            reason = f"the check failed with {type(error).__name__}: {reason}"
        return [Row(what, reason, "", failure, "correct what it says, and look again")]


def table(rows: Sequence[Row], width: int) -> str:
    """All rows as a table of at most `width` (but at least 60) characters, and below it the remedies.

    The remedies have lines of their own, so that a command in one can be copied whole.
    """
    cells = [HEADERS, *((row.what, row.found, row.needed, row.status) for row in rows)]
    widths = _widths(cells, max(width, 60))
    lines: list[str] = []
    for number, cell in enumerate(cells):
        wrapped = [textwrap.wrap(text, w, break_on_hyphens=False) for text, w in zip(cell, widths, strict=True)]
        for i in range(max(map(len, wrapped))):
            parts = [column[i] if i < len(column) else "" for column in wrapped]
            lines.append("  ".join(part.ljust(w) for part, w in zip(parts, widths, strict=True)).rstrip())
        if number == 0:
            lines.append("  ".join("-" * w for w in widths))
    if remedies := [f"  {row.status}: {row.what}: {row.remedy}" for row in rows if row.remedy]:
        lines += ["", "What to do:", *remedies]
    return "\n".join(lines)


def _widths(cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """Width of each column: as wide as its text, but `found` and `needed` share what the others leave."""
    what, found, needed, status = (max(map(len, column)) for column in zip(*cells, strict=True))
    what = min(what, width // 4)
    left = width - what - status - 3 * len("  ")
    if found + needed > left:
        needed = min(needed, max(left - found, left * 2 // 5))
        found = min(found, left - needed)
    return [what, found, needed, status]
