"""What a report of the paper's size is collected from, made up: 101 classes, 3 splits, 30 rows, 5 seeds.

The runs are random but consistent, so that the report has all its parts; its numbers say nothing.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from recurrent_residual.code_inputs import SOURCE
from recurrent_residual.config import read_experiments, read_yaml, resolve_config, validate
from recurrent_residual.datasets import ucf101
from recurrent_residual.evaluation import metrics
from recurrent_residual.tables.examples import Examples, small_jpeg

CONFIG = SOURCE.parent / "config"
OWN = 8  # experiments of a user's own, so that there are 30 rows and more
SEEDS, SPLITS = 5, (1, 2, 3)
GROUPS = 7  # test groups of a class in a split
EPOCHS = 6
# Names that a careless view would break.
ODD_CLASSES = ('=Odd, "Name" & 50% <b>', "Übung_mit_Größe", "Quote's <i>", "字 $x^2$ {\\}")


def inputs(runs: Path, *, seeds: int = SEEDS, fresh: bool = True) -> dict[str, Any]:
    """Write the runs into `runs` (unless they are not to be `fresh`); return what `tables.collect` takes beside them.

    The claims are not among it.
    """
    experiments = made_experiments()
    if fresh:
        write_runs(runs, experiments, seeds=seeds)
    return {
        "experiments": experiments,
        "paper": read_yaml(CONFIG / "paper.yaml"),
        "decisions": read_yaml(CONFIG / "decisions.yaml"),
        "clips": clips_summary(),
        "manifest": manifest_summary(),
        "settings": made_settings(seeds=seeds),
        "chosen": list(experiments),
        "groups": {
            video: video.rpartition("_c")[0] for split in SPLITS for video in clips_of_test(made_classes(), split)[0]
        },
        "examples": MadeExamples(),
        "looks": looks(made_classes()),
        "checksums": [{"what": f"list{i} & <co>.txt", "sha256": f"{i:064x}"} for i in range(9)],
    }


def made_experiments() -> dict[str, Any]:
    """The project's experiments and eight of a user's own."""
    own = {
        f"own_{number}": {"title": f"Own <no. {number}>, 50 % & a_b", "model": "recurrent_resnet", "rows": []}
        for number in range(1, OWN + 1)
    }
    return {**read_experiments(CONFIG / "experiments.yaml"), **validate(own, "experiments", source="made")}


def made_classes() -> list[str]:
    """UCF-101's 101 classes, four of them under odd names."""
    return [*ODD_CLASSES, *ucf101.CLASSES[len(ODD_CLASSES) :]]


def clips_summary() -> dict[str, Any]:
    """As `list_clips` would have written it."""
    splits = {str(split): {"train": 9_537, "test": 3_783, "unused": 0} for split in SPLITS}
    none = dict.fromkeys(("missing", "left_out", "unlisted_files", "stray_files", "classes_not_chosen"), 0)
    lists: dict[str, Any] = {"missing_videos": [], "absent_classes": [], "classes": made_classes()}
    return {"listed": ucf101.CLIPS, "found": ucf101.CLIPS, **none, **lists, "splits": splits}


def manifest_summary() -> dict[str, Any]:
    """As `build_manifest` would have written it."""
    splits = clips_summary()["splits"]
    return {"clips": ucf101.CLIPS, "frames": 2_484_199, "damaged": [], "short": [], "splits": splits}


def made_settings(*, seeds: int) -> dict[str, Any]:
    """The configuration that asks for `seeds` runs of each split."""
    report = {"title": "Made up: a report of the paper's size", "ran_by": ["Zoë <z@example.org>"]}
    return resolve_config({"seeds": {f"split{split}": seeds for split in SPLITS}, "report": report})


def write_runs(
    runs: Path,
    names: Mapping[str, Any],
    *,
    classes: Sequence[str] | None = None,
    seeds: int = SEEDS,
    splits: Iterable[int] = SPLITS,
) -> None:
    """Runs of the experiments `names`.

    A clip is classified wrongly with a probability that it shares with its class and its group, beside what is its
    own, and that is less for each experiment than for the one before it. Those named rrn_ read several frames, and take
    some more clips for others when these are shuffled.
    """
    classes = classes or made_classes()
    for split in splits:
        videos, group = clips_of_test(classes, split)
        labels, groups = group // GROUPS, len(classes) * GROUPS
        rng = np.random.default_rng([split, 1])
        hard = rng.normal(0, 0.8, len(classes))[labels] + rng.normal(0, 0.9, groups)[group]
        for number, (name, entry) in enumerate(names.items()):
            own = rng.normal(0, 0.4, len(classes))[labels] + rng.normal(0, 0.4, groups)[group]
            for seed in range(1, seeds + 1):
                noise = rng.logistic(0, 1, len(labels)) + rng.normal(0, 0.05)
                wrong = hard + own + noise > 0.7 + 0.03 * number
                # A few classes take most mistakes.
                other = (labels + 1 + rng.geometric(0.3, len(labels)) % (len(classes) - 1)) % len(classes)
                predicted = np.where(wrong, other, labels)
                turned = rng.random(len(labels)) < 0.04
                shuffled = np.where(turned, other, predicted) if name.startswith("rrn_") else None
                _write_run(
                    runs / name / f"split{split}" / f"seed{seed}",
                    {"experiment": name, "model": entry["model"], "split": split, "seed": seed},
                    videos=videos,
                    labels=labels,
                    predicted=predicted,
                    shuffled=shuffled,
                    classes=classes,
                    surest=rng.integers(30, 100, len(labels)) / 100,
                )


def clips_of_test(classes: Sequence[str], split: int) -> tuple[list[str], np.ndarray]:
    """The test clips of a split: their names, and the number of each one's group, (clips,)."""
    sizes = np.random.default_rng(split).integers(4, 8, size=len(classes) * GROUPS)  # 3,800 clips, as in UCF-101
    videos = [
        f"v_{classes[g // GROUPS]}_g{GROUPS * (split - 1) + g % GROUPS + 1:02d}_c{clip:02d}"
        for g, size in enumerate(sizes)
        for clip in range(1, size + 1)
    ]
    return videos, np.repeat(np.arange(len(sizes)), sizes)


def _write_run(
    folder: Path,
    run: Mapping[str, Any],
    *,
    videos: Sequence[str],
    labels: np.ndarray,
    predicted: np.ndarray,
    shuffled: np.ndarray | None,
    classes: Sequence[str],
    surest: np.ndarray,
) -> None:
    """A run's folder; the probabilities are greatest, `surest`, at `predicted`, and the same for all others."""
    folder.mkdir(parents=True)
    probabilities = np.repeat(((1 - surest) / (len(classes) - 1))[:, None], len(classes), axis=1).astype(np.float32)
    probabilities[np.arange(len(labels)), predicted] = surest
    flat = pa.FixedSizeListArray.from_arrays(probabilities.ravel(), len(classes))
    columns = {
        "video": videos,
        "class": [classes[label] for label in labels],
        "label": pa.array(labels, pa.int32()),
        "predicted": pa.array(predicted, pa.int32()),
        "probabilities": flat.cast(pa.list_(pa.float32())),
        **({} if shuffled is None else {"predicted_shuffled": pa.array(shuffled, pa.int32())}),
    }
    pq.write_table(pa.table(columns), folder / "predictions.parquet")
    name, split, seed = run["experiment"], run["split"], run["seed"]
    machine = {"device": "cuda", "hardware": "A made-up GPU", "threads": 8, "user": "zoë"}
    error = None if shuffled is None else float(np.mean(shuffled != labels))
    provenance = {**machine, "command": _command("evaluate", name, split, seed)}
    _write_json(
        folder / "metrics.json",
        {**run, **metrics(labels, predicted, classes), "shuffled_error": error, "seconds": 31.25,
         "provenance": provenance},
    )  # fmt: skip
    epochs = [{"epoch": e, "updates": 50 * e, "loss": 4 / e, "error": 0.9 / e, "seconds": 90.5} for e in _epochs()]
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in epochs), encoding="utf-8")
    settings = {
        "backbone": {"architecture": "resnet50", "weights": "IMAGENET1K_V2", "weights_sha256": None},
        "input": {"crop_sides": [256, 224, 192, 168], "flip": True, "resize": [340, 256], "size": 224},
        "model": run["model"],
        "settings": {"kind": "identity", "skips": ["layer4.-1"]},
        "training": {"batch": None, "batch_norm": "train", "epochs": EPOCHS, "every": 10, "learning_rate": 0.0001},
    }
    _write_json(
        folder / "run.json",
        {
            **run,
            "settings": settings,
            "train_clips": 9_537,
            "parameters": 23_715_013,
            "updates": 50 * EPOCHS,
            "seconds": 600.0 + seed,
            "energy_joules": 4e5,
            "peak_memory_bytes": 41_000_000_000,
            "micro_batch_frames": 128,
            **machine,
            "gpu_memory_bytes": 150_000_000_000,
            "versions": {"python": "3.11.2", "torch": "2.15.0", "torchvision": "0.29.2", "cuda": "13.2"},
            "commit": "0123456789abcdef0123456789abcdef01234567",
            "command": _command("train", name, split, seed),
            "started": f"2026-11-21T1{split}:00:0{seed}+00:00",
            "finished": f"2026-11-21T1{split}:10:0{seed}+00:00",
        },
    )


def _epochs() -> range:
    return range(1, EPOCHS + 1)


def _command(script: str, experiment: str, split: int, seed: int) -> str:
    return (
        f"python scripts/{script}_network.py --manifest results/made/manifest.tsv --frames results/made/frames"
        f" --experiment {experiment} --split {split} --seed {seed} --gpus 1 --output results/made/runs/{experiment}"
    )


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


class MadeExamples(Examples):
    """A made picture for any clip."""

    def __init__(self) -> None:
        pass

    def of(self, video: str) -> dict[str, Any]:
        """As `Examples.of`."""
        return small_jpeg(picture(sum(video.encode()), width=320, height=240), source=video)


def picture(seed: int, *, width: int, height: int) -> bytes:
    """A JPEG with as much in it as a frame of a video: 4 to 6 KB at 160 x 120 pixels."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((width, height))
    fine = Image.fromarray(rng.integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)).resize((width, height))
    out = io.BytesIO()
    Image.blend(coarse, fine, 0.3).save(out, "JPEG", quality=70)
    return out.getvalue()


def looks(classes: Sequence[str]) -> dict[str, Any]:
    """As `look_into_model` would have written it: six clips of 18 chunks, of six of which there are pictures."""

    def jpeg(seed: int) -> str:
        return base64.b64encode(picture(seed, width=160, height=120)).decode("ascii")

    clips = [
        {
            "video": f"v_{classes[i]}_g01_c01",
            "class": classes[i],
            "fps": 25.0,
            "why": ("largest gain", "largest loss", "typical")[i // 2],
            "gain": (0.7, 0.6, -0.5, -0.4, 0.01, 0.02)[i],
            "predicted": classes[i],
            "beside_predicted": classes[i + 1 if i < 4 else i],
            "chunks": [
                {"frames": [20 * k, 20 * k + 10], "probability": 0.5 + k / 50, "beside_probability": 0.5 - k / 50}
                for k in range(18)
            ],
            "shown": [
                {"chunk": k, "frame": 20 * k + 10, **{key: jpeg(100 * i + k) for key in ("jpeg", "cam", "beside_cam")}}
                for k in range(0, 18, 3)
            ],
            **{key: [[classes[i + j], 0.6 - 0.2 * j] for j in range(3)] for key in ("top", "beside_top")},
        }
        for i in range(6)
    ]
    names = {"experiment": "rrn_block4_identity", "beside": "control_no_skip"}
    titles = {"title": names["experiment"], "beside_title": names["beside"]}
    rule = "Two clips that gain most, two that lose most, two typical ones."
    return {**names, **titles, "split": 1, "seed": 1, "rule": rule, "map": "Made up.", "clips": clips}
