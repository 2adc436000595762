"""Get a file from the first of its mirrors that gives it: resumed after any break, verified before it counts as there.

    python scripts/download.py --dataset ucf101 --part videos --folder resources/ucf101
    python scripts/download.py --weights resnet50 IMAGENET1K_V1 --folder resources/weights
    python scripts/download.py --url https://example.org/lists.zip --sha256 5c0d1a53... --folder resources

A file that was put into --folder by hand, under its own name, is verified and used in place of a download. What has
come so far stands in <name>.part, also after kill -9, and the same command goes on with it. With --output it stays
there, the same file under two names, until scripts/unpack.py has unpacked it. Proxies are taken from the environment
(https_proxy, no_proxy), further certificates from REQUESTS_CA_BUNDLE.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence

from recurrent_residual import cli
from recurrent_residual.code_inputs import SOURCE
from recurrent_residual.errors import UserError
from recurrent_residual.fetch.download import download, with_mirrors
from recurrent_residual.fetch.mirrors import Mirror
from recurrent_residual.fetch.transfer import Patience

WEIGHTS = SOURCE.parent / "config" / "weights.yaml"


def arguments() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__)
    what = parser.add_argument_group("what to get, one of").add_mutually_exclusive_group(required=True)
    what.add_argument("--dataset", help="a data set, as ucf101 or hmdb51; --part says what of it")
    what.add_argument("--weights", nargs=2, metavar=("ARCHITECTURE", "NAME"), help="an entry of config/weights.yaml")
    what.add_argument("--url", action="append", help="an address; may be repeated, in order of preference")
    parser.add_argument("--part", choices=("videos", "lists"), default="videos", help="with --dataset")
    parser.add_argument("--bytes", type=int, help="with --url: the size of the file")
    parser.add_argument("--sha256", help="with --url: its checksum, or the first 8 digits of it or more")
    parser.add_argument("--md5", help="with --url: its checksum")
    parser.add_argument(
        "--mirror",
        action="append",
        default=[],
        metavar="BASE",
        help="try BASE/<name> before the known addresses; may be repeated",
    )
    parser.add_argument("--retries", type=int, default=Patience.retries, help="tries without gain after the first one")
    parser.add_argument("--folder", required=True, help="where files put there by hand are looked for, and the parts")
    parser.add_argument("--output", help="the file at the end (default: its own name in --folder)")
    return parser


def main(options: argparse.Namespace) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C
    mirrors = with_mirrors(options.mirror, known_mirrors(options))
    try:
        path = download(
            mirrors,
            options.folder,
            output=options.output,
            room_to_unpack=bool(options.dataset) and options.part == "videos",
            patience=Patience(retries=options.retries),
        )
        print(path)
    except KeyboardInterrupt:
        raise UserError(
            f"stopped; what has come stays in {options.folder}, and the same command goes on with it"
        ) from None


def known_mirrors(options: argparse.Namespace) -> Sequence[Mirror]:
    """Where the file that the command line names can be had."""
    if options.dataset:
        from recurrent_residual import datasets

        dataset = datasets.dataset(options.dataset)
        mirrors: tuple[Mirror, ...] = dataset.VIDEOS if options.part == "videos" else dataset.LISTS
        return mirrors
    if options.weights:
        from recurrent_residual.config import read_yaml

        architecture, name = options.weights
        known = read_yaml(WEIGHTS)
        if name not in known.get(architecture, {}):
            there = ", ".join(f"{key} {name}" for key, names in known.items() for name in names)
            raise UserError(f"{WEIGHTS}: no weights {name} of {architecture}; there are {there}")
        return [Mirror(**known[architecture][name])]
    return [Mirror(url, options.bytes, options.sha256, options.md5) for url in options.url]


if __name__ == "__main__":
    cli.run(main, arguments())
