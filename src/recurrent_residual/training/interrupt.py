"""Being stopped: signals and the limit of time ask for it, and the training stops where it can save its state."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass
from types import FrameType
from typing import Any, Self

from recurrent_residual.errors import UserError

GO_ON = 75
"""Exit status EX_TEMPFAIL of sysexits.h: nothing is wrong, the same command goes on; Snakemake's `retries` gives it."""

STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129, signal.SIGUSR1: GO_ON}
"""Exit status for each signal: 128 and its number, as a shell has it; SIGUSR1 is a queue's warning before its limit."""


class Unfinished(UserError):
    """The training stopped before its end and saved its state; the same command goes on."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Reason:
    """Why to stop, in words, and the exit status that says so."""

    words: str
    status: int


class Interrupts:
    """Within, SIGTERM, SIGINT, SIGHUP and SIGUSR1 no longer end the process but give `reason` something to say.

    A second signal of a kind acts at once, as if nobody had cared for it. Signals that are ignored stay ignored. In
    another thread than the main one, where Python allows no handlers, only the time counts.
    """

    def __init__(self, max_minutes: float | None = None) -> None:
        self._started = time.monotonic()
        self._max_minutes = max_minutes
        self._received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            # None: set by other than Python, which could not be restored.
            mine = [number for number in STATUS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
            self._before = {number: signal.signal(number, self._handle) for number in mine}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        self._received = signal.Signals(number)
        signal.signal(number, signal.SIG_DFL)

    def reason(self, *, worked: bool) -> Reason | None:
        """Why to stop now; None: go on.

        The limit of time counts only when this start has `worked`, since it would else be started for ever.
        """
        if self._received is not None:
            return Reason(f"stopped by {self._received.name}", STATUS[self._received])
        if self._max_minutes is not None and worked and time.monotonic() - self._started >= 60 * self._max_minutes:
            return Reason(f"stopped after {self._max_minutes:g} minutes (engine.max_minutes)", GO_ON)
        return None
