"""Measure extraction, training and the demo, and write docs/benchmarks.md.

    make benchmark                                      extraction on the demo's videos, training, the demo
    make benchmark CLIPS=/path/UCF-101                  extraction on real clips

Takes some ten minutes; let nothing else run on the machine. Each section says when and at which commit it was measured;
with --only the other sections of the file stay as they are.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from recurrent_residual import cli
from recurrent_residual.errors import UserError
from recurrent_residual.files import write_text
from recurrent_residual.provenance import commit, processor

SCRIPTS = Path(__file__).resolve().parent
DEMO_VIDEOS = Path("resources/demo/UCF-101")
TITLES = {
    "extraction": "Extraction of frames, beside OpenCV and the ffmpeg command",
    "training": "Training, beside the plain ResNet",
    "demo": "The demo",
}
HEADING = "# Benchmarks\n\nWritten by `make benchmark`; what is measured and how, each script in `scripts/` says.\n"


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--clips", type=Path, help="folder of .avi files for the extraction; the demo's if not given")
    parser.add_argument("--only", choices=list(TITLES), help="measure this alone")
    parser.add_argument("--output", default=Path("docs/benchmarks.md"), type=Path, help="file to write")
    return parser


def commands(names: list[str], clips: Path | None) -> dict[str, list[str]]:
    """The script of each benchmark with its arguments.

    Raises:
        UserError: there are no clips for the extraction.
    """
    videos = clips or DEMO_VIDEOS
    if "extraction" in names and not videos.is_dir():
        hint = "name a folder of .avi files" if clips else "make the demo first, or name a folder with --clips"
        raise UserError(f"{videos}: no such folder; {hint}")
    return {name: [f"benchmark_{name}.py", *([str(videos)] if name == "extraction" else [])] for name in names}


def machine() -> str:
    """Date, commit, machine and versions, in one line."""
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "av", "snakemake"))
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()[:12]}; {processor()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GiB; Python {sys.version.split()[0]}, {packages}."
    )


def merge(old: str, sections: dict[str, str]) -> str:
    """The file's new text: `sections` by title in place of those in `old`, in the order of `TITLES`."""
    parts = re.split(r"^## (.+)\n", old, flags=re.MULTILINE)
    known = dict(zip(parts[1::2], parts[2::2], strict=True)) | sections
    return HEADING + "".join(f"\n## {title}\n\n{known[title].strip()}\n" for title in TITLES.values() if title in known)


def main(options: argparse.Namespace) -> None:
    """Run the benchmarks one after the other; the file is written after each."""
    for name, command in commands([options.only] if options.only else list(TITLES), options.clips).items():
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        done = subprocess.run([sys.executable, SCRIPTS / command[0], *command[1:]], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise UserError(f"scripts/{command[0]} stopped with status {done.returncode}; what is above says why")
        print(done.stdout, flush=True)
        old = options.output.read_text(encoding="utf-8") if options.output.exists() else ""
        write_text(options.output, merge(old, {TITLES[name]: f"{machine()}\n\n{done.stdout}"}))


if __name__ == "__main__":
    cli.run(main, arguments())
