"""Join the table of clips with the frame counts of all classes: the manifest that every later stage reads.

    python scripts/build_manifest.py --clips clips.tsv --indexes frames/*.tsv --output manifest.tsv \
        --summary manifest.json

Stops when a clip has no row, which means that its class was not extracted, and when clips are damaged (unless
--damaged-videos drop): it names all of them at once, and removes the tables of their classes, which are not done before
the clips are replaced.
"""

from __future__ import annotations

import argparse
import json
import sys

from recurrent_residual import cli, files
from recurrent_residual.clips import SPLITS, read_clips
from recurrent_residual.manifest import DamagedClips, build_manifest, write_manifest


def arguments() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__)
    parser.add_argument("--clips", required=True, help="table of clips, from list_clips.py")
    parser.add_argument("--indexes", nargs="+", required=True, metavar="INDEX", help="tables from extract_frames.py")
    parser.add_argument("--damaged-videos", choices=("error", "drop"), default="error", help="clips that do not decode")
    parser.add_argument("--splits", nargs="+", type=int, choices=SPLITS, default=SPLITS, help="splits that are used")
    parser.add_argument("--output", required=True, help="manifest to write")
    parser.add_argument("--summary", required=True, help="JSON with the counts and the damaged clips to write")
    return parser


def main(options: argparse.Namespace) -> None:
    try:
        manifest, summary = build_manifest(
            read_clips(options.clips), options.indexes, damaged_videos=options.damaged_videos, splits=options.splits
        )
    except DamagedClips as error:
        for table in error.tables:  # so that the next run extracts these classes again, with what was replaced
            table.unlink()
        raise
    write_manifest(options.output, manifest)
    files.write_text(options.summary, json.dumps(summary, indent=1) + "\n")
    for clip in summary["short"]:
        print(
            f"warning: {clip['video']}: {clip['frames']} frames decode of {clip['announced']} that its header "
            "announces; it is used, and may be damaged",
            file=sys.stderr,
        )
    print(f"{summary['clips']} clips, {summary['frames']} frames; {len(summary['damaged'])} damaged clips left out")


if __name__ == "__main__":
    cli.run(main, arguments())
