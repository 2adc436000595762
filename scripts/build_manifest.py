"""Join the table of clips with the frame counts of all classes: the manifest that every later stage reads.

    python scripts/build_manifest.py --clips clips.tsv --indexes frames/*.tsv --output manifest.tsv

Stops when a clip has no row, which means that its class was not extracted.
"""

from __future__ import annotations

import argparse

from recurrent_residual import cli
from recurrent_residual.clips import read_clips
from recurrent_residual.manifest import build_manifest, write_manifest


def arguments() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__)
    parser.add_argument("--clips", required=True, help="table of clips, from list_clips.py")
    parser.add_argument("--indexes", nargs="+", required=True, metavar="INDEX", help="tables from extract_frames.py")
    parser.add_argument("--output", required=True, help="manifest to write")
    return parser


def main(options: argparse.Namespace) -> None:
    manifest = build_manifest(read_clips(options.clips), options.indexes)
    write_manifest(options.output, manifest)
    print(f"{len(manifest)} clips, {sum(clip.frames for clip in manifest)} frames")


if __name__ == "__main__":
    cli.run(main, arguments())
