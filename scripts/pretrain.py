"""Pretrain the small image network on made still images, where ImageNet's weights are out of reach (demo, quick).

The images show one shape each before a cluttered scene; the label is another than the demo's actions. Writes a state
dict (.safetensors) with torchvision's keys.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from recurrent_residual import cli
from recurrent_residual.device import choose_device
from recurrent_residual.pretraining import pretrain


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--architecture", required=True, help="backbone.architecture of the configuration")
    parser.add_argument("--settings", required=True, type=json.loads, help="section `pretraining`, JSON")
    parser.add_argument("--seed", default=0, type=int, help="of the images, initialisation and order")
    parser.add_argument("--gpus", default=1, type=int, help="0: compute on the processor even if there is a GPU")
    parser.add_argument("--threads", default=1, type=int, help="processor threads")
    parser.add_argument("--output", required=True, type=Path, help="weights, .safetensors")
    return parser


def main(options: argparse.Namespace) -> None:
    """Run the stage."""
    device = choose_device(gpus=options.gpus, threads=options.threads)
    pretrain(options.output, options.architecture, options.settings, seed=options.seed, device=device)


if __name__ == "__main__":
    cli.run(main, arguments())
