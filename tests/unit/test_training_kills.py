"""Protects a training against being stopped: real processes, real signals, at moments that nobody chose."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from made_frames import MadeSource
from made_trainings import ALWAYS, CLIPS, SETTINGS, UPDATES, Killed, network_with, outcome_of, same, train, update_lines

from recurrent_residual.engine import EngineSettings
from recurrent_residual.training.interrupt import Interrupts, Unfinished

EPOCHS_ONLY = EngineSettings(checkpoint_minutes=1000)
SIGNALS = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGUSR1: 75, signal.SIGINT: 130}


class SlowSource(MadeSource):
    """Frames that take their time, so that a kill finds a training anywhere."""

    def read(self, class_name: str, video: str, frame: int) -> bytes:
        time.sleep(0.001)
        return super().read(class_name, video, frame)


def live(folder: Path, engine: EngineSettings) -> int:
    """Train in a process of its own, which writes the outcome when it comes to the end; return its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's would be a traceback
        torch.save(outcome_of(folder, SlowSource(CLIPS), engine=engine), folder / "outcome.pt")
        status = 0
    except Unfinished as error:
        status = error.status
    finally:
        os._exit(status)


def status_of(child: int) -> int:
    """How a process ended: its exit status, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize(("engine", "kills"), [(ALWAYS, 15), (EPOCHS_ONLY, 15)], ids=["always", "epochs"])
def test_a_training_killed_again_and_again_ends_as_if_nothing_had_happened(tmp_path, engine, kills: int) -> None:
    """Bit for bit: weights, history, and every update's line once; with checkpoints after each update, or few."""
    assert status_of(live(tmp_path / "undisturbed", engine)) == 0
    undisturbed = torch.load(tmp_path / "undisturbed" / "outcome.pt")
    generator, killed, trainings, ends = random.Random(engine.checkpoint_minutes), 0, 0, set()
    while killed < kills:
        folder, trainings = tmp_path / str(trainings), trainings + 1
        while True:
            child = live(folder, engine)
            time.sleep(generator.uniform(0.0, 0.35))
            if os.waitpid(child, os.WNOHANG) != (0, 0):
                break
            sent = generator.choice(list(SIGNALS))
            os.kill(child, sent)
            ended = status_of(child)
            # Before the training's handlers stand, a signal does what it does to every process.
            assert ended in (SIGNALS[sent], -sent, 0)
            ends.add(ended)
            if ended == 0:
                break
            killed += 1
        assert same(torch.load(folder / "outcome.pt"), undisturbed)
        assert not list(folder.glob(".*.part-*"))
    assert ends & {143, 75, 130} and -9 in ends


def sending(sent: signal.Signals) -> Callable[[], None]:
    """Sends this process a signal."""
    return lambda: os.kill(os.getpid(), sent)


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 75), (signal.SIGINT, 130)])
def test_a_signal_saves_the_last_update_and_says_so(tmp_path, sent: signal.Signals, status: int) -> None:
    """Also in the middle of an update, whose share in the running statistics is taken back; handlers are put back."""
    parts = replace(SETTINGS, micro_batch=8)  # two an update: the signal comes in the first of update 7
    undisturbed = outcome_of(tmp_path / "a", settings=parts)
    before, network = signal.getsignal(sent), network_with({13: sending(sent)})
    with pytest.raises(
        Unfinished, match=rf"tiny: stopped by {sent.name} in epoch 2, update 2; saved, .* goes on"
    ) as stopped:
        train(tmp_path / "b", network=network, settings=parts, engine=EPOCHS_ONLY)
    assert stopped.value.status == status and signal.getsignal(sent) is before
    state = torch.load(tmp_path / "b" / "checkpoint.pt", weights_only=True)["state"]
    assert state["progress"]["updates"] == len(update_lines(tmp_path / "b")) == 6
    assert same(outcome_of(tmp_path / "b", settings=parts), undisturbed)


def test_a_limit_of_time_makes_at_least_an_update_a_start_and_comes_to_an_end(tmp_path) -> None:
    undisturbed = outcome_of(tmp_path / "a")
    starts = 0
    while True:
        starts += 1
        assert starts <= UPDATES
        try:
            end = outcome_of(tmp_path / "b", engine=EngineSettings(max_minutes=1e-9))
        except Unfinished as stopped:
            assert stopped.status == 75 and "max_minutes" in str(stopped) and "\n" not in str(stopped)
            assert len(update_lines(tmp_path / "b")) == starts
        else:
            break
    assert starts == UPDATES and same(end, undisturbed)


def test_what_happens_at_an_epochs_end_may_stop_too(tmp_path) -> None:
    """A signal during the last update of an epoch comes before a long evaluation, which the next start does."""
    called = []

    def on_epoch(_) -> dict[str, float]:
        called.append(1)
        return {"held_out_error": 0.5}

    network = network_with({5: sending(signal.SIGUSR1)})
    with pytest.raises(Unfinished, match="epoch 1, update 6"):
        train(tmp_path, network=network, engine=EPOCHS_ONLY, on_epoch=on_epoch)
    assert not called
    _, progress = train(tmp_path, on_epoch=on_epoch)
    assert len(called) == 3 == len(progress.history)


def test_a_second_signal_acts_at_once() -> None:
    child = os.fork()
    if not child:
        with Interrupts():
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
    assert status_of(child) == -signal.SIGTERM


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """nohup's, for one; and the parent may have reasons that a training does not know."""
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert interrupts.reason(worked=True) is None
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_in_another_thread_a_training_goes_without_handlers(tmp_path) -> None:
    done = []
    thread = threading.Thread(target=lambda: done.append(train(tmp_path)[1].updates))
    thread.start()
    thread.join()
    assert done == [UPDATES]


def test_an_error_in_between_gives_the_handlers_back(tmp_path) -> None:
    class Broken(MadeSource):
        def read(self, *_) -> bytes:
            raise Killed

    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(Killed):
        train(tmp_path, Broken(CLIPS), settings=SETTINGS)
    assert [signal.getsignal(number) for number in SIGNALS] == before
