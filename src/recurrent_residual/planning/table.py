"""The plan as a table, and below it how each number came about."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from recurrent_residual.planning.cost import Line, total

GB = 1e9
UNKNOWN, NONE = "?", "-"
COLUMNS = {
    "gpu_hours": "GPU-hours",
    "cpu_hours": "CPU-hours",
    "longest": "longest job",
    "disk": "disk",
    "download": "download",
}
SUMS = ("gpu_hours", "cpu_hours", "disk", "download")


def table(lines: Sequence[Line]) -> str:
    """A row a stage and their sum; "?" is not measured or not known, "-" is none."""
    rows = [["stage", "jobs", *COLUMNS.values()]]
    rows += [[line.stage, f"{line.jobs:,}", *(_cell(c, getattr(line, c)) for c in COLUMNS)] for line in lines]
    rows.append(["total", f"{sum(line.jobs for line in lines):,}", *(_total(lines, column) for column in COLUMNS)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "  ".join("-" * width for width in widths)
    texts = [_aligned(row, widths) for row in rows]
    return "\n".join([texts[0], rule, *texts[1:-1], rule, texts[-1]])


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return "  ".join(cells)


def _cell(column: str, value: float | None) -> str:
    if column == "longest":  # of jobs that hold no processor for long nobody minds it
        return "" if value is None else _hours(value)
    if value is None:
        return UNKNOWN
    return _size(value) if column in ("disk", "download") else _hours(value)


def _total(lines: Sequence[Line], column: str) -> str:
    if column not in SUMS:
        return ""
    value, whole = total(lines, column)
    if whole:
        return _cell(column, value)
    return f"{_cell(column, value)} + {UNKNOWN}" if value else UNKNOWN


def _hours(hours: float) -> str:
    if not hours:
        return NONE
    if hours >= 1:
        return f"{hours:,.1f} h"
    return f"{60 * hours:.1f} min" if hours >= 1 / 60 else f"{3600 * hours:.1f} s"


def _size(size: float) -> str:
    if not size:
        return NONE
    return f"{size / GB:.1f} GB" if size >= GB / 20 else f"{max(size, 1e5) / 1e6:.1f} MB"


def notes(lines: Sequence[Line], volume: str, width: int) -> str:
    """Where the hours are from, a paragraph a stage, and what nobody measured."""
    texts = [f"{line.stage}: {line.how}" for line in lines if line.how]
    if texts:
        texts.insert(0, f"frames: {volume}")
    if any(line.gpu_hours for line in lines):
        texts.append("CPU-hours of a job with a GPU: those of the processor threads that it holds (threads)")
    if sizes := [line.stage for line in lines if line.disk]:
        archive = "; the videos' archive goes when it is unpacked" if "download_videos" in sizes else ""
        texts.append(
            f"disk: estimated (README.md, Run the paper, scaled){archive}; checkpoints of trainings come on top"
        )
    if unknown := [line.stage for line in lines if line.cpu_hours is None and not line.how]:
        texts.append(f"not measured: {', '.join(unknown)}")
    wrap = textwrap.TextWrapper(width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join(wrap.fill(text) for text in texts)
