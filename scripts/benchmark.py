"""Measure: docs/benchmarks.md (extraction, demo, report) and docs/performance.md (training, loader, baselines).

    make benchmark                                      on the demo's videos and made frames
    make benchmark CLIPS=/path/UCF-101                  extraction and loader on real clips

Takes some forty minutes; let nothing else run on the machine. Each section says when and at which commit it was
measured; with --only the other sections of the files stay as they are. A GPU machine that has torch alone measures
training with scripts/benchmark_training.py itself.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from recurrent_residual import cli
from recurrent_residual.errors import UserError
from recurrent_residual.files import write_text
from recurrent_residual.provenance import commit, driver, processor

SCRIPTS = Path(__file__).resolve().parent
DEMO_VIDEOS = Path("resources/demo/UCF-101")
SIMULATED = Path("results/benchmark/baselines")

HEADINGS = {
    "benchmarks.md": """\
# Benchmarks

Written by `make benchmark`; what is measured and how, each script in `scripts/` says. Training, loader and baselines:
[performance.md](performance.md).
""",
    "performance.md": """\
# Performance

Written by `make benchmark`; what is measured and how, each script in `scripts/` says. Ratios are of turns that follow
each other in one run, where a note says nothing else; absolute times on a processor say nothing of a GPU.
""",
}
NO_GPU = """
## On a GPU

Not measured: no GPU was at hand. A machine with one needs torch, torchvision, numpy and Pillow, and this repository;

    python scripts/benchmark_training.py --output performance

prints the training's tables for ResNet-50 at 224x224 within 8 minutes, and writes them to performance.md and
performance.json.
"""


@dataclass(frozen=True)
class Section:
    """A script, and where its tables go."""

    title: str
    file: str


SECTIONS = {
    "extraction": Section("Extraction of frames, beside OpenCV and the ffmpeg command", "benchmarks.md"),
    "demo": Section("The demo", "benchmarks.md"),
    "report": Section("The report, at the paper's size", "benchmarks.md"),
    "training": Section("Training and test, beside the plain ResNet and PyTorch's example", "performance.md"),
    "loader": Section("The loader alone, beside torchvision's and decoding on the fly", "performance.md"),
    "baselines": Section("All trainings of the baselines, at UCF-101's size", "performance.md"),
}


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--clips", type=Path, help="folder of .avi files for extraction and loader; the demo's if not given"
    )
    parser.add_argument("--only", choices=list(SECTIONS), help="measure this alone")
    parser.add_argument("--folder", default=Path("docs"), type=Path, help="where the two files are written")
    return parser


def commands(names: list[str], clips: Path | None) -> dict[str, list[str]]:
    """The script of each benchmark with its arguments.

    Raises:
        UserError: there are no clips for the extraction.
    """
    videos = clips or DEMO_VIDEOS
    if {"extraction", "loader"} & set(names) and not videos.is_dir():
        hint = "name a folder of .avi files" if clips else "make the demo first, or name a folder with --clips"
        raise UserError(f"{videos}: no such folder; {hint}")
    given = {"extraction": [str(videos)], "loader": ["--clips", str(videos)], "baselines": [str(SIMULATED)]}
    return {name: [f"benchmark_{name}.py", *given.get(name, [])] for name in names}


def machine(load: float) -> str:
    """Date, commit, machine, its load before (processes that wanted to run, in a minute) and versions, in one line."""
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "av", "snakemake"))
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()[:12]}; {processor()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GiB, load {load:.1f}; Python {sys.version.split()[0]}, {packages}."
    )


def merge(old: str, file: str, sections: dict[str, str]) -> str:
    """The new text of `file`: `sections` by name in place of those in `old`, in the order of `SECTIONS`."""
    parts = re.split(r"^## (.+)\n", old, flags=re.MULTILINE)
    known = dict(zip(parts[1::2], parts[2::2], strict=True))
    known |= {SECTIONS[name].title: text for name, text in sections.items()}
    titles = [section.title for section in SECTIONS.values() if section.file == file and section.title in known]
    without = NO_GPU if file == "performance.md" and driver() is None else ""
    return HEADINGS[file] + without + "".join(f"\n## {title}\n\n{known[title].strip()}\n" for title in titles)


def main(options: argparse.Namespace) -> None:
    """Run the benchmarks one after the other; a file is written after each."""
    for name, command in commands([options.only] if options.only else list(SECTIONS), options.clips).items():
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        load = os.getloadavg()[0]
        done = subprocess.run([sys.executable, SCRIPTS / command[0], *command[1:]], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise UserError(f"scripts/{command[0]} stopped with status {done.returncode}; what is above says why")
        print(done.stdout, flush=True)
        output = options.folder / SECTIONS[name].file
        old = output.read_text(encoding="utf-8") if output.exists() else ""
        write_text(output, merge(old, output.name, {name: f"{machine(load)}\n\n{done.stdout}"}))


if __name__ == "__main__":
    cli.run(main, arguments())
