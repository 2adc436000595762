"""How much of `make demo`'s time is not spent in the jobs' own work, and how much memory it takes.

Runs the demo in a fresh copy of the repository, on all cores, and prints tables. A job's own work is what it says in
its log ("worked 1.23 s": without the interpreter's start and the imports); how long its process lived comes from
looking at the running processes several times a second. Cores times wall time is then

    own work + start-up, imports and exit of the jobs' processes + the workflow engine and idle cores

because a job of the demo has one thread. Memory is that of all processes together, shared pages counted once (PSS).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from recurrent_residual import cli
from recurrent_residual.errors import UserError

REPOSITORY = Path(__file__).resolve().parent.parent
WORKED = re.compile(r"^worked (\d+\.\d+) s$", re.MULTILINE)
SCRIPT = re.compile(r"scripts/(\w+)\.py")


@dataclass
class Usage:
    """What was seen of the running workflow."""

    wall: float = 0.0
    memory: int = 0
    """Most bytes at one time, of all processes together."""
    lived: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Seconds that jobs' processes lived, by script."""


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--configfile", default="config/demo.yaml", help="configuration to run, relative to the copy")
    parser.add_argument("--cores", default=os.cpu_count() or 1, type=int, help="processor cores")
    parser.add_argument("--interval", default=0.5, type=float, help="seconds between two looks at the processes")
    return parser


def copy_repository(target: Path) -> None:
    """Copy what git tracks or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(f"{REPOSITORY}: git does not list its files ({error}); run this in a clone") from None
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():  # a removed file is listed until it is committed
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)


def memory(process: psutil.Process) -> int:
    """Bytes of one process, its share of shared pages if the system tells."""
    try:
        info = process.memory_full_info()
    except psutil.AccessDenied:
        info = process.memory_info()
    return getattr(info, "pss", info.rss)


def watch(process: subprocess.Popen, interval: float) -> Usage:
    """Look at `process` (run_workflow.py, whose child is snakemake, whose children are jobs) until it ends."""
    usage, root = Usage(), psutil.Process(process.pid)
    started = looked = weighed = time.monotonic()
    while process.poll() is None:
        time.sleep(interval)
        now = time.monotonic()
        total = 0
        weigh = now - weighed >= 1  # reading PSS costs milliseconds a process
        for child in below(root):
            try:
                if (script := job_script(child, process.pid)) is not None:
                    usage.lived[script] += now - looked
                total += memory(child) if weigh else 0
            except psutil.NoSuchProcess:
                continue
        if weigh:
            usage.memory, weighed = max(usage.memory, total), now
        looked = now
    usage.wall = time.monotonic() - started
    return usage


def below(root: psutil.Process) -> list[psutil.Process]:
    """`root` and all processes that it and they started; nothing when it has ended."""
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def job_script(process: psutil.Process, top: int) -> str | None:
    """The script that a job, grandchild of `top`, runs; None for other processes, a job's own children among them."""
    parent = process.parent()
    if parent is None or parent.ppid() != top:
        return None
    found = SCRIPT.search(" ".join(process.cmdline()))
    return found[1] if found else None


def own_work(logs: Path) -> dict[str, list[float]]:
    """Seconds of own work of each job by rule, from the logs <logs>/<rule>.log and <logs>/<rule>/<job>.log.

    Raises:
        UserError: a log does not say.
    """
    work: dict[str, list[float]] = {}
    for log in sorted(logs.rglob("*.log")):
        found = WORKED.findall(log.read_text(encoding="utf-8"))
        if not found:
            raise UserError(f"{log}: does not say how long its job worked; did the workflow end well?")
        work.setdefault(log.relative_to(logs).parts[0].removesuffix(".log"), []).append(float(found[-1]))
    return work


def tables(work: dict[str, list[float]], usage: Usage, cores: int) -> str:
    """The figures as Markdown."""
    available, worked, lived = usage.wall * cores, sum(map(sum, work.values())), sum(usage.lived.values())
    shares = {
        "jobs' own work": worked,
        "start-up, imports and exit of the jobs' processes": lived - worked,
        "workflow engine and idle cores": available - lived,
        "**not own work**": available - worked,
    }
    lines = [
        f"{usage.wall:.0f} s of wall time, {sum(map(len, work.values()))} jobs; "
        f"most memory at one time {usage.memory / 1e9:.2f} GB (looked at every second).",
        "",
        f"| where the {cores} cores' time goes | s | share |",
        "|---|---:|---:|",
        *(f"| {name} | {seconds:.0f} | {seconds / available:.1%} |" for name, seconds in shares.items()),
        "",
        "| rule | jobs | own work, s | start-up, imports and exit, s |",
        "|---|---:|---:|---:|",
    ]
    for rule, times in sorted(work.items(), key=lambda item: -sum(item[1])):
        overhead = usage.lived[rule] - sum(times)
        lines.append(f"| {rule} | {len(times)} | {sum(times):.1f} | {overhead:.1f} |")
    return "\n".join(lines)


def main(options: argparse.Namespace) -> None:
    """Run the demo and print the tables."""
    with tempfile.TemporaryDirectory(prefix="benchmark-demo-") as folder:
        copy = Path(folder)
        copy_repository(copy)
        # What `make demo` does once its environment is there.
        command = [sys.executable, "scripts/run_workflow.py", "--configfile", options.configfile]
        environment = {**os.environ, "PYTHONPATH": str(copy / "src")}
        with subprocess.Popen(
            [*command, "--cores", str(options.cores)], cwd=copy, env=environment, stdout=sys.stderr
        ) as process:
            usage = watch(process, options.interval)
        if process.returncode:
            raise UserError(f"the demo stopped with status {process.returncode}; what is above says why")
        print(tables(own_work(next((copy / "logs").iterdir())), usage, options.cores))


if __name__ == "__main__":
    cli.run(main, arguments())
