"""TensorBoard's event files, as a setting: the same numbers as updates.jsonl and history.jsonl, as curves."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recurrent_residual.errors import UserError
from recurrent_residual.messages import say


class EventFiles:
    """A file of events for this start, in `folder`, if `wanted`; older ones then count up to update `updates` only.

    Written by tensorboardX's writer of events without its `SummaryWriter`, whose thread ends with the disk's first
    error, upon which the training would wait for it for ever. Such an error ends the curves, not the training.

    Raises:
        UserError: tensorboardX is not installed.
    """

    def __init__(self, folder: Path, *, wanted: bool, updates: int) -> None:
        self._writer: Any = None
        if not wanted:
            return
        try:
            from tensorboardX.event_file_writer import EventsWriter
            from tensorboardX.proto.event_pb2 import Event, SessionLog
            from tensorboardX.summary import scalar
        except ImportError as error:
            raise UserError(
                f"engine.tensorboard: true needs tensorboardX ({error}); `pip install tensorboardX`, or set it to false"
            ) from error
        self._event, self._scalar = Event, scalar
        # The name has only seconds of its own: two starts within one would share a file.
        self._writer = EventsWriter(str(folder / "events"), f".{updates}.{os.getpid()}")
        self._write(Event(step=updates + 1, session_log=SessionLog(status=SessionLog.START)))

    def add(self, group: str, numbers: Mapping[str, float], *, step: int) -> None:
        """Add a point to each of the curves `<group>/<name>`."""
        if self._writer is None:
            return
        for name, value in numbers.items():
            self._write(self._event(step=step, summary=self._scalar(f"{group}/{name}", value)))

    def flush(self) -> None:
        """Bring all to the disk."""
        self._attempt(lambda: self._writer.flush())

    def close(self) -> None:
        """Flush and close the file."""
        self._attempt(lambda: self._writer.close())

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        self._attempt(lambda: self._writer.write_event(event))

    def _attempt(self, action: Any) -> None:
        if self._writer is None:
            return
        try:
            action()
        except OSError as error:
            say(f"TensorBoard's file: not written ({error}); training goes on without")
            self._writer = None
