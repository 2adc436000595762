"""`make quick` on clips of UCF-101, reduced to two classes and a minute; skipped where there are none."""

from __future__ import annotations

import html
import json
import os
from pathlib import Path

import pytest
import yaml
from checkouts import Checkout, with_changes

EXPERIMENTS = ["block4_average", "rrn_block4_identity", "control_no_skip"]


@pytest.fixture
def real() -> tuple[Path, Path]:
    """Folders of UCF-101's clips and lists."""
    if not os.environ.get("UCF101_VIDEOS") or not os.environ.get("UCF101_LISTS"):
        pytest.skip("needs clips of UCF-101: set UCF101_VIDEOS and UCF101_LISTS to their folder and the lists'")
    return Path(os.environ["UCF101_VIDEOS"]).resolve(), Path(os.environ["UCF101_LISTS"]).resolve()


def test_part_of_ucf101(checkout: Checkout, real: tuple[Path, Path], tmp_path: Path) -> None:
    """Two classes of real clips, one clip a group, go through to the report; it says how many of the lists' clips were
    missing, which is what the lists themselves give."""
    videos, lists = real
    part = tmp_path / "UCF-101"
    classes = sorted(folder.name for folder in videos.iterdir() if folder.is_dir())[:2]
    for name in classes:
        (part / name).mkdir(parents=True)
        first = {clip.stem.split("_g")[1][:2]: clip for clip in sorted((videos / name).glob("*.avi"), reverse=True)}
        for clip in first.values():
            (part / name / clip.name).symlink_to(clip)
    names = ("trainlist01.txt", "testlist01.txt")
    lines = [line for name in names for line in (lists / name).read_text().splitlines() if line.strip()]
    listed = sum(line.partition("/")[0] in classes for line in lines)
    found = len(list(part.rglob("*.avi")))

    reduced = with_changes(
        yaml.safe_load((checkout.root / "config/quick.yaml").read_text()),
        experiments=EXPERIMENTS,
        seeds={"split1": 1, "split2": 0, "split3": 0},
        backbone={"architecture": "small-8"},
        input={"resize": [43, 32], "size": 28, "crop_sides": [32, 28]},
        pretraining={"images": 64, "epochs": 1, "size": 28},
        baselines={"epochs": 1},
        training={"epochs": 1, "update_fraction": 0.5},
    )
    configfile = checkout.configure("reduced", reduced)
    folders = ("--videos", str(part), "--lists", str(lists))
    result = checkout.script("run_workflow", "--configfile", configfile, "--cores", "2", *folders)
    assert result.returncode == 0, result.stdout

    summary = json.loads((checkout.root / "results/quick/clips.json").read_text())
    assert (summary["classes"], summary["listed"], summary["found"]) == (classes, listed, found)
    assert summary["missing"] == listed - found > 0
    for name in EXPERIMENTS:
        metrics = json.loads((checkout.root / f"results/quick/runs/{name}/split1/seed1/metrics.json").read_text())
        assert metrics["videos"] == summary["splits"]["1"]["test"] > 0
    page = html.unescape((checkout.root / "report/paper_tables.html").read_text(encoding="utf-8"))
    assert f"{listed - found} of {listed} clips of the lists were missing" in page
    assert reduced["report"]["notice"] in page
