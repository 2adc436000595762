"""A real Slurm of one node for the tests, thrown away afterwards: Debian's packages, root, loopback, nothing in /etc.

The node claims two GPUs, which slurmd wants to be character devices and never opens. It needs neither systemd nor
cgroups, so that it comes up in a container. While it is up, /run/slurm/conf leads to its configuration: Slurm's
programs look there when no variable tells, and Snakemake takes the variable away within a job.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
LINK = Path("/run/slurm/conf")
OWN_SLURM = Path("/etc/slurm/slurm.conf")
NODE = "node1"
CORES, MEMORY_MB = 8, 200_000  # what the node claims, so that two jobs of the profile fit whatever the machine has
SYSTEM_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
NO_DAEMONS = Path("/usr/sbin/policy-rc.d")

GRES = """AutoDetect=off
NodeName={node} Name=gpu File=/dev/zero
NodeName={node} Name=gpu File=/dev/full
"""
# KillWait: seconds between SIGTERM and SIGKILL, 30 by default. MinJobAge: how long squeue tells of a job that ended.
# cred_expire: seconds that a job which is started again has to wait, 120 by default.
CONFIGURATION = """ClusterName=one
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={second_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
{loopback}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
PlugStackConfig=/dev/null
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2,sched_min_interval=100000
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
SlurmdParameters=config_overrides
MinJobAge=3600
KillWait=5
CompleteWait=0
JobCompType=jobcomp/none
JobAcctGatherType=jobacct_gather/none
JobRequeue=0
AccountingStorageType=accounting_storage/none
GresTypes=gpu
NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes={node} Default=YES MaxTime=1-00:00:00 DefaultTime=10 State=UP
"""


class Unavailable(Exception):
    """Why there can be no Slurm here."""


def install() -> None:
    """Install Debian's packages where they are missing.

    Raises:
        Unavailable: not root, no apt, or it fails.
    """
    if os.getuid() != 0:
        raise Unavailable("a Slurm of one's own wants root")
    answers = shutil.which("scontrol") and "UP" in ask("scontrol", "ping")
    if answers or OWN_SLURM.exists() or "SLURM_CONF" in os.environ:
        raise Unavailable("this machine has, or belongs to, a Slurm of its own")
    if all(shutil.which(name, path=SYSTEM_PATH) for name in ("slurmctld", "slurmd", "sbatch", "munged")):
        return
    if not shutil.which("apt-get"):
        raise Unavailable("no Slurm, and no apt-get to install it")
    made = not NO_DAEMONS.exists()
    if made:  # packages must not start daemons of their own
        NO_DAEMONS.write_text("#!/bin/sh\nexit 101\n")
        NO_DAEMONS.chmod(0o755)
    try:
        for words in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
            done = subprocess.run(
                ["apt-get", "-qq", *words],
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                raise Unavailable(f"apt-get {words[0]}: {done.stderr.strip().splitlines()[-1:]}")
    finally:
        if made:
            NO_DAEMONS.unlink()


@dataclass
class OneNode:
    """The Slurm in a folder, whose path must be short: it holds Unix sockets."""

    folder: Path
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def up(self) -> None:
        """Start it, and wait until the node takes jobs."""
        assert not LINK.exists(), f"{LINK} leads to a Slurm that is up, or was left by one: remove it"
        self._configure()
        LINK.parent.mkdir(parents=True, exist_ok=True)
        LINK.unlink(missing_ok=True)  # it led nowhere
        LINK.symlink_to(self.folder / "etc")
        munge = self.folder / "munge"
        self._start(
            *("munged", "--foreground", "--force", f"--key-file={munge}/key", f"--socket={munge}/socket"),
            *(f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed"),
        )
        _wait_for(lambda: (munge / "socket").exists(), 10, "munged")
        configuration = str(self.folder / "etc/slurm.conf")
        self._start("slurmctld", "-D", "-f", configuration)
        _wait_for(lambda: "UP" in ask("scontrol", "ping"), 30, "slurmctld")
        self._start("slurmd", "-D", "-f", configuration, "-N", NODE)
        _wait_for(lambda: ask("sinfo", "-h", "-o", "%T") == "idle", 30, "slurmd")

    def down(self) -> None:
        """End all jobs and daemons."""
        if jobs := running_jobs():
            ask("scancel", *jobs)
            _wait_for(lambda: not running_jobs(), 20, "jobs to end")
        for daemon in reversed(self.daemons):
            daemon.terminate()
            daemon.wait(timeout=20)
        if LINK.is_symlink() and LINK.readlink() == self.folder / "etc":
            LINK.unlink()

    def _configure(self) -> None:
        for name in ("etc", "run", "log", "spool", "state", "munge"):
            (self.folder / name).mkdir(mode=0o755, parents=True, exist_ok=True)
        (self.folder / "munge/key").write_bytes(secrets.token_bytes(128))
        (self.folder / "munge/key").chmod(0o600)
        host = socket.gethostname().partition(".")[0]
        # Slurm binds to what the host's name resolves to, and only with this very address does all of it work; else its
        # ports are open on all addresses meanwhile.
        at_home = _address(socket.gethostname()) == "127.0.0.1"
        port = _free_ports()
        (self.folder / "etc/gres.conf").write_text(GRES.format(node=NODE))
        # Asks for nothing, where the default fails without systemd.
        (self.folder / "etc/cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        (self.folder / "etc/slurm.conf").write_text(
            CONFIGURATION.format(
                folder=self.folder,
                node=NODE,
                host=host,
                cores=CORES,
                memory=MEMORY_MB,
                port=port,
                second_port=port + 1,
                loopback="CommunicationParameters=NoCtldInAddrAny,NoInAddrAny" if at_home else "",
            )
        )

    def _start(self, *command: str) -> None:
        output = (self.folder / "log" / f"{command[0]}.out").open("wb")
        self.daemons.append(
            subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],  # it ends with the tests, also when they are killed
                env={**os.environ, "PATH": SYSTEM_PATH, "SLURM_CONF": str(self.folder / "etc/slurm.conf")},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C in the terminal is not meant for it
            )
        )


def ask(*command: str) -> str:
    """What a program of Slurm says; nothing where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return done.stdout.strip() if done.returncode == 0 else ""


def running_jobs() -> list[str]:
    """The jobs that wait, run or are about to end."""
    return ask("squeue", "-h", "-o", "%A").split()


def _address(host: str) -> str:
    try:
        return socket.gethostbyname(host)
    except OSError:
        return ""


def _free_ports() -> int:
    """The first of two ports that nobody uses."""
    for port in range(16817, 17817, 2):
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise Unavailable("no free ports")


def _wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
        time.sleep(0.1)
