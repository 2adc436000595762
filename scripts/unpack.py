"""Unpack an archive of videos or lists: a zip, or a RAR with unrar, unar, bsdtar or 7z.

    python scripts/unpack.py --archive UCF101.rar --output data/UCF-101 --dataset ucf101 --part videos

With --dataset and --part the output holds one folder of clips a class, or the lists, whatever folders or further
archives wrap them, and nothing else; without, what the archive holds. It appears when all is unpacked. The .part
that scripts/download.py --output leaves beside the archive, the same file under another name, is removed then.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from recurrent_residual import cli
from recurrent_residual.errors import UserError
from recurrent_residual.fetch.partial_file import remove_parts_of
from recurrent_residual.fetch.unpack import unpack


def arguments() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__)
    parser.add_argument("--archive", required=True, help="file to unpack; its content, not its name, says what it is")
    parser.add_argument("--output", required=True, help="folder to make")
    parser.add_argument("--dataset", help="data set that the archive belongs to, as ucf101")
    parser.add_argument("--part", choices=["videos", "lists"], help="what of the data set the archive holds")
    return parser


def main(options: argparse.Namespace) -> None:
    if bool(options.dataset) != bool(options.part):
        raise UserError("--dataset and --part: give both or neither")
    dataset = None
    if options.dataset:
        from recurrent_residual import datasets

        dataset = datasets.dataset(options.dataset)
    done = unpack(options.archive, options.output, dataset=dataset, part=options.part)
    remove_parts_of(Path(options.archive))
    what = f"clips of {len(done.classes)} classes" if options.part == "videos" else options.part or "files"
    others = ""
    if done.ignored:
        names = ", ".join([*done.ignored[:3], *["..."][: len(done.ignored) - 3]])
        others = f"; {len(done.ignored)} other files in the archive are ignored ({names})"
    print(f"{options.output}: {len(done.files)} {what}{others}")


if __name__ == "__main__":
    cli.run(main, arguments())
