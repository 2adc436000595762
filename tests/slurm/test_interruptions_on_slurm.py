"""Whatever a cluster does to a training, it goes on by itself in the next attempt and ends with the same weights."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from checkouts import Checkout, with_changes
from cluster import SMALL, TRAINED, Cluster, Finished
from one_node import ask, running_jobs

SEEDS = (1, 2, 3)
CONFIG = with_changes(
    SMALL,
    experiments=[TRAINED],
    seeds={"split1": len(SEEDS), "split2": 0, "split3": 0},
    training={"epochs": 100},
    engine={"progress_seconds": 0, "checkpoint_minutes": 0},
)
RUNS = {seed: Path(f"results/demo/runs/{TRAINED}/split1/seed{seed}") for seed in SEEDS}
ARGUMENTS = ("--configfile", "config/longer.yaml", "--", *(str(run / "run.json") for run in RUNS.values()))


@dataclass(frozen=True)
class Job:
    """A job as squeue tells of it when it is first seen."""

    number: str
    seed: int
    memory: str = field(compare=False)
    limit: str = field(compare=False)


@dataclass
class Story:
    """What was seen of three trainings on two GPUs while this and that was done to them."""

    checkout: Checkout
    earlier: set[str] = field(default_factory=lambda: set(ask("squeue", "-h", "-t", "all", "-o", "%A").split()))
    """Jobs of other runs, of which the queue still tells."""
    after_ctrl_c: list[str] = field(default_factory=list)
    status_after_ctrl_c: int = 0
    status: int = 0
    at_once: set[int] = field(default_factory=set)
    """How many trainings ran at once, at any time."""
    devices: list[list[str]] = field(default_factory=list)
    """The GPUs of the jobs that ran at one time."""
    attempts: dict[int, list[Job]] = field(default_factory=lambda: {seed: [] for seed in SEEDS})
    ends: dict[str, str] = field(default_factory=dict)
    """Job -> the last state that squeue told."""
    restarts: dict[str, int] = field(default_factory=dict)
    """Job -> how often Slurm itself started it again, where it did."""

    def look(self) -> list[Job]:
        """Note what the queue shows; return the trainings that run."""
        running = []
        for line in ask("squeue", "-h", "-t", "all", "-o", "%A|%T|%m|%l|%k").splitlines():
            number, state, memory, limit, comment = line.split("|")
            found = re.match(rf"rule_train_network_wildcards_{TRAINED}_1_(\d)", comment)
            if number in self.earlier or not found:
                continue
            job = Job(number, int(found[1]), memory, limit)
            known = self.attempts[job.seed]
            if number not in (each.number for each in known):
                known.append(job)
            self.ends[number] = state
            if state == "RUNNING":
                running.append(job)
        self.at_once.add(len(running))
        details = {job.number: ask("scontrol", "-d", "show", "job", job.number) for job in running}
        indices = [re.findall(r"GRES=gpu:1\(IDX:(\d)\)", text) for text in details.values()]
        self.devices.append([index[0] for index in indices if index])
        for number, text in details.items():
            if again := int(re.findall(r"Restarts=(\d+)", text)[0]):
                self.restarts[number] = again
        return running

    def log(self, seed: int, attempt: int) -> str:
        """What the executor kept of a failed attempt's output."""
        (log,) = self.checkout.root.glob(f".snakemake/slurm_logs/*/*/{self.attempts[seed][attempt].number}.log")
        return log.read_text()


def warn(job: Job) -> None:
    """Less time than the profile's --signal=USR1@120: Slurm sends the signal, as it does before any job's limit."""
    _end_in(job, 110)


def time_out(job: Job) -> None:
    """The limit itself."""
    _end_in(job, 1)


def cancel(job: Job) -> None:
    """As an operator does."""
    subprocess.run(["scancel", job.number], check=True)


def send_signal(job: Job) -> None:
    """The warning once more, by hand."""
    subprocess.run(["scancel", "--signal=USR1", job.number], check=True)


def requeue(job: Job) -> None:
    """As a preemption does, or a node that fails: Slurm starts the same job again."""
    subprocess.run(["scontrol", "requeue", job.number], check=True)


def kill(job: Job) -> None:
    """As the kernel does where memory is short: with no warning."""
    os.kill(_training(job), signal.SIGKILL)


# What is done to which attempt of which training; the attempts after these are let be.
DEEDS: dict[tuple[int, int], Callable[[Job], None]] = {
    (1, 0): warn,
    (1, 1): requeue,
    (2, 0): time_out,
    (2, 1): cancel,
    (3, 0): kill,
    (3, 1): send_signal,
}
SLURM_LOOKS = 35  # every so many seconds, or a few less, at the time that its jobs have left


def _end_in(job: Job, seconds: int) -> None:
    """The training stands still meanwhile, or on a fast machine it would be done before Slurm looks."""
    process = _training(job)
    os.kill(process, signal.SIGSTOP)
    threading.Timer(SLURM_LOOKS, _go_on, [process]).start()
    subprocess.run(["scontrol", "update", f"JobId={job.number}", f"EndTime=now+{seconds}seconds"], check=True)


def _go_on(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGCONT)


def _training(job: Job) -> int:
    """The process of this job, and of no other test that trains meanwhile; it may have come to its end.

    Raises:
        ProcessLookupError: it has.
    """
    for process in ask("pgrep", "-f", "^python scripts/train_network.py ").split():
        with suppress(FileNotFoundError):
            if f"SLURM_JOB_ID={job.number}".encode() in Path(f"/proc/{process}/environ").read_bytes().split(b"\0"):
                return int(process)
    raise ProcessLookupError(f"job {job.number} trains no longer")


@pytest.fixture(scope="module")
def undisturbed(cluster: Cluster, on_slurm: Finished, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The same trainings, which nothing stopped, on this machine alone."""
    checkout = on_slurm.checkout.copy(tmp_path_factory.mktemp("undisturbed") / "checkout")
    checkout.configure("longer", CONFIG)
    result = checkout.run(*cluster.local_command(*ARGUMENTS), **cluster.variables())
    assert result.returncode == 0, result.stdout
    return checkout


@pytest.fixture(scope="module")
def story(cluster: Cluster, on_slurm: Finished, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Started; stopped by Ctrl-C; started again and left alone with its cluster, which does DEEDS."""
    folder = tmp_path_factory.mktemp("story")
    checkout = on_slurm.checkout.copy(folder / "checkout")
    checkout.configure("longer", CONFIG)
    before = Story(checkout)
    log = folder / "first.log"
    with cluster.start(checkout, *ARGUMENTS, output=log) as process:
        _until(lambda: len(before.look()) == 2 and _under_way(before, 2), process, log)
        os.killpg(process.pid, signal.SIGINT)
        status = process.wait(timeout=60)
    time.sleep(10)  # in which jobs have ended that Slurm was still ending
    story = Story(checkout, status_after_ctrl_c=status, after_ctrl_c=running_jobs())

    done: set[tuple[int, int]] = set()

    def disturbed_and_ended() -> bool:
        for job in story.look():
            which = (job.seed, story.attempts[job.seed].index(job))
            if which in DEEDS and which not in done and _goes_on(checkout, job):
                DEEDS[which](job)
                done.add(which)
        return process.poll() is not None

    log = folder / "second.log"
    with cluster.start(checkout, *ARGUMENTS, output=log) as process:
        _until(disturbed_and_ended, process, log, seconds=400)
        story.status = process.wait()
    story.look()
    assert done == set(DEEDS), log.read_text()
    return story


def _under_way(story: Story, trainings: int) -> bool:
    return sum((story.checkout.root / run / "checkpoint.pt").exists() for run in RUNS.values()) == trainings


def _goes_on(checkout: Checkout, job: Job) -> bool:
    """Whether this attempt has computed something, and there is a state to go on from."""
    saved = (checkout.root / RUNS[job.seed] / "checkpoint.pt").exists()
    logs = checkout.root.glob(f".snakemake/slurm_logs/*/*/{job.number}.log")
    return saved and any("frames/s" in log.read_text() for log in logs)


def _until(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None and time.monotonic() < end, log.read_text()
        time.sleep(0.3)


def test_ctrl_c_leaves_no_job(story: Story) -> None:
    assert story.status_after_ctrl_c != 0
    assert story.after_ctrl_c == []


def test_two_gpus_run_two_trainings_at_a_time(story: Story) -> None:
    """Three trainings want one GPU each; no two ever have the same."""
    assert max(story.at_once) == 2
    assert max(map(len, story.devices)) == 2
    assert all(len(set(devices)) == len(devices) for devices in story.devices)


def test_all_end_well(story: Story) -> None:
    assert story.status == 0
    assert {seed: len(jobs) for seed, jobs in story.attempts.items()} == {1: 2, 2: 3, 3: 3}


def test_each_was_stopped_as_meant(story: Story) -> None:
    """And the training says what stopped it, in the log that is kept of the attempt."""
    ends = {seed: [story.ends[job.number] for job in jobs] for seed, jobs in story.attempts.items()}
    assert ends == {
        1: ["FAILED", "COMPLETED"],
        2: ["TIMEOUT", "CANCELLED", "COMPLETED"],
        3: ["FAILED", "FAILED", "COMPLETED"],
    }
    assert story.restarts == {story.attempts[1][1].number: 1}
    assert re.search("stopped by SIGUSR1 .*saved", story.log(1, 0))
    assert "DUE TO TIME LIMIT" in story.log(2, 0)  # it stood still, so that Slurm had to kill it
    assert re.search("stopped by SIGTERM .*saved", story.log(2, 1))
    assert "stopped by" not in story.log(3, 0)
    assert re.search("stopped by SIGUSR1 .*saved", story.log(3, 1))


@pytest.mark.parametrize("seed", SEEDS)
def test_same_weights_as_undisturbed(story: Story, undisturbed: Checkout, seed: int) -> None:
    log = story.checkout.root / f"logs/demo/train_network/{TRAINED}-split1-seed{seed}.log"
    assert re.search(r"resumed after \d+ epochs and \d+ updates", log.read_text())
    weights = [checkout.root / RUNS[seed] / "weights.safetensors" for checkout in (story.checkout, undisturbed)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_each_attempt_asks_for_more(story: Story) -> None:
    """Of memory and time."""
    asked = [(job.memory, job.limit) for job in story.attempts[2]]
    assert asked == [("12000M", "3:00:00"), ("24000M", "6:00:00"), ("36000M", "9:00:00")]
