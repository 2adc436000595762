"""One training in a folder at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recurrent_residual.errors import UserError


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Within, no other process is; the folder is made where it is not there.

    A training goes on when the Snakemake that started it was killed, and the next one would start it a second time. The
    system gives the lock back when the process ends, however that was. A file system without locks does without.

    Raises:
        UserError: another process is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{folder}: another process trains here; wait for its end, or end it (it saves), and start again"
            ) from None
        except OSError:  # no locks here, as on some network file systems
            pass
        yield
    finally:
        os.close(place)
