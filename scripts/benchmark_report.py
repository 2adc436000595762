"""How long a report of the paper's size takes on one core, and how large it is.

    python scripts/benchmark_report.py

Makes up runs (101 classes, 3 splits, 30 experiments, 5 seeds, six clips looked into), then collects and renders them as
the workflow's jobs do, each in a process of its own on one core and one thread. Wall time depends on what else the
machine does; CPU time, user and system, does not. Both include the interpreter's start and the imports.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from recurrent_residual import cli
from recurrent_residual.benchmarks import made_report
from recurrent_residual.benchmarks.results import Number, Results
from recurrent_residual.claims import read_claims
from recurrent_residual.files import write_text
from recurrent_residual.tables import collect

REPOSITORY = Path(__file__).resolve().parent.parent
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SECONDS, PAGE_BYTES = 60, 5_000_000  # what all of it may take, and the page may weigh
TABLES = "tables.json"


@dataclass(frozen=True)
class Step:
    """What a process took."""

    name: str
    wall: float
    cpu: float


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=made_report.SEEDS, help="seeds of each split")
    parser.add_argument("--folder", type=Path, help="keep what was rendered here; default: nothing is kept")
    parser.add_argument("--output", type=Path, help="write the tables to this name with .md and .json, too")
    parser.add_argument("--collect-only", type=Path, help=argparse.SUPPRESS)  # one of the processes that are measured
    return parser


def main(options: argparse.Namespace) -> None:
    """Make, measure, print."""
    if options.collect_only:
        collect_made(options.collect_only, options.folder / TABLES, seeds=options.seeds)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        made_report.write_runs(Path(temporary) / "runs", made_report.made_experiments(), seeds=options.seeds)
        steps = measure(Path(temporary) / "runs", folder, seeds=options.seeds)
        print_tables(steps, folder, Results(options.output))


def measure(runs: Path, folder: Path, *, seeds: int) -> list[Step]:
    """Each step in a process of its own."""
    tables, templates = folder / TABLES, REPOSITORY / "report/templates"
    page = ["--tables", tables, "--templates", templates, "--output"]
    latex = ["--latex-folder", folder / "latex", "--figures-folder", folder / "figures"]
    data = ["--tables", tables, "--output-json", folder / "paper_tables.json", "--csv-folder", folder / "csv"]
    return [
        step("collect", "benchmark_report.py", "--collect-only", runs, "--seeds", seeds, "--folder", folder),
        step("HTML", "render_html.py", *page, folder / "paper_tables.html"),
        step("LaTeX and PDF figures", "render_latex.py", *page, folder / "paper_tables.tex", *latex),
        step("JSON and CSV", "render_data.py", *data),
    ]


def collect_made(runs: Path, output: Path, *, seeds: int) -> None:
    """Collect the made `runs` into `output`, as collect_tables does."""
    inputs = made_report.inputs(runs, seeds=seeds, fresh=False)
    claims = read_claims(REPOSITORY / "config/claims.yaml", inputs["paper"])
    tables = collect(runs, claims=claims, **inputs)
    write_text(output, json.dumps(tables, indent=1, ensure_ascii=False) + "\n")


def step(name: str, script: str, *options: object) -> Step:
    """Run a script on one core; what it says when it fails is shown."""
    core = min(os.sched_getaffinity(0))
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, REPOSITORY / "scripts" / script, *map(str, options)],
        env={**os.environ, **dict.fromkeys(THREADS, "1")},
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        check=True,
    )
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Step(name, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def print_tables(steps: list[Step], folder: Path, results: Results) -> None:
    """Time of each step, and size of what was rendered."""
    steps = [*steps, Step("all", sum(step.wall for step in steps), sum(step.cpu for step in steps))]
    seconds = "{:.1f} s"
    results.table(
        "Time on one core",
        [{"step": s.name, "wall": Number(s.wall, seconds), "CPU": Number(s.cpu, seconds)} for s in steps],
        note=f"Aim: under {SECONDS} s in all.",
    )
    parts = ["paper_tables.html", "paper_tables.tex", "latex", "figures", "paper_tables.json", "csv", TABLES]
    results.table(
        "Size",
        [{"what": part, "size": Number(size_of(folder / part) / 1e6, "{:,.2f} MB")} for part in parts],
        note=f"Aim: the page under {PAGE_BYTES / 1e6:.0f} MB.",
    )


def size_of(path: Path) -> int:
    """Bytes of a file, or of all in a folder."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())


if __name__ == "__main__":
    cli.run(main, arguments())
