"""Unpack an archive of videos or lists (.zip, or .rar with unrar, unar, bsdtar or 7z).

    python scripts/unpack.py --archive UCF101.rar --output data/UCF-101 --strip

With --strip the output holds the class folders, or classInd.txt, whatever folders the archive wraps them in.
"""

from __future__ import annotations

import argparse

from recurrent_residual import cli
from recurrent_residual.unpack import unpack


def arguments() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__)
    parser.add_argument("--archive", required=True, help="file to unpack")
    parser.add_argument("--output", required=True, help="folder to make")
    parser.add_argument("--strip", action="store_true", help="lay the content out as UCF-101")
    return parser


def main(options: argparse.Namespace) -> None:
    count = unpack(options.archive, options.output, strip=options.strip)
    print(f"{options.output}: {count} files")


if __name__ == "__main__":
    cli.run(main, arguments())
