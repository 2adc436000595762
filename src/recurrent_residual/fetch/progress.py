"""How far a long piece of work is, on standard error: a bar on a terminal, a line every ten seconds in a log."""

from __future__ import annotations

import sys
from typing import TextIO

from tqdm import tqdm

SECONDS = 10  # between two lines in a log


def say(line: str) -> None:
    """Print one line to standard error, at once."""
    print(line, file=sys.stderr, flush=True)


def size_in_words(count: float) -> str:
    """A number of bytes as the progress shows it: 6.93 GB."""
    number = tqdm.format_sizeof(count)
    return f"{number[:-1]} {number[-1]}B" if number[-1].isalpha() else f"{count:.0f} bytes"


def progress(what: str, *, total: float | None, initial: float = 0, unit: str = "B") -> tqdm:
    """A tqdm object that counts from `initial` to `total` (None: not known); `update(n)` it, and use it in a `with`."""
    if sys.stderr.isatty():
        return tqdm(desc=what, total=total, initial=initial, unit=unit, unit_scale=True, mininterval=0.5, miniters=1)
    share = "{n_fmt} of {total_fmt}{unit} ({percentage:.0f}%), {rate_fmt}, {remaining} left"
    return tqdm(
        desc=what,
        total=total,
        initial=initial,
        unit=unit,
        unit_scale=True,
        file=_Lines(sys.stderr),
        mininterval=SECONDS,
        maxinterval=SECONDS,
        miniters=1,
        delay=1e-9,  # nothing before the first ten seconds
        bar_format="{desc}: " + (share if total else "{n_fmt}{unit}, {rate_fmt}, {elapsed} so far"),
    )


class _Lines:
    """A file for tqdm, which goes back to the line's start with every picture of its bar: each becomes a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> None:
        if text := text.strip():
            self._stream.write(text + "\n")

    def flush(self) -> None:
        self._stream.flush()
