"""What every script shares: help text, one-line errors, and the time the work took."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from recurrent_residual.errors import UserError
from recurrent_residual.messages import say


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser whose --help shows the script's docstring as it is written, and every default that says something."""

    class Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
        def _get_help_string(self, action: argparse.Action) -> str | None:
            silent = action.default is None or action.default is False or action.default == []
            return action.help if silent else super()._get_help_string(action)

    return argparse.ArgumentParser(description=description, formatter_class=Formatter)


def run(main: Callable[[argparse.Namespace], None], arguments: argparse.ArgumentParser) -> None:
    """Parse the command line, call `main`, print how long it worked.

    A `UserError` becomes one line on standard error and its exit status. The printed time excludes the
    interpreter's start and the imports; `scripts/benchmark_demo.py` reads it.
    """
    options = arguments.parse_args()
    start = time.perf_counter()
    try:
        main(options)
    except KeyboardInterrupt:
        _leave("stopped by SIGINT", 130)
    except UserError as error:
        _leave(f"error: {error}" if error.status == UserError.status else str(error), error.status)
    except OSError as error:  # a full disk, a folder that may not be written to: the message names the file
        _leave(f"error: {error}", 1)
    _leave(f"worked {time.perf_counter() - start:.2f} s", 0)


def _leave(line: str, status: int) -> NoReturn:
    """End the process with a last line.

    Taking torch down module by module costs half a second a job; every file is closed and synced by now. It would also
    turn the status into 120 where standard error is on a full disk.
    """
    sys.stdout.flush()
    say(line)
    os._exit(status)


def split_seed(text: str) -> tuple[int, int]:
    """An argument "2:1": split 2, seed 1."""
    split, _, seed = text.partition(":")
    return int(split), int(seed)
