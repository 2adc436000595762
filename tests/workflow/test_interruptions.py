"""A training that is stopped in the middle, whatever stops it, goes on by the same command and ends as if nothing had
happened: the same weights and the same history, bit for bit."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from checkouts import NOTHING_TO_DO, TINY, Checkout, FinishedRun, environment, refused, with_changes

RUN = Path("results/demo/runs/rrn_block4_identity/split1/seed1")
LOG = "logs/demo/train_network/rrn_block4_identity-split1-seed1.log"
EPOCHS = 40
LONGER = with_changes(
    TINY,
    experiments=["rrn_block4_identity"],
    seeds={"split1": 1, "split2": 0, "split3": 0},
    training={"epochs": EPOCHS},
    engine={"progress_seconds": 0, "checkpoint_minutes": 0},
)


def lines(file: Path) -> list[dict[str, Any]]:
    """A file's JSON lines, but for what depends on the time of day."""
    timed = {"seconds", "frames_per_second"}
    return [{k: v for k, v in json.loads(line).items() if k not in timed} for line in file.read_text().splitlines()]


@dataclass(frozen=True)
class Stopped:
    """A checkout whose longer training is not done yet, and the folder of the one that nothing stopped."""

    checkout: Checkout
    reference: Path
    command: tuple[str, ...]

    @property
    def run(self) -> Path:
        return self.checkout.root / RUN

    def start_and_signal(self, sent: signal.Signals, *, alone: bool = False) -> int:
        """Run the command, send a signal to all its processes, or to Snakemake alone, after the first checkpoint.

        Returns its exit status.
        """
        process = subprocess.Popen(
            ["snakemake", "--cores", "2", *self.command],
            cwd=self.checkout.root,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # its own process group, as a terminal's command has
        )
        try:
            waited_until = time.monotonic() + 60
            while not (self.run / "checkpoint.pt").exists():
                assert process.poll() is None and time.monotonic() < waited_until
                time.sleep(0.01)
        finally:
            (os.kill if alone else os.killpg)(process.pid, sent)
        return process.wait(timeout=60)

    def check_not_done(self) -> None:
        assert not (self.run / "run.json").exists() and not (self.run / "weights.safetensors").exists()

    def check_resumed(self) -> None:
        assert re.search(r"resumed after \d+ epochs and \d+ updates", (self.checkout.root / LOG).read_text())

    def check_same(self) -> None:
        """It ended as the undisturbed one."""
        name = "weights.safetensors"
        assert (self.run / name).read_bytes() == (self.reference / name).read_bytes()
        for name in ("history.jsonl", "updates.jsonl"):
            assert lines(self.run / name) == lines(self.reference / name)
        assert len(lines(self.run / "history.jsonl")) == EPOCHS
        assert [file.name for file in self.run.glob("*.pt")] == ["checkpoint.pt"]


@pytest.fixture(scope="module")
def undisturbed(finished: FinishedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the longer training, which nothing stopped."""
    checkout = finished.checkout.copy(tmp_path_factory.mktemp("undisturbed") / "checkout")
    checkout.succeed("--configfile", checkout.configure("longer", LONGER), "--", str(RUN / "run.json"))
    return checkout.root / RUN


@pytest.fixture
def stopped(finished: FinishedRun, undisturbed: Path, tmp_path: Path) -> Stopped:
    checkout = finished.checkout.copy(tmp_path / "stopped")
    configfile = checkout.configure("longer", LONGER)
    return Stopped(checkout, undisturbed, ("--configfile", configfile, "--", str(RUN / "run.json")))


def test_killed(stopped: Stopped) -> None:
    """kill -9 of everything; then Snakemake wants `--unlock`, as `make demo` and `make quick` say."""
    stopped.start_and_signal(signal.SIGKILL)
    stopped.check_not_done()
    locked = stopped.checkout.script("run_workflow", "--configfile", stopped.command[1])
    assert locked.returncode == 1 and "snakemake --unlock" in locked.stdout.splitlines()[-1]
    assert stopped.checkout.snakemake("--unlock", *stopped.command).returncode == 0
    stopped.checkout.succeed(*stopped.command)
    stopped.check_resumed()
    stopped.check_same()


def test_snakemake_killed_alone(stopped: Stopped) -> None:
    """The training goes on without it. Meanwhile no second one starts beside it; afterwards nothing is trained again,
    although Snakemake removes what it takes for incomplete."""
    stopped.start_and_signal(signal.SIGKILL, alone=True)
    assert stopped.checkout.snakemake("--unlock", *stopped.command).returncode == 0
    beside = stopped.checkout.snakemake("--cores", "2", *stopped.command)
    if beside.returncode:  # else the training was done before the second one looked
        refused(beside, "another process trains here")
    folder = os.open(stopped.run, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)  # when the first one has ended
    os.close(folder)
    output = stopped.checkout.succeed(*stopped.command)
    assert NOTHING_TO_DO in output or f"resumed after {EPOCHS} epochs" in output
    stopped.check_same()


def test_log_on_a_full_disk(stopped: Stopped, tmp_path: Path) -> None:
    """A training is not lost because its log could not be written."""
    tee = tmp_path / "tools/tee"
    tee.parent.mkdir()
    tee.write_text("#!/bin/sh\nexec /usr/bin/tee /dev/full\n")
    tee.chmod(0o755)
    path = f"{tee.parent}{os.pathsep}{environment()['PATH']}"
    result = stopped.checkout.run("snakemake", "--cores", "2", *stopped.command, PATH=path)
    assert result.returncode == 0 and "/dev/full: No space left on device" in result.stdout, result.stdout
    name = "weights.safetensors"
    assert (stopped.run / name).read_bytes() == (stopped.reference / name).read_bytes()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1], ids=lambda sent: sent.name)
def test_signal(stopped: Stopped, sent: signal.Signals) -> None:
    """Ctrl-C in a terminal, and what a queue sends to all processes: Snakemake waits until the training has saved, the
    same command goes on, and nothing has to be unlocked."""
    assert stopped.start_and_signal(sent) != 0
    stopped.check_not_done()
    assert "the same command goes on" in (stopped.checkout.root / LOG).read_text()
    stopped.checkout.succeed(*stopped.command)
    stopped.check_resumed()
    stopped.check_same()


def test_time_limit(stopped: Stopped) -> None:
    """engine.max_minutes and Snakemake's retries: one command, several starts; the setting trains nothing again."""
    limited = with_changes(LONGER, engine={"max_minutes": 0.02})
    configfile = stopped.checkout.configure("limited", limited)
    output = stopped.checkout.succeed("--retries", "50", "--configfile", configfile, *stopped.command[2:])
    assert "Trying to restart job" in output
    stopped.check_resumed()
    stopped.check_same()
    assert json.loads((stopped.run / "run.json").read_text())["starts"] > 1
    plan = stopped.checkout.plan(*stopped.command)
    assert "train_network" not in plan.jobs
