"""`snakemake --profile slurm`, as it stands: the demo, made small, ends with the numbers of a run without a cluster."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

from checkouts import NOTHING_TO_DO, SPLITS, Checkout, check_same_results, with_changes
from cluster import BASELINES, CONFIGFILE, NETWORKS, SMALL, TRAINED, Cluster, Finished
from one_node import running_jobs


def submitted(output: str) -> list[str]:
    """What was submitted as a job of Slurm: a rule's name, or group_<name>."""
    return re.findall(r"submitted with SLURM jobid \d+ \(log: \S*/slurm_logs/(?:rule_)?(\w+)/", output)


def test_same_numbers_as_without_a_cluster(on_slurm: Finished, on_this_machine: Checkout) -> None:
    """Bit for bit: frames, features, weights, predictions, and all numbers of the report."""
    check_same_results(on_this_machine, on_slurm.checkout)


def test_small_jobs_share_a_job_of_the_queue(on_slurm: Finished) -> None:
    """The frames are one job, the tables one, and each baseline; one training is one job."""
    jobs = submitted(on_slurm.output)
    assert Counter(jobs) == {
        **dict.fromkeys(("make_demo_videos", "pretrain", "list_clips", "build_manifest", "extract_features"), 1),
        "group_frames_extract_frames": 1,
        "train_network": len(NETWORKS) * len(SPLITS),
        "evaluate_network": len(NETWORKS),
        "group_baseline_evaluate_baseline_train_baseline": len(BASELINES),
        "group_tables_collect_tables_render_data_render_html_render_latex": 1,
    }


def test_the_paper_is_few_jobs(cluster: Cluster, tmp_path: Path) -> None:
    """As many as the README says, of 150 at most."""
    checkout = Checkout.fresh(tmp_path / "checkout")
    plan = checkout.script("plan", "--profile", "slurm", "--json", **cluster.variables())
    assert plan.returncode == 0, plan.stdout
    jobs = json.loads(plan.stdout[: plan.stdout.rindex("}") + 1])["submitted_jobs"]
    assert jobs <= 150
    assert f"# {jobs} jobs of Slurm" in (checkout.root / "README.md").read_text()


def test_second_run_does_nothing(cluster: Cluster, on_slurm: Finished, tmp_path: Path) -> None:
    checkout = on_slurm.checkout.copy(tmp_path / "checkout")
    result = cluster.run(checkout, *CONFIGFILE)
    assert result.returncode == 0 and NOTHING_TO_DO in result.stdout, result.stdout
    assert not submitted(result.stdout)


def test_a_failing_job_is_reported_with_its_log(cluster: Cluster, on_slurm: Finished, tmp_path: Path) -> None:
    """The reason stands in the terminal, and the files that hold more are named; the other trainings are done."""
    checkout = on_slurm.checkout.copy(tmp_path / "checkout")
    entries = {name: {**entry} for name, entry in checkout.experiments().items() if name in NETWORKS}
    entries[TRAINED]["training"] = {"learning_rate": 1e30}
    checkout.edit_experiments(entries)
    seeds = {"split1": 1, "split2": 0, "split3": 0}
    config = with_changes(SMALL, experiments=list(entries), seeds=seeds, training={"epochs": 5})
    runs = [f"results/demo/runs/{name}/split1/seed1/run.json" for name in entries]
    result = cluster.run(checkout, "--configfile", checkout.configure("failing", config), "--retries", "0", "--", *runs)
    assert result.returncode != 0, result.stdout
    assert re.search(rf"{TRAINED} split 1 seed 1: .*(loss|gradient)", result.stdout), result.stdout
    log = re.search(r"log: (logs/\S+), (\S+/slurm_logs/\S+\.log)", result.stdout)
    assert log and (checkout.root / log[1]).is_file() and Path(log[2]).is_file(), result.stdout
    assert f"{TRAINED} split 1 seed 1" in Path(log[2]).read_text()
    assert [(checkout.root / run).exists() for run in runs] == [name != TRAINED for name in entries]
    assert not running_jobs()
