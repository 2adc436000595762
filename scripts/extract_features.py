"""Compute every sampled frame's features after blocks 2, 3 and 4 of the frozen image network (Section 4.1).

Writes block2.npy, block3.npy and block4.npy: (frames, channels) float32, clips in the manifest's order; and, last,
features.json, which says how many and of what. All twelve baselines on all splits read them.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from recurrent_residual import cli
from recurrent_residual.backbone import build_backbone
from recurrent_residual.device import choose_device
from recurrent_residual.engine import EngineSettings
from recurrent_residual.features import extract_features
from recurrent_residual.files import write_text
from recurrent_residual.frames import FrameReader
from recurrent_residual.manifest import read_manifest
from recurrent_residual.meter import Meter
from recurrent_residual.provenance import describe
from recurrent_residual.views import ViewSettings
from recurrent_residual.weights import load_weights
from recurrent_residual.weights_source import sha256_of


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("--manifest", required=True, type=Path, help="the clips")
    parser.add_argument("--frames", required=True, type=Path, help="folder of the classes' frames, <Class>.tar")
    parser.add_argument("--weights", required=True, type=Path, help="the image network's weights")
    parser.add_argument("--weights-sha256", help="digest of --weights, or its first digits; another file is refused")
    parser.add_argument("--architecture", required=True, help="backbone.architecture of the configuration")
    parser.add_argument("--input", required=True, type=json.loads, help="section `input` of the configuration, JSON")
    parser.add_argument("--every", required=True, type=int, help="take every n-th frame")
    parser.add_argument("--batch", default=128, type=int, help="frames in one pass")
    parser.add_argument("--engine", default={}, type=json.loads, help="section `engine` of the configuration, JSON")
    parser.add_argument("--gpus", default=1, type=int, help="0: compute on the processor even if there is a GPU")
    parser.add_argument("--threads", default=1, type=int, help="processor threads")
    parser.add_argument("--output", required=True, type=Path, help="folder for the three files")
    return parser


def main(options: argparse.Namespace) -> None:
    """Run the stage."""
    device = choose_device(gpus=options.gpus, threads=options.threads)
    provenance = describe(device)
    network = build_backbone(options.architecture, classes=1)
    load_weights(network, options.weights, options.weights_sha256)
    clips = read_manifest(options.manifest)
    engine = EngineSettings.of(options.engine)
    meter, started = Meter(device), time.monotonic()
    frames = extract_features(
        network,
        clips,
        FrameReader(options.frames),
        options.output,
        every=options.every,
        view=ViewSettings.of(options.input),
        batch=options.batch,
        device=device,
        workers=options.threads,
        decoder=engine.decoder,
        progress_seconds=engine.progress_seconds,
    )
    seconds = time.monotonic() - started
    summary = {
        "frames": frames,
        "clips": len(clips),
        "architecture": options.architecture,
        "weights_sha256": sha256_of(options.weights),
        "seconds": round(seconds, 3),
        "frames_per_second": round(frames / seconds, 1),
        "energy_joules": meter.joules(),
        "peak_memory_bytes": meter.peak_memory(),
        **provenance,
    }
    write_text(options.output / "features.json", json.dumps(summary, indent=2) + "\n")


if __name__ == "__main__":
    cli.run(main, arguments())
