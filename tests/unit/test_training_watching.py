"""Protects what a training tells while it runs: lines of progress, updates.jsonl, TensorBoard's files."""

import errno
import json
import os
import re
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_trainings import (
    ALWAYS,
    SETTINGS,
    UPDATES,
    DyingSource,
    Killed,
    network_with,
    outcome_of,
    same,
    train,
    update_lines,
)

from recurrent_residual.engine import EngineSettings
from recurrent_residual.errors import UserError
from recurrent_residual.messages import say
from recurrent_residual.training.progress import Progress
from recurrent_residual.training.reporter import Reporter
from recurrent_residual.training.update_log import UpdateLog

LINE = re.compile(
    r"tiny: epoch (\d)/3, update (\d)/5, loss \d+\.\d{3}, error [01]\.\d{3}, [\d,]+ frames/s, \d+:\d\d left"
)


@pytest.mark.parametrize(("seconds", "lines"), [(0, UPDATES), (1000, 1)])
def test_progress_is_told_as_often_as_is_wanted_and_at_the_end(tmp_path, capsys, seconds, lines) -> None:
    train(tmp_path, engine=EngineSettings(progress_seconds=seconds))
    told = [LINE.fullmatch(line) for line in capsys.readouterr().err.splitlines() if "update" in line]
    assert len(told) == lines and all(told)
    places = [match.groups() for match in told if match]
    assert places[-1] == ("3", "5") and places == sorted(set(places))


def test_an_epoch_that_took_its_time_is_told(capsys) -> None:
    """Between two lines of an hour, the end of an epoch of seven minutes but not of five."""
    for seconds, lines in ((420, 1), (300, 0)):
        progress, cpu = Progress(micro_batch=64), torch.device("cpu")
        reporter = Reporter("x", progress, epochs=2, updates=1, chunks=20, reads=3, seconds=3600, device=cpu)
        progress.count(chunks=20, loss_sum=10.0, wrong=5, seconds=seconds)
        reporter.tell()
        assert len(capsys.readouterr().err.splitlines()) == lines


def test_speed_and_time_left_are_those_of_this_start(monkeypatch, capsys) -> None:
    """10 of 40 chunks of 3 frames were done before; 10 more took 5 seconds: 6 frames/s, and 10 seconds left."""
    now = [100.0]
    monkeypatch.setattr("recurrent_residual.training.reporter.time.monotonic", lambda: now[0])
    progress = Progress(micro_batch=64, update=1, updates=1, seen=10, loss_sum=10.0, wrong=5, seconds=777.0)
    cpu = torch.device("cpu")
    reporter = Reporter("x", progress, epochs=2, updates=2, chunks=20, reads=3, seconds=0, device=cpu)
    now[0] += 5
    progress.count(chunks=10, loss_sum=10.0, wrong=5, seconds=reporter.lap())
    reporter.tell()
    expected = "x: epoch 1/2, update 2/2, loss 1.000, error 0.500, 6 frames/s, 0:10 left\n"
    assert capsys.readouterr().err == expected and progress.seconds == 782.0


class Full:
    """A standard error on a full disk, or whose reader has gone."""

    def __init__(self, number: int) -> None:
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))

    def flush(self) -> None:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("stream", [Full(errno.EPIPE), Full(errno.ENOSPC), None], ids=["pipe", "disk", "none"])
def test_a_training_that_nobody_can_watch_goes_on(tmp_path, monkeypatch, stream, capsys) -> None:
    undisturbed = outcome_of(tmp_path / "a")
    capsys.readouterr()
    monkeypatch.setattr(sys, "stderr", stream)
    unwatched = outcome_of(tmp_path / "b", engine=EngineSettings(progress_seconds=0))
    monkeypatch.undo()
    assert same(undisturbed, unwatched) and capsys.readouterr().out == ""


def test_a_closed_standard_error_is_no_error(monkeypatch, tmp_path) -> None:
    with open(tmp_path / "log", "w") as file:
        monkeypatch.setattr(sys, "stderr", file)
    say("lost")
    assert (tmp_path / "log").read_text() == ""


def lines_of(count: int) -> list[dict[str, float]]:
    return [{"epoch": 1, "update": number, "loss": 0.1 * number} for number in range(1, count + 1)]


def content_of(count: int) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines_of(count))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.integers(0, 8), torn=st.integers(0, 400), kept=st.integers(0, 8), garbage=st.binary(max_size=9))
def test_whatever_a_kill_left_the_log_goes_on_from_the_checkpoints_update(tmp_path, written, torn, kept, garbage):
    """Torn anywhere, with anything after it: a line stands once, whole, and none after the checkpoint's."""
    path = tmp_path / "updates.jsonl"
    left = content_of(written)[:torn]
    path.write_bytes(left + garbage)
    log = UpdateLog(path, updates=kept)
    ends = (left + garbage[:1]).count(b"\n") if content_of(9).startswith(left + garbage[:1]) else left.count(b"\n")
    whole = min(ends, kept)  # garbage that begins with the line's own end completes it
    assert path.read_bytes() == content_of(whole)
    for line in lines_of(9)[whole:]:
        log.append(line)
    log.sync()
    log.close()
    assert path.read_bytes() == content_of(9)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(room=st.lists(st.integers(0, 120), min_size=9, max_size=9))
def test_a_disk_that_is_full_now_and_then_loses_no_line(tmp_path, room: list[int]) -> None:
    """Whatever part of a line it takes before it is full."""
    path = tmp_path / "updates.jsonl"
    path.unlink(missing_ok=True)
    log, left = UpdateLog(path, updates=0), [0]
    pwrite = os.pwrite

    def cramped(file: int, data: bytes, place: int) -> int:
        if left[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = pwrite(file, data[: left[0]], place)
        left[0] -= taken
        return taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", cramped)
        for line, space in zip(lines_of(9), room, strict=True):
            left[0] = space
            log.append(line)
    log.sync()
    log.close()
    assert path.read_bytes() == content_of(9)


def refuse(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_no_checkpoint_is_ahead_of_the_log(tmp_path, monkeypatch, capsys) -> None:
    """Else a kill would take lines that no later start writes again."""
    undisturbed = outcome_of(tmp_path / "a")

    def die() -> None:
        raise Killed

    network = network_with({7: lambda: monkeypatch.setattr(os, "pwrite", refuse), 10: die})
    with pytest.raises(Killed):
        train(tmp_path / "b", network=network, engine=ALWAYS)
    assert capsys.readouterr().err.count("updates.jsonl: not written") == 1
    monkeypatch.undo()
    assert same(outcome_of(tmp_path / "b"), undisturbed)


def test_a_training_is_not_done_before_its_log_is_written(tmp_path, monkeypatch) -> None:
    undisturbed = outcome_of(tmp_path / "a")
    with pytest.raises(OSError, match=r"No space left on device: '.*updates.jsonl'"):
        train(tmp_path / "b", network=network_with({13: lambda: monkeypatch.setattr(os, "pwrite", refuse)}))
    monkeypatch.undo()
    assert same(outcome_of(tmp_path / "b"), undisturbed)


def events(folder: Path) -> list[tuple[str, int, float]]:
    """What TensorBoard shows: each file's points in the order of the files, older ones up to the next one's start."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    shown: list[tuple[str, int, float]] = []
    for file in sorted(folder.glob("events.out.tfevents.*"), key=lambda path: path.stat().st_mtime_ns):
        content, place = file.read_bytes(), 0
        while place < len(content):  # length, its checksum, event, its checksum
            length = int.from_bytes(content[place : place + 8], "little")
            event = Event.FromString(content[place + 12 : place + 12 + length])
            place += 16 + length
            if event.session_log.status == SessionLog.START:
                shown = [point for point in shown if point[1] < event.step]
            shown += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
    return shown


def test_tensorboard_shows_what_the_files_hold_also_after_a_kill(tmp_path) -> None:
    pytest.importorskip("tensorboardX")
    with pytest.raises(Killed):
        train(tmp_path, DyingSource(100), engine=EngineSettings(tensorboard=True, checkpoint_minutes=0))
    (tmp_path / "checkpoint.pt").unlink()  # the one before it has an update less than the curves
    _, progress = train(tmp_path, engine=EngineSettings(tensorboard=True))
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 2
    shown = events(tmp_path)
    for name in ("loss", "error", "gradient_norm", "learning_rate"):
        points = [(step, value) for tag, step, value in shown if tag == f"update/{name}"]
        assert [step for step, _ in points] == list(range(1, UPDATES + 1))
        assert [value for _, value in points] == pytest.approx([line[name] for line in update_lines(tmp_path)])
    losses = [value for tag, _, value in shown if tag == "epoch/loss"]
    assert losses == pytest.approx([line["loss"] for line in progress.history])


def test_tensorboard_is_a_setting_and_its_lack_is_told(tmp_path, monkeypatch) -> None:
    for module in ("tensorboardX", "tensorboardX.event_file_writer"):
        monkeypatch.setitem(sys.modules, module, None)
    train(tmp_path / "a", settings=SETTINGS)
    assert not list((tmp_path / "a").glob("events*"))
    with pytest.raises(UserError, match="engine.tensorboard.*pip install tensorboardX"):
        train(tmp_path / "b", engine=EngineSettings(tensorboard=True))


def test_a_disk_that_takes_no_curves_stops_nothing(tmp_path, monkeypatch, capsys) -> None:
    writer = pytest.importorskip("tensorboardX.record_writer")
    undisturbed = outcome_of(tmp_path / "a")
    written, write = [], writer.RecordWriter.write

    def fill(self, data: bytes) -> None:
        written.append(data)
        if len(written) > 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, data)

    monkeypatch.setattr(writer.RecordWriter, "write", fill)
    curved = outcome_of(tmp_path / "b", engine=EngineSettings(tensorboard=True, checkpoint_minutes=0))
    assert same(undisturbed, curved) and len(written) == 11
    assert capsys.readouterr().err.count("TensorBoard's file: not written") == 1


def test_the_log_is_there_while_the_training_runs(tmp_path) -> None:
    seen = []
    train(tmp_path, engine=ALWAYS, on_epoch=lambda _: seen.append(len(update_lines(tmp_path))) or {})
    assert seen == [5, 10, 15]
