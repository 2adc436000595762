"""A made tree of finished runs with random but consistent predictions, for the tests of tables and report.

The metrics are counted in plain loops. Runs of the paper's size are made by `benchmarks.made_report`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from recurrent_residual.benchmarks import made_report
from recurrent_residual.claims import read_claims
from recurrent_residual.config import validate
from recurrent_residual.manifest import Clip
from recurrent_residual.tables import collect, groups_of

ROOT = Path(__file__).parents[2]
CLASSES = ["ApplyLipstick", "Archery", "BabyCrawling", "Odd_Name & 50% <b>"]
CHOSEN_BY_VIEWS = [
    "block4_average_znorm",
    "rrn_block4_convolution",
    "rrn_block1_convolution",
    "control_no_skip",
    "rrn_block4_identity",
    "my_own",
]
SETTINGS: dict[str, Any] = {
    "dataset": {
        "name": "made",
        "title": "A made set",
        "kind": "ucf101",
        "source": "demo",
        "videos": "v",
        "lists": "l",
        "classes": [],
    },
    "seeds": {"split1": 3, "split2": 1, "split3": 1},
    "input": {"resize": [340, 256], "size": 224},
    "features": {"every": 10},
    "training": {"epochs": 4, "learning_rate": 0.0001, "every": 10, "batch_norm": "train"},
    "backbone": {"architecture": "small-16", "weights": "stills"},
    "report": {
        "title": "Test & report of 100 % made_up numbers",
        "comparable": False,
        "notice": "Made up by a test: <nothing> of this & that was measured_at all.",
        "folder": "report",
        "ran_by": [],
        "repository": "",
    },
}
CLIPS: dict[str, Any] = {
    "listed": 844,
    "found": 150,
    "missing": 694,
    "missing_videos": ["v_Archery_g01_c01", "v_Odd_Name_g09_c02"],
    "left_out": 0,
    "classes": CLASSES,
    "unlisted_files": 0,
    "stray_files": 2,
    "classes_not_chosen": 97,
    "splits": {str(split): {"train": 100, "test": 50, "unused": 0} for split in (1, 2, 3)},
}
MANIFEST: dict[str, Any] = {
    "clips": 149,
    "frames": 27_123,
    "damaged": [{"video": "v_Archery_g02_c01", "class": "Archery", "problem": "cut short, 7 of 80 bytes"}],
    "short": [{"video": "v_Archery_g07_c02", "class": "Archery", "frames": 51, "announced": 80}],
    "splits": {str(split): {"train": 99, "test": 50, "unused": 0} for split in (1, 2, 3)},
}


def project(name: str) -> Any:
    """One of the project's own files, config/<name>.yaml."""
    return yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text(encoding="utf-8"))


def experiments(**own: Any) -> Any:
    """experiments.yaml with a user's own entries, validated as the script does."""
    return validate({**project("experiments"), **own}, "experiments", source="experiments.yaml")


def write_run(runs: Path, experiment: str, split: int, seed: int, *, accuracy: float = 0.7) -> Path:
    """One run whose predictions are right with probability `accuracy`; the metrics are counted in plain loops."""
    rng = np.random.default_rng([split, seed, sum(experiment.encode())])
    folder = runs / experiment / f"split{split}" / f"seed{seed}"
    folder.mkdir(parents=True)
    videos, labels, predicted = [], [], []
    for label, name in enumerate(CLASSES):
        for group in range(7 * split - 6, 7 * split + 1):
            for clip in (1, 2):
                videos.append(f"v_{name}_g{group:02d}_c{clip:02d}")
                labels.append(label)
                predicted.append(label if rng.random() < accuracy else int(rng.integers(len(CLASSES))))
    confusion = [[0] * len(CLASSES) for _ in CLASSES]
    for label, guess in zip(labels, predicted, strict=True):
        confusion[label][guess] += 1
    wrong = sum(label != guess for label, guess in zip(labels, predicted, strict=True))
    columns = {
        "video": videos,
        "class": [CLASSES[label] for label in labels],
        "label": pa.array(labels, pa.int32()),
        "predicted": pa.array(predicted, pa.int32()),
        "probabilities": pa.array([[0.25] * 4] * len(labels), pa.list_(pa.float32())),
    }
    shuffled = None
    if "rrn" in experiment:
        turned = [guess if rng.random() < 0.7 else (guess + 1) % len(CLASSES) for guess in predicted]
        columns["predicted_shuffled"] = pa.array(turned, pa.int32())
        shuffled = sum(label != guess for label, guess in zip(labels, turned, strict=True)) / len(labels)
    pq.write_table(pa.table(columns), folder / "predictions.parquet")
    history = [
        {"epoch": e, "updates": 10 * e, "loss": 2 / e + rng.random() / 9, "error": 0.5 / e, "seconds": 1.5}
        for e in range(1, 5)
    ]
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in history))
    write_json(
        folder / "metrics.json",
        {
            "experiment": experiment,
            "split": split,
            "seed": seed,
            "videos": len(videos),
            "error": wrong / len(videos),
            "per_class_error": {name: None for name in CLASSES},
            "confusion": confusion,
            "classes": CLASSES,
            "seconds": 0.5,
            "shuffled_error": shuffled,
        },
    )
    write_json(
        folder / "run.json",
        {
            "experiment": experiment,
            "model": "recurrent_resnet",
            "split": split,
            "seed": seed,
            "settings": {"model": "recurrent_resnet", "settings": {"skips": ["layer4.-1"]}, "training": {"epochs": 4}},
            "train_clips": 100,
            "parameters": 23_500_000,
            "updates": 40,
            "seconds": 60.0 + seed,
            "micro_batch_frames": 128,
            "device": "cpu",
            "hardware": "A processor & co",
            "threads": 2,
            "versions": {"python": "3.11.2", "torch": "2.15.0"},
            "commit": "0123456789abcdef0123456789abcdef01234567+changes",
            "finished": f"2026-11-21T1{split}:00:0{seed}+00:00",
            "command": f"python scripts/train_network.py --experiment {experiment} --split {split} --seed {seed}",
        },
    )
    return folder


def write_runs(runs: Path, experiments: Iterable[str]) -> None:
    """Runs of several experiments, all that `SETTINGS` asks for, each experiment a little better than the last."""
    for number, experiment in enumerate(experiments):
        for split, count in {1: 3, 2: 1, 3: 1}.items():
            for seed in range(1, count + 1):
                write_run(runs, experiment, split, seed, accuracy=0.4 + 0.02 * number)


def claims() -> Any:
    """The project's claims, as the script reads them."""
    return read_claims(ROOT / "config" / "claims.yaml", project("paper"))


def small_tables(folder: Path, **changed: Any) -> dict[str, Any]:
    """A report's tables.json as it is read again, with all parts: few classes, odd names, some of the experiments.

    Args:
        folder: empty; gets the runs.
        changed: what `collect` shall get instead.
    """
    write_runs(folder, CHOSEN_BY_VIEWS)
    own = {"title": "My <own> & 100 % new_one", "model": "recurrent_resnet", "settings": {"skips": []}}
    inputs: dict[str, Any] = {
        "experiments": experiments(my_own=own),
        "paper": project("paper"),
        "claims": claims(),
        "decisions": project("decisions"),
        "clips": CLIPS,
        "manifest": MANIFEST,
        "settings": SETTINGS,
        "chosen": CHOSEN_BY_VIEWS,
        "groups": groups(),
        "examples": made_report.MadeExamples(),
        "looks": made_report.looks(made_report.made_classes()),
        "checksums": [{"what": "results/made/manifest & <co>.tsv", "sha256": f"{7:064x}"}],
    }
    return json.loads(json.dumps(collect(folder, **{**inputs, **changed})))


def paper_tables(folder: Path, *, seeds: int = made_report.SEEDS, fresh: bool = True) -> dict[str, Any]:
    """The same of the paper's size: 101 classes, 3 splits, 30 experiments, 5 seeds. Takes some 12 s: once a session.

    Args:
        folder: gets the runs.
        seeds: fewer are quicker.
        fresh: whether to write the runs; they are there when it was called before.
    """
    inputs = made_report.inputs(folder, seeds=seeds, fresh=fresh)
    return json.loads(json.dumps(collect(folder, claims=claims(), **inputs)))


def manifest_clips() -> list[Clip]:
    """The test clips of `write_run` in all splits, as the manifest has them: 51 frames of 320 x 240 pixels."""
    return [
        Clip(
            video=f"v_{name}_g{group:02d}_c{clip:02d}",
            class_name=name,
            label=label,
            group=group,
            clip=clip,
            path=f"{name}/v_{name}_g{group:02d}_c{clip:02d}.avi",
            roles=tuple("test" if (group - 1) // 7 == split else "train" for split in range(3)),
            frames=51,
            width=320,
            height=240,
            fps=25.0,
            sha256="0" * 16,
        )
        for label, name in enumerate(CLASSES)
        for group in range(1, 22)
        for clip in (1, 2)
    ]


def groups() -> dict[str, str]:
    """The group of each clip, by its name."""
    return groups_of(manifest_clips())


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(content), encoding="utf-8")
