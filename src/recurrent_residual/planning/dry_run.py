"""What is still to do, by Snakemake's own dry run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recurrent_residual.errors import UserError

NOTHING = "Nothing to be done"
RULES = Path("workflow")
_STATS = re.compile(r"^Job stats:\njob +count\n[- ]+\n(?P<rows>.*?)^total +(?P<total>\d+)$", re.M | re.S)
_HEAD = re.compile(r"(?P<indent> *)(Job \d+:|(rule|checkpoint|localrule|localcheckpoint) \w+:)")
_COMMAND = re.compile(r"Shell command: (?P<words>.*)")
_SCRIPT = re.compile(r"(.*/)?scripts/(?P<name>\w+)\.py")
_NOISE = re.compile(r'Using |Assuming |Config file |Building DAG|File "')
_EXCEPTION = re.compile(r"\w*(Error|Exception)\b.*:")


@dataclass(frozen=True)
class Command:
    """A job's command line: its script, and the words behind each option."""

    script: str
    options: dict[str, list[str]]

    @classmethod
    def parse(cls, text: str) -> Command | None:
        """The first call of one of scripts/ in a shell command; None where there is none."""
        words = iter(shlex.split(text))
        script = next((match["name"] for word in words if (match := _SCRIPT.fullmatch(word))), None)
        if script is None:
            return None
        options: dict[str, list[str]] = {}
        values: list[str] = []
        for word in words:
            if word.startswith("--"):
                values = options.setdefault(word.removeprefix("--"), [])
            elif word in ("|", ">", "2>", "2>&1", "&&", ";"):
                break
            else:
                values.append(word)
        return cls(script, options)

    def one(self, option: str) -> str:
        """The one word behind `option`."""
        (value,) = self.options[option]
        return value


@dataclass(frozen=True)
class DryRun:
    """The jobs that a run would do."""

    jobs: dict[str, int]
    """By rule, in the order of the work; Snakemake counts its target, `all`, as one."""
    commands: list[Command]
    """Of all jobs that call a script."""
    submitted: int
    """What an executor of a cluster would have to do: groups count as one job, local rules as none."""

    @property
    def total(self) -> int:
        """The number of all jobs."""
        return sum(self.jobs.values())

    def of(self, script: str) -> list[Command]:
        """The command lines of a script."""
        return [command for command in self.commands if command.script == script]

    @classmethod
    def parse(cls, output: str, local: Collection[str]) -> DryRun:
        """From what `snakemake -n -p` prints; `local` are the rules that run where snakemake was started.

        Raises:
            UserError: there is neither a table of jobs in it nor a word that there is nothing to do.
        """
        stats = _STATS.search(output)
        if stats is None:
            if NOTHING in output:
                return cls({}, [], 0)
            raise UserError("snakemake -n printed no table of jobs; run it by itself to see what it says")
        jobs = {rule: int(count) for rule, count in (line.split() for line in stats["rows"].splitlines())}
        if sum(jobs.values()) != int(stats["total"]):
            raise UserError("snakemake -n printed a table of jobs whose sum is not its total")
        commands, grouped, single, indented = [], 0, 0, False
        groups = len(re.findall(r"^\[.+\] Group job ", output, re.M))
        for line in output.splitlines():
            if head := _HEAD.match(line):
                indented = bool(head["indent"])  # members of a group are
            elif (shell := _COMMAND.fullmatch(line)) and shell["words"] != "None":
                grouped, single = grouped + indented, single + (not indented)
                if command := Command.parse(shell["words"]):
                    commands.append(command)
        at_home = sum(count for rule, count in jobs.items() if rule in local)
        return cls(jobs, commands, groups + single - at_home)


def dry_run(configfiles: Sequence[Path], *, targets: Sequence[str] = (), profile: str | None = None) -> DryRun:
    """Ask Snakemake, in the working folder; it takes no lock and changes nothing but its own .snakemake.

    Raises:
        UserError: Snakemake refuses; its reason in one line.
    """
    command = [sys.executable, "-m", "snakemake", *targets]
    command += ["--dry-run", "--printshellcmds", "--nocolor", "--nolock", "--quiet", "host", "reason"]
    command += ["--profile", profile] if profile else []
    command += ["--configfile", *map(str, configfiles)] if configfiles else []
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"snakemake -n: {reason(done.stdout)}")
    return DryRun.parse(done.stdout, local_rules(RULES))


def reason(output: str) -> str:
    """Why Snakemake stopped, in one line: what stands behind its last exception's name, or its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip() and not _NOISE.match(line.strip())]
    names = [number for number, line in enumerate(lines) if _EXCEPTION.fullmatch(line)]
    behind = lines[names[-1] + 1 :] if names else []
    return " ".join(behind or lines[-1:]) or "it stopped and said nothing"


def local_rules(folder: Path) -> set[str]:
    """The rules that the workflow in `folder` runs where snakemake was started, as `localrules:` says."""
    texts = (path.read_text(encoding="utf-8") for path in _workflow_files(folder))
    blocks = (block for text in texts for block in re.findall(r"^ *localrules:((?:\s+\w+,)+)", text, re.M))
    return {name for block in blocks for name in re.findall(r"\w+", block)}


def _workflow_files(folder: Path) -> Iterable[Path]:
    return [folder / "Snakefile", *sorted((folder / "rules").glob("*.smk"))]
