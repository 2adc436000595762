"""A user of a cluster, and what they run on it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from checkouts import TINY, Checkout, environment, with_changes

TRAINED = "rrn_block4_identity"
NETWORKS = (TRAINED, "control_average")
BASELINES = ("block4_average_znorm", "block2_gru")
SMALL = with_changes(TINY, experiments=[*BASELINES, *NETWORKS])
"""The demo, made small."""
CONFIGFILE = ("--configfile", "config/small.yaml")


@dataclass(frozen=True)
class Cluster:
    """What a user of the cluster has: a login node with conda, and the environments that were made on it."""

    programs: Path
    environments: Path

    def command(self, *arguments: str) -> list[str]:
        """`snakemake --profile slurm`, but that it looks at its jobs more often, and finds its environments here."""
        patience = ("--slurm-init-seconds-before-status-checks", "12", "--latency-wait", "10")
        return ["snakemake", "--profile", "slurm", *patience, "--conda-prefix", str(self.environments), *arguments]

    def local_command(self, *arguments: str) -> list[str]:
        """The same on this machine alone, in the same environments."""
        return ["snakemake", "--cores", "2", "--use-conda", "--conda-prefix", str(self.environments), *arguments]

    def variables(self) -> dict[str, str]:
        return {"PATH": f"{self.programs}:{environment()['PATH']}"}

    def run(self, checkout: Checkout, *arguments: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        return checkout.run(*self.command(*arguments), timeout=timeout, **self.variables())

    @contextmanager
    def start(self, checkout: Checkout, *arguments: str, output: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Start it as a terminal does, in a process group of its own, of which nothing stays afterwards."""
        with output.open("wb") as file:
            process = subprocess.Popen(
                self.command(*arguments),
                cwd=checkout.root,
                env={**environment(), **self.variables()},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass(frozen=True)
class Finished:
    """A checkout in which SMALL ran to its end, and what Snakemake printed. Not to be changed: copy it."""

    checkout: Checkout
    output: str
