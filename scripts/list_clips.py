"""Join the official lists with the clips on disk: which clips there are, and their role in each split.

    python scripts/list_clips.py --videos UCF-101 --lists ucfTrainTestlist --output clips.tsv --summary clips.json

Stops when official lists are not complete, when a group stands in both train and test of a split, when a clip of the
lists is missing (unless --missing-videos drop), and when a class has no train or no test clip in one of the --splits.
"""

from __future__ import annotations

import argparse
import json

from recurrent_residual import cli, files
from recurrent_residual.clips import SPLITS, list_clips, write_clips
from recurrent_residual.datasets import dataset, names


def arguments() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__)
    parser.add_argument("--videos", required=True, help="folder of class folders of .avi files")
    parser.add_argument("--lists", required=True, help="folder of the lists of train and test clips")
    parser.add_argument("--dataset", choices=names(), default="ucf101", help="whose layout and lists they are")
    parser.add_argument("--classes", nargs="+", metavar="CLASS", help="classes to use; without it, all")
    parser.add_argument(
        "--missing-videos", choices=("error", "drop"), default="error", help="clips or classes not on disk"
    )
    parser.add_argument("--clips-per-group", type=int, default=0, help="use the first N clips of a group; 0 is all")
    parser.add_argument("--splits", nargs="+", type=int, choices=SPLITS, default=SPLITS, help="splits that are used")
    parser.add_argument("--output", required=True, help="table of clips to write")
    parser.add_argument("--summary", required=True, help="JSON with the counts to write")
    return parser


def main(options: argparse.Namespace) -> None:
    clips, summary = list_clips(
        dataset(options.dataset),
        options.videos,
        options.lists,
        classes=options.classes,
        missing_videos=options.missing_videos,
        clips_per_group=options.clips_per_group,
        splits=options.splits,
    )
    write_clips(options.output, clips)
    files.write_text(options.summary, json.dumps(summary, indent=1) + "\n")
    print(f"{summary['found']} clips of {len(summary['classes'])} classes; {summary['missing']} missing")


if __name__ == "__main__":
    cli.run(main, arguments())
