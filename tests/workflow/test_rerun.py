"""What runs again after a change, and what does not, on copies of a run that was really completed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import pytest
from checkouts import (
    BASELINES,
    LOOKED_INTO,
    NETWORKS,
    REPORT,
    SPLITS,
    TINY,
    Checkout,
    Plan,
    counted,
    with_changes,
)

TINY_CONFIG = ("--configfile", "config/tiny.yaml")
NOTHING = Plan({}, set(), set())
REPORT_ONLY = Plan(counted(*REPORT), set(), set())


def jobs_for(experiments: set[str]) -> Plan:
    """Training and testing of `experiments`, and the report; nothing else."""
    networks, baselines = experiments & NETWORKS, experiments & BASELINES
    jobs = {
        "train_network": len(networks) * len(SPLITS),
        "evaluate_network": len(networks),
        "train_baseline": len(baselines),
        "evaluate_baseline": len(baselines),
        "look_into_model": int(bool(experiments & LOOKED_INTO)),
    }
    return Plan({rule: count for rule, count in jobs.items() if count} | counted(*REPORT), experiments, experiments)


def all_files(checkout: Checkout) -> Iterator[str]:
    for folder in ("src", "scripts", "config", "workflow", "report/templates", "envs", "resources"):
        for parent, _, files in os.walk(checkout.root / folder):
            yield from (os.path.join(parent, file) for file in files)


def test_nothing_after_touching_everything(populated: Checkout) -> None:
    """A finished run is up to date, also after a git checkout gave all code, configuration and clips a new time."""
    assert populated.plan(*TINY_CONFIG) == NOTHING
    for file in all_files(populated):
        os.utime(file)
    assert populated.plan(*TINY_CONFIG) == NOTHING


PACKAGE = "src/recurrent_residual"
EDITED_CODE = {
    f"{PACKAGE}/models/gru.py": jobs_for({"block2_gru"}),
    f"{PACKAGE}/models/average_pool.py": jobs_for({"block4_average_znorm"}),
    f"{PACKAGE}/models/recurrent_resnet.py": jobs_for(NETWORKS),
    f"{PACKAGE}/training/loop.py": jobs_for(NETWORKS),
    f"{PACKAGE}/baselines.py": jobs_for(BASELINES),
    f"{PACKAGE}/report/svg.py": Plan(counted("render_html"), set(), set()),
    f"{PACKAGE}/report/plots.py": Plan(counted("render_html", "render_latex"), set(), set()),
    f"{PACKAGE}/report/latex.py": Plan(counted("render_latex"), set(), set()),
    f"{PACKAGE}/looking/gradcam.py": Plan(counted("look_into_model", *REPORT), set(), set()),
    "report/templates/page/style.css": Plan(counted("render_html"), set(), set()),
    "report/templates/latex/paper_tables.tex": Plan(counted("render_latex"), set(), set()),
    "config/paper.yaml": REPORT_ONLY,
    "config/claims.yaml": REPORT_ONLY,
    "config/schema/tables.yaml": Plan(counted("render_data"), set(), set()),
}


@pytest.mark.parametrize("file", EDITED_CODE)
def test_edited_file(populated: Checkout, file: str) -> None:
    """An edited file runs what uses it again, and nothing else: no other model, no features, no extraction."""
    comment = {".py": "# edited\n", ".yaml": "# edited\n", ".css": "/* edited */\n", ".tex": "% edited\n"}
    with open(populated.root / file, "a") as stream:
        stream.write(comment[os.path.splitext(file)[1]])
    assert populated.plan(*TINY_CONFIG) == EDITED_CODE[file]


@pytest.mark.parametrize("file", [f"{PACKAGE}/pretraining.py", f"{PACKAGE}/video.py"])
def test_edited_source_of_the_networks_input(populated: Checkout, file: str) -> None:
    """New image weights or new frames train all that starts from them again: no result of the old ones stays."""
    with open(populated.root / file, "a") as stream:
        stream.write("# edited\n")
    plan = populated.plan(*TINY_CONFIG)
    assert plan.trained == plan.tested == NETWORKS | BASELINES
    assert plan.jobs["extract_features"] == 1


def test_other_frames_and_an_interruption(populated: Checkout) -> None:
    """Frames of another quality train everything again, also when the run broke off between the two: the manifest,
    which later stages go by, tells of every frame."""
    configfile = populated.configure("tiny", with_changes(TINY, frames={"quality": 80}))
    populated.succeed("--configfile", configfile, "--", "results/demo/manifest.tsv")
    plan = populated.plan("--configfile", configfile)
    assert plan.trained == plan.tested == NETWORKS | BASELINES
    assert not {"extract_frames", "build_manifest"} & plan.jobs.keys() and plan.jobs["extract_features"] == 1


def test_other_splits(populated: Checkout) -> None:
    """To use other splits needs no clip listed and no frame extracted again, and no network trained on the others."""
    configfile = populated.configure("tiny", with_changes(TINY, seeds={"split1": 1, "split2": 0, "split3": 2}))
    plan = populated.plan("--configfile", configfile)
    assert not {"list_clips", "extract_frames", "build_manifest", "extract_features"} & plan.jobs.keys()
    assert plan.jobs["train_network"] == len(NETWORKS), "the second seed of split 3"


def test_fetched_data_stays(checkout: Checkout) -> None:
    """Edited code or rules fetch and unpack nothing again: videos and lists are there, and their archives are gone."""
    folder = checkout.root / "resources/ucf101"
    (folder / "UCF-101/Archery").mkdir(parents=True)
    (folder / "ucfTrainTestlist").mkdir()
    names = [f"{role}list0{split}.txt" for role in ("train", "test") for split in SPLITS]
    targets = ["UCF-101", *(f"ucfTrainTestlist/{name}" for name in ["classInd.txt", *names])]
    for target in targets[1:]:
        (folder / target).write_text("there\n")
    for file in ("cli", "fetch/download", "fetch/unpack"):
        with open(checkout.root / f"{PACKAGE}/{file}.py", "a") as stream:
            stream.write("# edited\n")
    rules = checkout.root / "workflow/rules/data.smk"
    rules.write_text(rules.read_text().replace("scripts/download.py ", "scripts/download.py  "))
    assert checkout.plan("--", "fetch").jobs == {"fetch": 1, "download_weights": 1}


def test_changed_settings_of_one_experiment(populated: Checkout) -> None:
    """Another setting of one experiment runs this experiment and the report."""
    changed = {
        **populated.experiments()["rrn_block4_identity"],
        "settings": {"skips": ["layer4.1"], "kind": "identity"},
    }
    populated.edit_experiments({"rrn_block4_identity": changed})
    assert populated.plan(*TINY_CONFIG) == jobs_for({"rrn_block4_identity"})


def test_own_training_settings_of_one_experiment(populated: Checkout) -> None:
    """An experiment's own `training:` runs this experiment and the report."""
    changed = {**populated.experiments()["control_no_skip"], "training": {"learning_rate": 0.01}}
    populated.edit_experiments({"control_no_skip": changed})
    assert populated.plan(*TINY_CONFIG) == jobs_for({"control_no_skip"})


def test_changed_title(populated: Checkout) -> None:
    """A title is the report's affair."""
    populated.edit_experiments({"block2_gru": {**populated.experiments()["block2_gru"], "title": "renamed"}})
    assert populated.plan(*TINY_CONFIG) == REPORT_ONLY


@pytest.mark.parametrize(
    ("section", "change", "again"),
    [
        ("training", {"epochs": 2}, NETWORKS),
        ("baselines", {"batch": 16}, BASELINES),
        ("baselines", {"epochs": 2}, {"block4_average_znorm"}),  # the GRUs have their own
        ("baselines", {"by_model": {"gru": {"epochs": 2}}}, {"block2_gru"}),
        ("engine", {"compile": False, "progress_seconds": 7}, set()),
        ("evaluation", {"batch": 7}, set()),
        ("features", {"batch": 7}, set()),
        ("report", {"title": "new"}, set()),
    ],
)
def test_changed_section(populated: Checkout, section: str, change: dict[str, Any], again: set[str]) -> None:
    """A section of the configuration concerns only the experiments that it describes."""
    configfile = populated.configure("tiny", with_changes(TINY, **{section: change}))
    assert populated.plan("--configfile", configfile) == jobs_for(again)


def test_added_experiment(populated: Checkout) -> None:
    """A new entry, and its name in the list of chosen ones, runs itself and the report."""
    mine = {"title": "mine", "model": "recurrent_resnet", "settings": {"skips": ["layer3.-1"], "kind": "nonlinear"}}
    populated.edit_experiments({"mine": mine})
    assert populated.plan(*TINY_CONFIG) == REPORT_ONLY, "not chosen: a row that was not run"
    configfile = populated.configure("tiny", with_changes(TINY, experiments=[*TINY["experiments"], "mine"]))
    jobs = {"train_network": len(SPLITS), "evaluate_network": 1, **counted(*REPORT)}
    assert populated.plan("--configfile", configfile) == Plan(jobs, {"mine"}, {"mine"})


def test_other_dataset_and_back(populated: Checkout) -> None:
    """A run on another data set, here the user's own folder and weights, leaves the first one's results as they were.

    Both write their report to the same place, so that going back renders it again, and does no more.
    """
    weights = "results/demo/weights/small-8-stills.safetensors"
    digest = hashlib.sha256((populated.root / weights).read_bytes()).hexdigest()
    other = with_changes(
        TINY,
        dataset={"name": "other", "source": "local", "classes": [], "videos": "nowhere", "lists": "nowhere"},
        experiments=["block4_average_znorm"],
        seeds={"split1": 1, "split2": 0, "split3": 0},
        backbone={"architecture": "small-8", "weights": weights, "weights_sha256": digest},
    )
    places = ("--videos", TINY["dataset"]["videos"], "--lists", TINY["dataset"]["lists"])
    configfile = populated.configure("other", other)
    run = ("run_workflow", "--configfile", configfile, "--cores", "2", *places)
    result = populated.script(*run)
    assert result.returncode == 0, result.stdout
    assert (populated.root / "results/other/runs/block4_average_znorm/split1/seed1/metrics.json").is_file()
    assert "Nothing to do" in populated.script(*run).stdout

    assert populated.plan(*TINY_CONFIG) == Plan(counted(*REPORT[1:]), set(), set())
