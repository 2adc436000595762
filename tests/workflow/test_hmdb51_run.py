"""HMDB-51 is a data set like UCF-101: planned whole, and really run on made clips in its layout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from checkouts import TINY, Checkout, counted, with_changes

CLASSES = {"BallFalls": "brush_hair", "BallRises": "rise_again"}
ROLES = {"train": 1, "test": 2}
CONFIG = ("--configfile", "config/hmdb51.yaml")


def test_plan_of_the_whole_data_set(checkout: Checkout) -> None:
    """config/hmdb51.yaml plans every experiment on 51 classes, into folders and a report of its own."""
    plan = checkout.plan(*CONFIG)
    assert plan.jobs["extract_frames"] == 51
    assert plan.trained == plan.tested == set(checkout.experiments())
    downloads = counted("download_videos", "unpack_videos", "download_lists", "unpack_lists", "download_weights")
    assert downloads.items() <= plan.jobs.items()
    fetched = checkout.plan(*CONFIG, "--", "fetch")
    assert fetched.jobs == {**downloads, "fetch": 1}


@pytest.fixture
def layout(small_videos: Path, tmp_path: Path) -> Path:
    """`videos` and `lists` in HMDB-51's layout: two classes (one of our own), 15 sources, one unused in split 1."""
    for made, class_name in CLASSES.items():
        (tmp_path / "videos" / class_name).mkdir(parents=True)
        names = {}
        for clip in (small_videos / "videos" / made).iterdir():
            group = clip.stem.split("_")[2]
            names[f"{made}/{clip.name}"] = f"A_Film!_({group})_&_more_{class_name}_u_nm_np1_fr_goo_0.avi"
            shutil.copy(clip, tmp_path / "videos" / class_name / names[f"{made}/{clip.name}"])
        (tmp_path / "lists").mkdir(exist_ok=True)
        for split in (1, 2, 3):
            roles = {}
            for role, number in ROLES.items():
                for line in (small_videos / f"lists/{role}list0{split}.txt").read_text().splitlines():
                    roles[line.split()[0]] = number
            lines = [
                f"{name} {0 if (split, n) == (1, 14) else roles[old]} \n" for n, (old, name) in enumerate(names.items())
            ]
            (tmp_path / "lists" / f"{class_name}_test_split{split}.txt").write_text("".join(lines))
    return tmp_path


def test_runs_to_a_report_that_names_it(checkout: Checkout, layout: Path) -> None:
    """Clips with HMDB-51's names go through every stage; the report says which data set it is, and that it is not the
    paper's."""
    places = {"videos": str(layout / "videos"), "lists": str(layout / "lists")}
    dataset = {"name": "hmdb51", "title": "HMDB-51", "kind": "hmdb51", "source": "local", "classes": [], **places}
    experiments = ["block4_average_znorm", "rrn_block4_identity"]
    tiny = {**TINY, "dataset": dataset, "experiments": experiments, "report": {"folder": "report/hmdb51"}}
    checkout.succeed("--configfile", checkout.configure("mine", with_changes(tiny)))
    tables = json.loads((checkout.root / "results/hmdb51/tables.json").read_text())
    assert tables["summary"]["runs"] == tables["summary"]["runs_expected"] == 6
    assert sorted(tables["manifest"]["splits"]["1"]) == ["test", "train", "unused"]
    assert tables["manifest"]["splits"]["1"]["unused"] == 2
    assert "The data set is HMDB-51, not UCF-101." in tables["report"]["reasons"]
    page = (checkout.root / "report/hmdb51/paper_tables.html").read_text()
    assert "The data set is HMDB-51, not UCF-101." in page and "rise_again" in page
