"""Run the workflow with one of the small configurations, and say at the end where the report is and how long it took.

`make demo` and `make quick` call this. For the paper itself, call snakemake: `snakemake --cores all`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from recurrent_residual import cli
from recurrent_residual.config import read_config
from recurrent_residual.errors import UserError
from recurrent_residual.files import write_text

# How snakemake says that it has nothing to do, and that another one runs, or died without a word, in this folder.
NOTHING = "Nothing to be done"
LOCKED = "LockException"


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--configfile", required=True, type=Path, help="laid over config/config.yaml")
    parser.add_argument("--videos", help="dataset.videos, in place of the configuration's")
    parser.add_argument("--lists", help="dataset.lists, in place of the configuration's")
    parser.add_argument("--cores", default="all", help="processor cores")
    parser.add_argument("snakemake", nargs="*", help="more arguments for snakemake, behind --")
    return parser


def main(options: argparse.Namespace) -> None:
    """Run snakemake, pass its output on, and sum up."""
    configfiles = [Path("config/config.yaml"), options.configfile]
    folders = {key: str(Path(path).expanduser()) for key in ("videos", "lists") if (path := getattr(options, key))}
    if folders:
        # Snakemake's --config takes no nested keys without losing their types, so that it is a file.
        here = Path("results") / f"{options.configfile.stem}-folders.yaml"
        write_text(here, json.dumps({"dataset": folders}) + "\n")
        configfiles.append(here)
    report = Path(read_config(configfiles)["report"]["folder"]).resolve()
    started = time.monotonic()
    command = [
        *(sys.executable, "-m", "snakemake", "--cores", options.cores, "--quiet", "host", "reason"),
        *("--configfile", *map(str, configfiles)),
        *options.snakemake,
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stderr is not None
    idle = locked = False
    try:
        for line in process.stderr:
            idle = idle or line.startswith(NOTHING)
            locked = locked or line.startswith(LOCKED)
            print(line, end="", file=sys.stderr, flush=True)
        status = process.wait()
    except KeyboardInterrupt:  # the terminal sent it to snakemake as well, which stops its jobs first
        sys.exit(process.wait() or 130)
    if locked:
        raise UserError(f"if no other run goes on here, run: {sys.executable} -m snakemake --unlock; then this again")
    if status:
        raise UserError(f"the workflow stopped with status {status}; what is above says why; what is done is kept")
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    print()
    print("Nothing to do: the report is up to date." if idle else f"Done in {minutes} min {seconds:02d} s.")
    print(f"  {report / 'paper_tables.html'}")
    print(f"  {report / 'paper_tables.tex'}")
    sys.exit()  # nothing more to print: these lines are the last


if __name__ == "__main__":
    cli.run(main, arguments())
