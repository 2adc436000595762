"""Look into two networks side by side: what they say of a test clip over its time, and where they look (Grad-CAM).

The clips are those of --videos, or some by rule: where the first network gains most over the one beside it, where it
loses most, and typical ones. Writes what the report shows as JSON, or, where --output ends in .html, a page of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

# For whoever runs it by hand.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from recurrent_residual import cli
from recurrent_residual.device import choose_device
from recurrent_residual.files import write_text
from recurrent_residual.frames import FrameReader
from recurrent_residual.looking.looks import look
from recurrent_residual.manifest import read_manifest

TEMPLATES = Path(__file__).resolve().parents[1] / "report/templates/look"


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--manifest", required=True, type=Path, help="the clips")
    parser.add_argument("--frames", required=True, type=Path, help="folder of the classes' frames, <Class>.tar")
    parser.add_argument("--runs", required=True, type=Path, help="folder with <experiment>/split<N>/seed<K>/")
    parser.add_argument("--experiment", default="rrn_block4_identity", help="the network to look into")
    parser.add_argument("--beside", default="control_no_skip", help="the one beside it")
    parser.add_argument("--split", default=1, type=int, help="whose test clips; both networks are of this split")
    parser.add_argument("--seed", default=1, type=int, help="of both networks")
    parser.add_argument("--videos", default=[], nargs="+", metavar="VIDEO", help="names of test clips, v_X_g01_c01")
    parser.add_argument("--clips", default=6, type=at_least_one, help="how many to choose by rule, without --videos")
    parser.add_argument("--gpus", default=1, type=int, help="0: compute on the processor even if there is a GPU")
    parser.add_argument("--threads", default=1, type=int, help="processor threads")
    parser.add_argument("--output", required=True, type=Path, help="a .json for the report, or a .html to look at")
    return parser


def at_least_one(text: str) -> int:
    """A number of clips."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} clips are none to look at; give 1 or more")
    return int(text)


def main(options: argparse.Namespace) -> None:
    """Run the stage."""
    looks = look(
        options.runs,
        read_manifest(options.manifest),
        FrameReader(options.frames),
        experiment=options.experiment,
        beside=options.beside,
        split=options.split,
        seed=options.seed,
        count=options.clips,
        videos=options.videos,
        device=choose_device(gpus=options.gpus, threads=options.threads),
        workers=options.threads,
    )
    if options.output.suffix == ".html":
        from recurrent_residual.looking.page import render  # here: the workflow asks for JSON, which needs no jinja2

        write_text(options.output, render(looks, TEMPLATES))
    else:
        write_text(options.output, json.dumps(looks, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    cli.run(main, arguments())
