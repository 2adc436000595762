"""Lines for whoever watches: on standard error, and never a reason for the work to stop."""

from __future__ import annotations

import functools
import sys
from contextlib import suppress


def say(line: str) -> None:
    """Print `line` on standard error at once.

    Where that is closed, or a log on a full disk, the line is lost and nothing else: hours of work are worth more.
    """
    if sys.stderr is None:  # Python's, when it was started without one; print would take standard output instead
        return
    with suppress(OSError, ValueError):  # ValueError: closed from within Python
        print(line, file=sys.stderr, flush=True)


@functools.cache
def say_once(line: str) -> None:
    """`say` it the first time that it is said."""
    say(line)
