"""Protects the command of a training: it stops when it is asked to, says how, and goes on when it is called again."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from made_frames import MadeSource
from made_trainings import CLIPS, SETTINGS, VIEW, timeless, update_lines

from recurrent_residual.backbone import build_backbone
from recurrent_residual.code_inputs import SOURCE
from recurrent_residual.frames import member, sampled_frames
from recurrent_residual.manifest import write_manifest

EPOCHS = 40  # a few seconds: long enough to be met by a signal
EXPERIMENT = {
    "model": "recurrent_resnet",
    "settings": {"skips": ["layer4.-1"]},
    "backbone": {"architecture": "small-8"},
    "training": {**asdict(SETTINGS), "epochs": EPOCHS},
    "input": {"resize": VIEW.resize, "size": VIEW.size, "crop_sides": VIEW.crop_sides, "flip": VIEW.flip},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A folder with what the script reads: manifest, frames and weights."""
    folder, source = tmp_path_factory.mktemp("data"), MadeSource(CLIPS)
    tests = [clip.__class__(**{**asdict(clip), "roles": ("test",) * 3}) for clip in CLIPS[-3:]]
    write_manifest(folder / "manifest.tsv", sorted([*CLIPS[:-3], *tests], key=lambda clip: (clip.label, clip.video)))
    (folder / "frames").mkdir()
    for name in {clip.class_name for clip in CLIPS}:
        with tarfile.open(folder / "frames" / f"{name}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for clip in (clip for clip in CLIPS if clip.class_name == name):
                for frame in sampled_frames(clip.frames, 10):
                    jpeg = source.read(name, clip.video, frame)
                    header = tarfile.TarInfo(member(clip.video, frame))
                    header.size = len(jpeg)
                    tar.addfile(header, io.BytesIO(jpeg))
    torch.save(build_backbone("small-8", classes=3).state_dict(), folder / "weights.pth")
    return folder


def start(data: Path, output: Path, **engine: object) -> subprocess.Popen[str]:
    command = [sys.executable, SOURCE.parent / "scripts" / "train_network.py", "--manifest", data / "manifest.tsv"]
    command += ["--frames", data / "frames", "--weights", data / "weights.pth", "--experiment", "tiny"]
    command += ["--settings", json.dumps(EXPERIMENT), "--split", "1", "--seed", "1", "--gpus", "0"]
    command += ["--engine", json.dumps(engine), "--output", output]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    return subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True, env=environment)


def finish(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """Exit status and lines on standard error."""
    _, told = process.communicate(timeout=120)
    assert "Traceback" not in told
    return process.returncode, told.splitlines()


def updates(folder: Path) -> int:
    return len(update_lines(folder)) if (folder / "updates.jsonl").exists() else 0


def test_stopped_in_every_way_it_ends_as_if_nothing_had_happened(data: Path, tmp_path: Path) -> None:
    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "stopped"
    assert finish(start(data, undisturbed))[0] == 0
    for sent, status in ((signal.SIGTERM, 143), (signal.SIGUSR1, 75), (signal.SIGINT, 130)):
        process, before, patience = start(data, folder), updates(folder), time.monotonic() + 60
        while updates(folder) < before + 3:
            assert process.poll() is None and time.monotonic() < patience
            time.sleep(0.01)
        process.send_signal(sent)
        stopped, told = finish(process)
        assert stopped == status
        assert told[-1].startswith(f"tiny split 1 seed 1: stopped by {sent.name} in epoch ")
        assert told[-1].endswith("saved, the same command goes on") and "error" not in told[-1].partition(":")[0]
        assert not (folder / "run.json").exists()
    stopped, told = finish(start(data, folder, max_minutes=1e-9))
    assert stopped == 75 and "stopped after 1e-09 minutes (engine.max_minutes)" in told[-1]
    ended, told = finish(start(data, folder))
    assert ended == 0 and any("resumed after" in line for line in told) and told[-1].startswith("worked ")

    assert (folder / "weights.safetensors").read_bytes() == (undisturbed / "weights.safetensors").read_bytes()
    for name in ("history.jsonl", "updates.jsonl"):
        one, other = ([json.loads(line) for line in (run / name).open()] for run in (folder, undisturbed))
        assert timeless(one) == timeless(other) and one
    run = json.loads((folder / "run.json").read_text())
    assert run["starts"] == 5 and run["micro_batch_frames"] == SETTINGS.micro_batch and run["energy_joules"] is None
    assert run["peak_memory_bytes"] > 50e6 and run["engine"]["checkpoint_minutes"] == 10
    assert len(run["machines"]) == 1 and run["decoder"] == "cpu"
    names = {"weights.safetensors", "history.jsonl", "updates.jsonl", "run.json"}
    assert {path.name for path in folder.iterdir()} == names | {"checkpoint.pt"}
