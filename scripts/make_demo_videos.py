"""Make the demo data set: short MPEG-4 AVI videos in the UCF-101 layout, with lists for three splits.

Four of the eight classes differ in what is seen, two pairs of classes only in the order of time
(src/recurrent_residual/demo/scenes.py). The same bytes come out on every machine with the same libraries.

Output: VIDEOS/<Class>/v_<Class>_g01_c01.avi and LISTS/{classInd,trainlist01..03,testlist01..03}.txt
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from recurrent_residual import cli
from recurrent_residual.demo import CLASSES
from recurrent_residual.demo.videos import make_videos


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--videos", type=Path, required=True, help="folder to make for the videos")
    parser.add_argument("--lists", type=Path, required=True, help="folder to make for the lists")
    parser.add_argument("--classes", nargs="+", default=list(CLASSES), metavar="CLASS", help="make these classes only")
    parser.add_argument("--groups", type=int, default=25, help="groups a class: g01 to this one")
    parser.add_argument("--clips", type=int, default=2, help="clips a group")
    parser.add_argument("--processes", type=int, default=1, help="processes to render and encode in")
    return parser


def main(options: argparse.Namespace) -> None:
    """Make the videos and the lists."""
    make_videos(
        options.videos,
        options.lists,
        classes=options.classes,
        groups=options.groups,
        clips=options.clips,
        processes=options.processes,
        progress=lambda done, total: tqdm(done, total=total, unit="clip", mininterval=2),
    )


if __name__ == "__main__":
    cli.run(main, arguments())
