"""Protects what the benchmarks compute from what they measured; how fast anything is, no test says."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import pytest

from recurrent_residual.errors import UserError

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch):
    """Imports a script by name, as a module."""
    monkeypatch.syspath_prepend(str(SCRIPTS))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    return load


def test_own_work_is_what_the_logs_say(script, tmp_path: Path) -> None:
    """A log a rule or a log a job; progress before it does not matter, and of two figures the last counts."""
    (tmp_path / "train").mkdir()
    (tmp_path / "pretrain.log").write_text("epoch 1\nworked 74.15 s\n")
    (tmp_path / "train" / "a-split1.log").write_text("  0%|  | 0/4\r100%|##| 4/4\nworked 1.50 s\n")
    (tmp_path / "train" / "a-split2.log").write_text("worked 9.00 s\nresumed\nworked 2.25 s\n")
    assert script("benchmark_demo").own_work(tmp_path) == {"pretrain": [74.15], "train": [1.5, 2.25]}


def test_a_log_without_the_figure_is_named(script, tmp_path: Path) -> None:
    """A job that failed must not count as one that worked 0 s."""
    (tmp_path / "train.log").write_text("it worked 3.00 s or so\n")
    with pytest.raises(UserError, match=r"train\.log"):
        script("benchmark_demo").own_work(tmp_path)


def test_the_parts_of_the_demos_time_add_up(script) -> None:
    """Two cores for 100 s: 150 s of own work, 20 s of start-up, the rest idle; not own work is a quarter."""
    demo = script("benchmark_demo")
    usage = demo.Usage(wall=100, memory=2_500_000_000, lived=defaultdict(float, {"train": 130.0, "report": 40.0}))
    text = demo.tables({"report": [30.0], "train": [60.0, 60.0]}, usage, cores=2)
    for line in (
        "| jobs' own work | 150 | 75.0% |",
        "| start-up, imports and exit of the jobs' processes | 20 | 10.0% |",
        "| workflow engine and idle cores | 30 | 15.0% |",
        "| **not own work** | 50 | 25.0% |",
        "| train | 2 | 120.0 | 10.0 |",
        "| report | 1 | 30.0 | 10.0 |",
    ):
        assert line in text.splitlines()
    assert "2.50 GB" in text


def test_watching_finds_the_jobs_and_their_memory(script, tmp_path: Path) -> None:
    """A stand-in for run_workflow.py > snakemake > job: the job's life is timed by its script, nothing else is."""
    job = tmp_path / "scripts" / "job.py"
    job.parent.mkdir()
    job.write_text("import time\nblock = bytearray(200_000_000)\ntime.sleep(2)\n")
    engine = f"import subprocess, sys, time; subprocess.run([sys.executable, {str(job)!r}]); time.sleep(0.5)"
    top = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {engine!r}])"
    with subprocess.Popen([sys.executable, "-c", top]) as process:
        usage = script("benchmark_demo").watch(process, 0.05)
    assert list(usage.lived) == ["job"]
    assert 1 < usage.lived["job"] < usage.wall - 0.3
    assert usage.memory > 200_000_000


def test_a_new_section_leaves_the_others(script) -> None:
    """`--only` replaces its own section, whatever the order in which they were measured; each file has its own."""
    benchmark = script("benchmark")
    file = benchmark.SECTIONS["loader"].file
    first = benchmark.merge("", file, {"loader": "of the loader"})
    both = benchmark.merge(first, file, {"training": "old\n\n### A table\n\n| a | table |"})
    new = benchmark.merge(both, file, {"training": "new"})
    assert "of the loader" in new and "new" in new and "old" not in new
    titles = [benchmark.SECTIONS[name].title for name in ("training", "loader")]
    assert new.index(f"## {titles[0]}") < new.index(f"## {titles[1]}")
    assert benchmark.merge(new, file, {}) == new
    assert "of the loader" not in benchmark.merge(new, benchmark.SECTIONS["demo"].file, {})


def test_every_benchmark_has_its_script(script) -> None:
    """`make benchmark` calls what is there, with arguments that it takes."""
    benchmark = script("benchmark")
    for command in benchmark.commands(list(benchmark.SECTIONS), SCRIPTS).values():
        parser = script(Path(command[0]).stem).arguments()
        assert parser.parse_args(command[1:])
