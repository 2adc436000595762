"""`make plan`: the rest of the work and its cost, as Snakemake itself counts it, without changing anything."""

from __future__ import annotations

import json
from typing import Any

import yaml
from checkouts import Checkout, refused


def planned(checkout: Checkout, *arguments: str) -> dict[str, Any]:
    """What scripts/plan.py --json says."""
    result = checkout.script("plan", "--json", *arguments)
    assert result.returncode == 0, result.stdout
    return json.JSONDecoder().raw_decode(result.stdout, result.stdout.index("{"))[0]


def jobs(found: dict[str, Any]) -> dict[str, int]:
    """Jobs by rule, without the default target, as `Checkout.plan` has them."""
    return {line["stage"]: line["jobs"] for line in found["stages"] if line["stage"] != "all"}


def stage(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(line for line in found["stages"] if line["stage"] == name)


def test_paper(checkout: Checkout) -> None:
    """On a fresh clone: every job of a dry run, and no rate that nobody measured."""
    before = checkout.files()
    found = planned(checkout)
    assert jobs(found) == checkout.plan().jobs
    assert found["totals"]["jobs"] == 199
    training = stage(found, "train_network")
    assert training["gpu_hours"] is None and "not measured; at 1,000 frames/s it would be 23.1 hours" in training["how"]
    assert found["totals"]["download"] > 7e9
    text = checkout.script("plan").stdout
    assert "total               199" in text and "arithmetic, no estimate" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 100
    assert checkout.files() == before, "a plan changes nothing"


def test_target_and_given_rate(checkout: Checkout) -> None:
    """`tune` and `fetch` are planned like the report; what the user says counts where nothing was measured."""
    found = planned(checkout, "tune", "--frames-per-second", "1000")
    assert jobs(found) == checkout.plan("tune").jobs
    tuning = stage(found, "tune_network")
    assert tuning["gpu_hours"] > 1 and "--frames-per-second" in tuning["how"]
    assert set(jobs(planned(checkout, "fetch"))) == {
        *("download_videos", "download_lists", "download_weights", "unpack_videos", "unpack_lists", "fetch")
    }


def test_jobs_of_a_cluster(checkout: Checkout) -> None:
    """A group of a profile is one job, and what runs where snakemake was started is none."""
    profile = {"jobs": 10, "groups": ["extract_frames=frames"], "group-components": ["frames=26"]}
    (checkout.root / "profiles/grouped").mkdir(parents=True)
    (checkout.root / "profiles/grouped/config.yaml").write_text(yaml.safe_dump(profile))
    found = planned(checkout, "--profile", "profiles/grouped")
    assert found["totals"]["jobs"] == 199
    assert found["submitted_jobs"] == 199 - 101 + 4 - 3 - 1  # four groups; three downloads and the target are local


def test_wrong_key_target_and_profile(checkout: Checkout) -> None:
    bad = checkout.configure("bad", {"trainin": {"epochs": 1}})
    refused(checkout.script("plan", "--configfile", bad), "unknown key 'trainin'", "did you mean 'training'")
    refused(checkout.script("plan", "no_such_target"), "no_such_target")
    refused(checkout.script("plan", "--profile", "no_such_profile"), "no_such_profile")


def test_after_the_run(populated: Checkout) -> None:
    """Nothing is left; of a further seed it is the rest, at the rate that its own runs measured, frames counted."""
    assert "Nothing to do." in populated.script("plan", "--configfile", "config/tiny.yaml").stdout
    more = populated.configure("more", {"seeds": {"split1": 2}})
    found = planned(populated, "--configfile", "config/tiny.yaml", more)
    assert jobs(found) == populated.plan("--configfile", "config/tiny.yaml", more).jobs
    training = stage(found, "train_network")
    assert training["jobs"] == 4 and training["gpu_hours"] == 0 and training["cpu_hours"] > 0
    assert "measured here by 12 trainings on" in training["how"]
    assert "measured here by 12 tests on" in stage(found, "evaluate_network")["how"]
    assert found["frames"] == "counted in results/demo/manifest.tsv"
    assert "make_demo_videos" not in jobs(found)
