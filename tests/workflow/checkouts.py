"""A fresh clone to run the workflow in, as a user would: by its commands, in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
NOTHING_TO_DO = "Nothing to be done"

# The whole workflow on three classes of the demo, one clip a group, with small networks trained for one epoch.
TINY: dict[str, Any] = {
    "dataset": {
        "name": "demo",
        "title": "three classes of the demo",
        "source": "demo",
        "videos": "resources/demo/UCF-101",
        "lists": "resources/demo/ucfTrainTestlist",
        "classes": ["BallFalls", "BallRises", "SquareSpins"],
        "clips_per_group": 1,
    },
    "seeds": {"split1": 1, "split2": 1, "split3": 1},
    "experiments": [
        "block4_average_znorm",
        "block2_gru",
        "rrn_block1_convolution",
        "rrn_block4_identity",
        "control_no_skip",
        "control_average",
    ],
    "input": {"resize": [32, 24], "size": 16, "crop_sides": [24, 20], "flip": True},
    "backbone": {"architecture": "small-8", "weights": "stills"},
    "pretraining": {"images": 64, "epochs": 1, "batch": 32, "size": 16},
    "baselines": {"epochs": 1, "by_model": {"gru": {"epochs": 1}}},
    "training": {"epochs": 1, "update_fraction": 0.5},
    "threads": 1,
    "report": {"comparable": False, "notice": "Three classes and one epoch: a test of the workflow."},
}
BASELINES = {"block4_average_znorm", "block2_gru"}
NETWORKS = {"rrn_block1_convolution", "rrn_block4_identity", "control_no_skip", "control_average"}
SPLITS = (1, 2, 3)
LOOKED_INTO = {"rrn_block4_identity", "control_no_skip"}
REPORT = ("collect_tables", "render_html", "render_latex", "render_data")
"""The rules that make the report of finished runs."""
# What a run took, when it was and on what: the only things in which two runs of one configuration differ.
COSTS = {"seconds", "evaluation_seconds", "training_seconds", "frames_per_second", "peak_memory_bytes"}
TIMES = {"started", "finished"}
VERSIONS = {"versions"}  # an environment's Python may be another 3.11 than this one


def with_changes(config: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """`config` with `changes`; a section is merged, as Snakemake does with a further configuration file."""
    merged = {key: {**config.get(key, {}), **v} if isinstance(v, dict) else v for key, v in changes.items()}
    return {**config, **merged}


@dataclass(frozen=True)
class Plan:
    """What a dry run would do: its jobs by rule, and the experiments that it would train and test."""

    jobs: dict[str, int]
    trained: set[str]
    tested: set[str]

    @classmethod
    def parse(cls, output: str) -> Plan:
        """From what `snakemake -n` prints; a plan without a job must say that there is nothing to do."""
        table = re.search(r"^Job stats:\njob +count\n[- ]+\n(.*?)^total +(\d+)$", output, re.M | re.S)
        assert (table is None) == (NOTHING_TO_DO in output), output
        if table is None:
            return cls({}, set(), set())
        jobs = {rule: int(count) for rule, count in (line.split() for line in table[1].splitlines())}
        assert sum(jobs.values()) == int(table[2])
        jobs.pop("all", None)
        named = {
            verb: set(re.findall(rf"^Job \d+: {verb} (\w+) on ", output, re.M)) for verb in ("Training", "Testing")
        }
        return cls(jobs, named["Training"], named["Testing"])


@dataclass(frozen=True)
class Checkout:
    """A copy of the project's files in a folder of its own."""

    root: Path

    @classmethod
    def fresh(cls, root: Path) -> Checkout:
        """What a clone would hold: tracked files, and new ones that git does not ignore."""
        for name in _project_files():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, root / name)
        return cls(root)

    def copy(self, root: Path) -> Checkout:
        """This folder once more, with the same modification times."""
        return Checkout(Path(shutil.copytree(self.root, root, symlinks=True)))

    def configure(self, name: str, config: Mapping[str, Any]) -> str:
        """Write config/<name>.yaml; return its path for --configfile."""
        (self.root / f"config/{name}.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False))
        return f"config/{name}.yaml"

    def edit_experiments(self, entries: Mapping[str, Any]) -> None:
        """Replace or add entries of config/experiments.yaml."""
        file = self.root / "config/experiments.yaml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **entries}, sort_keys=False))

    def experiments(self) -> dict[str, Any]:
        """The entries of config/experiments.yaml."""
        return yaml.safe_load((self.root / "config/experiments.yaml").read_text())

    def run(self, *command: str, timeout: float = 240, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command here in `environment()` with `variables`; both of its outputs come in stdout."""
        return subprocess.run(
            command,
            cwd=self.root,
            env={**environment(), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=timeout,
        )

    def script(
        self, name: str, *arguments: str, timeout: float = 240, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run scripts/<name>.py here, as the Makefile does."""
        variables["PYTHONPATH"] = str(self.root / "src")
        return self.run("python", f"scripts/{name}.py", *arguments, timeout=timeout, **variables)

    def snakemake(self, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Run snakemake here."""
        return self.run("snakemake", *arguments, timeout=timeout)

    def succeed(self, *arguments: str) -> str:
        """Run snakemake on two cores; return its output."""
        result = self.snakemake("--cores", "2", *arguments)
        assert result.returncode == 0, result.stdout
        return result.stdout

    def plan(self, *arguments: str) -> Plan:
        """What `snakemake -n <arguments>` would do."""
        result = self.snakemake("-n", *arguments)
        assert result.returncode == 0, result.stdout
        return Plan.parse(result.stdout)

    def files(self) -> dict[str, bytes]:
        """All files but Snakemake's and Python's own, by path."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and not {".snakemake", "__pycache__"} & set(path.parts)
        }


@dataclass(frozen=True)
class FinishedRun:
    """A checkout in which config/tiny.yaml ran to its end, and what that printed. Not to be changed: copy it."""

    checkout: Checkout
    output: str


def environment() -> dict[str, str]:
    """A user's environment: this Python's folder first on PATH, and nothing that helps the project's own modules."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "SNAKEMAKE_PROFILE")}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}


def refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """Assert that a command failed with one line that has all `words`, and without a traceback."""
    assert result.returncode != 0, result.stdout
    assert "Traceback" not in result.stdout, result.stdout
    assert any(all(word in line for word in words) for line in result.stdout.splitlines()), result.stdout


def check_same_results(one: Checkout, other: Checkout) -> None:
    """Assert that frames, features, weights and predictions are the same byte for byte, as are the report's numbers."""
    files = [path.relative_to(one.root) for path in (one.root / "results").rglob("*") if path.is_file()]
    exact = [path for path in files if path.suffix in (".tar", ".tsv", ".npy", ".safetensors", ".parquet")]
    assert {path.suffix for path in exact} == {".tar", ".tsv", ".npy", ".safetensors", ".parquet"}
    assert not [path for path in exact if (one.root / path).read_bytes() != (other.root / path).read_bytes()]
    tables = [json.loads((checkout.root / "results/demo/tables.json").read_text()) for checkout in (one, other)]
    assert _numbers(tables[0]) == _numbers(tables[1])


def _numbers(value: Any) -> Any:
    """A JSON value without what a run took, when it was and on what."""
    if isinstance(value, dict):
        return {key: _numbers(entry) for key, entry in value.items() if key not in COSTS | TIMES | VERSIONS}
    return [_numbers(entry) for entry in value] if isinstance(value, list) else value


def counted(*names: str) -> dict[str, int]:
    """Jobs by rule, each named rule once for each time it is named."""
    return dict(Counter(names))


def _project_files() -> Iterator[str]:
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):  # no git here, or an unpacked archive
        yield from _files_but_results()
        return
    # Listed but not there: deleted, and not committed yet.
    yield from (name for name in listing.stdout.split("\0") if name and (REPOSITORY / name).is_file())


def _files_but_results() -> Iterator[str]:
    """What .gitignore leaves, roughly: all but what runs and tools write."""
    made = re.compile(r"(\.venv.*|\.snakemake|\.git|\.hypothesis|\.\w+_cache|results|resources|logs)$")
    for top in REPOSITORY.iterdir():
        if not made.match(top.name):
            for path in [top, *top.rglob("*")]:
                name = str(path.relative_to(REPOSITORY))
                if path.is_file() and not re.search(r"__pycache__|\.egg-info|^report/(?!templates/)", name):
                    yield name
