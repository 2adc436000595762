"""Download one file and check its size and checksum before it counts as there.

    python scripts/download.py --url URL --bytes 113943 --sha256 5c0d1a53... --output lists.zip

A file that is there already and right is kept.
"""

from __future__ import annotations

import argparse

from recurrent_residual import cli
from recurrent_residual.download import download


def arguments() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__)
    parser.add_argument("--url", required=True, help="where the file is")
    parser.add_argument("--bytes", type=int, help="its size in bytes")
    parser.add_argument("--sha256", help="its checksum")
    parser.add_argument("--insecure-tls", action="store_true", help="pass over a broken certificate; needs --sha256")
    parser.add_argument("--output", required=True, help="where to put it")
    return parser


def main(options: argparse.Namespace) -> None:
    fetched = download(
        options.url,
        options.output,
        size=options.bytes,
        sha256=options.sha256,
        insecure_tls=options.insecure_tls,
    )
    print(f"{options.output}: " + ("downloaded and checked" if fetched else "there already, and right"))


if __name__ == "__main__":
    cli.run(main, arguments())
