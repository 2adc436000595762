"""Write every n-th frame of the clips of one class as JPEG into one tar, with a table of what each clip holds.

    python scripts/extract_frames.py --clips clips.tsv --videos UCF-101 --class-name ApplyLipstick \
        --frames ApplyLipstick.tar --index ApplyLipstick.tsv

Every clip is decoded to its end, because headers announce frames that are not there. A damaged clip stops nothing
here: the table says what is wrong with it, and build_manifest.py names those of all classes. Uses one core.
"""

from __future__ import annotations

import argparse

from recurrent_residual import cli
from recurrent_residual.clips import read_clips
from recurrent_residual.errors import UserError
from recurrent_residual.extraction import extract_frames


def arguments() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__)
    parser.add_argument("--clips", required=True, help="table of clips, from list_clips.py")
    parser.add_argument("--videos", required=True, help="folder of class folders of .avi files")
    parser.add_argument("--class-name", required=True, help="the class to extract")
    parser.add_argument("--every", type=int, default=10, help="keep frames 0, N, 2N, ...")
    parser.add_argument("--quality", type=int, default=95, help="JPEG quality, 1 to 100")
    parser.add_argument("--frames", required=True, help="tar of frames to write")
    parser.add_argument("--index", required=True, help="table of frame counts to write")
    return parser


def main(options: argparse.Namespace) -> None:
    clips = [clip for clip in read_clips(options.clips) if clip.class_name == options.class_name]
    if not clips:
        raise UserError(f"{options.clips}: no clip of class {options.class_name}; check --class-name")
    decoded, written, damaged = extract_frames(
        clips, options.videos, options.frames, options.index, every=options.every, quality=options.quality
    )
    print(f"{options.class_name}: {len(clips)} clips, {decoded} frames decoded, {written} written; {damaged} damaged")


if __name__ == "__main__":
    cli.run(main, arguments())
