"""Protects the estimate before the spend: it counts as the work is done, names its rates, and invents none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from recurrent_residual.backbone import build_backbone
from recurrent_residual.benchmarks.paper_cost import CHUNKS
from recurrent_residual.chunks import cut
from recurrent_residual.code_inputs import SOURCE
from recurrent_residual.config import read_experiments, resolve_experiments
from recurrent_residual.datasets import TEST, TRAIN, ucf101
from recurrent_residual.doctor.estimates import estimate
from recurrent_residual.doctor.plan import make_plan
from recurrent_residual.errors import UserError
from recurrent_residual.manifest import Clip
from recurrent_residual.models import load_model
from recurrent_residual.passes import plan as passes
from recurrent_residual.planning.cost import Basis, Line, lines, total
from recurrent_residual.planning.dry_run import Command, DryRun, local_rules, reason
from recurrent_residual.planning.rates import Rate, Rates, find_rates
from recurrent_residual.planning.table import notes, table
from recurrent_residual.planning.volume import TUNING, UCF101_FRAMES, Counted, Expected, Reading, Volume, volume
from recurrent_residual.shuffling import sees_order
from recurrent_residual.tuning.hold_out import hold_out

REPOSITORY = SOURCE.parent
LENGTHS = (1, 9, 10, 11, 28, 40, 41, 51, 186, 300)
READINGS = [Reading(1, 1, 10), Reading(2, 2, 10), Reading(2, 1, 10), Reading(3, 3, 5), Reading(5, 5, 20)]
NETWORK = {"architecture": "resnet50", "size": 224}


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The plan of config/config.yaml in a folder with nothing else."""
    (tmp_path / "config").symlink_to(REPOSITORY / "config")
    monkeypatch.chdir(tmp_path)
    return make_plan([])


def clip(number: int, frames: int, roles: tuple[str, ...], group: int) -> Clip:
    return Clip(f"v{number}", "Archery", 0, group, number, f"{number}.avi", roles, frames, 320, 240, 25.0, "0" * 16)


CLIPS = [
    clip(number, frames, (TEST if number % 3 == 0 else TRAIN, TRAIN, TEST), group=number)
    for number, frames in enumerate(LENGTHS)
]


# Frames


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("split", [1, 2, 3])
@pytest.mark.parametrize("role", [TRAIN, TEST])
def test_the_manifest_is_counted_as_a_training_cuts_it(reading: Reading, split: int, role: str) -> None:
    own = [each for each in CLIPS if each.role(split) == role]
    chunks = cut(own, length=reading.length, every=reading.every, reads=reading.reads)
    assert Counted(CLIPS, []).frames(role, split, reading) == sum(len(chunk.frames) for chunk in chunks)


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("windows", ["disjoint", "dense"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_a_test_is_counted_as_its_passes(reading: Reading, windows: str, shuffled: bool) -> None:
    """As long as no video is longer than a pass; with shuffled frames a frame passes once for each of its windows."""
    network = nn.Identity()
    network.reads, network.dense = reading.reads, None  # type: ignore[assignment]
    test = [each for each in CLIPS if each.role(1) == TEST]
    how = {"frames": reading.length, "every": reading.every, "windows": windows, "batch": 1000}
    done = passes(network, test, **how, shuffled=shuffled)  # type: ignore[arg-type]
    asked = Reading(reading.length, reading.reads, reading.every, dense=windows == "dense", alone=shuffled)
    assert Counted(CLIPS, []).frames(TEST, 1, asked) == sum(one.frames for one in done)


def test_the_tunings_clips_are_those_of_hold_out() -> None:
    groups, reading = [1, 4], Reading(2, 2, 10)
    held = hold_out(CLIPS, groups)
    for role in (TRAIN, TEST):
        chunks = cut([each for each in held if each.role(1) == role], length=2, every=10)
        assert Counted(CLIPS, groups).frames(role, TUNING, reading) == sum(len(chunk.frames) for chunk in chunks)
    with pytest.raises(UserError, match="held_out_groups: 99"):
        Counted(CLIPS, [99]).frames(TRAIN, TUNING, reading)


def test_every_network_of_the_paper_reads_what_its_model_says() -> None:
    """The plan has no torch; what it says of chunks must be the network's own."""
    plan = make_plan_here()
    networks = [each for each in experiments(plan).values() if each.kind == "network"]
    assert len(networks) == 10
    for experiment in networks:
        settings = experiment.settings
        network = load_model(experiment.model).build(settings["settings"], build_backbone("resnet50", classes=2))
        reading = Reading.of(settings)
        assert reading is not None
        assert (reading.length, reading.reads, reading.every) == (network.frames, network.reads, 10)
        assert (reading.shuffled is not None) == sees_order(network, frames=network.frames)


@pytest.mark.parametrize("windows", ["disjoint", "dense"])
def test_a_test_is_done_twice_where_order_can_matter(paper, windows: str) -> None:
    """Once in order and once shuffled; the controls, for which the order is all one, once."""
    clips = Counted(CLIPS, [])
    known = Rates(None, Rate(1.0, "measured here", True))
    for name, shuffled in (("rrn_context3_identity", True), ("control_no_skip", False), ("control_average", False)):
        options = {"experiment": [name], "runs": ["1:1"], "windows": [windows]}
        run = DryRun({"evaluate_network": 1}, [Command("evaluate_network", options)], 1)
        (line,) = lines(basis(paper, run, known, clips))
        reading = Reading.of(experiments(paper)[name].settings, dense=windows == "dense")
        assert reading is not None and (reading.shuffled is not None) == shuffled
        frames = clips.frames(TEST, 1, reading) + (clips.frames(TEST, 1, reading.shuffled) if reading.shuffled else 0)
        assert line.gpu_hours == pytest.approx(frames / 3600)


def test_expected_frames_of_ucf101_are_those_that_were_counted(paper) -> None:
    """Without a manifest, within one percent of the counted chunks, and in proportion to the clips."""
    expected = volume(paper, ucf101.CLIPS)
    assert isinstance(expected, Expected) and "186 frames, UCF-101's mean" in expected.source
    for length, chunks in CHUNKS.items():
        assert expected.frames(TRAIN, 1, Reading(length, length)) == pytest.approx(length * chunks, rel=0.01)
    half = volume(paper, ucf101.CLIPS // 2)
    assert half.frames(TEST, 2, Reading(2, 2)) == pytest.approx(expected.frames(TEST, 2, Reading(2, 2)) / 2)
    train = expected.frames(TRAIN, TUNING, Reading(2, 2)) + expected.frames(TEST, TUNING, Reading(2, 2))
    assert train == pytest.approx(expected.frames(TRAIN, 1, Reading(2, 2)))
    assert expected.source_frames == pytest.approx(13320 * UCF101_FRAMES) and 2.4e6 < expected.source_frames < 2.5e6


# Rates


def write_run(folder: Path, *, speed: float, experiment: str = "one", size: int = 224, device: str = "cuda") -> None:
    """A finished run of 10,000 frames an epoch, two epochs, and its test, three times as fast."""
    folder.mkdir(parents=True)
    where = {"device": device, "hardware": "NVIDIA H200" if device == "cuda" else "AMD EPYC"}
    settings = {"backbone": {"architecture": "resnet50"}, "input": {"size": size}}
    (folder / "run.json").write_text(json.dumps({"experiment": experiment, "settings": settings, **where}))
    epoch = {"seconds": 10_000 / speed, "frames_per_second": speed}
    (folder / "history.jsonl").write_text(2 * (json.dumps(epoch) + "\n"))
    test = {"frames": 3000, "seconds": 1000 / speed, "provenance": where}
    (folder / "metrics.json").write_text(json.dumps(test))


def write_benchmark(path: Path, *, kind: str = "bf16", architecture: str = "resnet50") -> None:
    """The two tables that count, of benchmark_training.py, and the text beside them."""
    speeds = {"rrn_block4_identity (compiled)": 2000.0, "control_no_skip (compiled)": 2500.0}
    speeds |= {"tests of all of these": 7000.0, "the baselines' features": None, "together": None}  # type: ignore[dict-item]
    hours = [{"what": what, "frames/s end to end": speed} for what, speed in speeds.items()]
    tables = {
        "The device at its best": {"rows": [{"what": f"matrix product, {kind}, side 4,096"}]},
        f"Hours of the paper's trainings, {architecture} at 224x224": {"rows": hours},
    }
    path.write_text(json.dumps(tables))
    path.with_suffix(".md").write_text(f"NVIDIA H200, {kind}; 16 cores; python 3.12\n")


def rates(folder: Path, **given: Any) -> Rates:
    return find_rates(**NETWORK, results=folder / "results", benchmarks=[folder / "performance.json"], **given)  # type: ignore[arg-type]


def test_nobody_measured_anything(tmp_path: Path) -> None:
    assert rates(tmp_path) == Rates(None, None)


def test_own_runs_come_before_the_benchmark_and_that_before_what_the_user_says(tmp_path: Path) -> None:
    given = rates(tmp_path, given=900)
    assert given.training and given.training.overall == 900 and "--frames-per-second" in given.training.source
    assert given.test and given.test.overall == 900 and "at most as slow as a training" in given.test.source

    write_benchmark(tmp_path / "performance.json")
    benchmark = rates(tmp_path, given=900)
    assert benchmark.training and benchmark.training.source.endswith("performance.json on NVIDIA H200")
    assert benchmark.training.of("control_no_skip") == 2500 and benchmark.training.of("another") == 2000
    assert benchmark.test and benchmark.test.overall == 7000

    write_run(tmp_path / "results/ucf101/runs/one/split1/seed1", speed=1000)
    write_run(tmp_path / "results/ucf101/runs/two/split1/seed1", speed=500, experiment="two")
    own = rates(tmp_path, given=900)
    assert own.training and own.training.source == "measured here by 2 trainings on NVIDIA H200"
    assert own.training.of("one") == pytest.approx(1000) and own.training.of("two") == pytest.approx(500)
    assert own.training.overall == pytest.approx(40_000 / 60)  # all frames in all seconds, not a mean of rates
    assert own.test and own.test.of("one") == pytest.approx(3000)


def test_another_network_size_or_device_does_not_count(tmp_path: Path) -> None:
    write_benchmark(tmp_path / "performance.json", kind="float32")
    write_run(tmp_path / "results/small/runs/one/split1/seed1", speed=9000, size=112)
    assert rates(tmp_path) == Rates(None, None)
    write_benchmark(tmp_path / "performance.json", architecture="resnet18")
    assert rates(tmp_path) == Rates(None, None)
    write_run(tmp_path / "results/a/runs/one/split1/seed1", speed=5, device="cpu")
    processor = rates(tmp_path).training
    assert processor and not processor.gpu and processor.source.endswith("AMD EPYC")
    write_run(tmp_path / "results/b/runs/one/split1/seed1", speed=1000)
    graphics = rates(tmp_path).training
    assert graphics and graphics.gpu and graphics.overall == pytest.approx(1000)


def test_a_run_that_is_not_finished_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "results/ucf101/runs/one/split1/seed1"
    write_run(folder, speed=1000)
    (folder / "metrics.json").unlink()
    assert rates(tmp_path).training is not None
    (folder / "run.json").write_text("{")
    assert rates(tmp_path) == Rates(None, None)


# The dry run


OUTPUT = """\
Building DAG of jobs...
Job stats:
job               count
--------------  -------
download_lists        1
extract_frames        3
train_network         1
all                   1
total                 6

[Sat Nov 21 22:22:40 2026]
Job 5: Downloading the lists
Shell command: python scripts/download.py --dataset ucf101 2>&1 | tee logs/a.log

[Sat Nov 21 22:22:40 2026] Group job frames (jobs in lexicogr. order):

    [Sat Nov 21 22:22:40 2026]
    Job 37: Extracting frames of A
Shell command: python scripts/extract_frames.py --class-name A 2> logs/A.log

    [Sat Nov 21 22:22:40 2026]
    Job 38: Extracting frames of B
Shell command: python scripts/extract_frames.py --class-name B 2> logs/B.log
[Sat Nov 21 22:22:40 2026] Group job frames (jobs in lexicogr. order):

    [Sat Nov 21 22:22:40 2026]
    Job 39: Extracting frames of C
Shell command: python scripts/extract_frames.py --class-name C 2> logs/C.log

[Sat Nov 21 22:22:40 2026]
Job 40: Training one
Shell command: python scripts/train_network.py --settings '{"a": [1, 2]}' --runs 1:1 2:1 --gpus 0 2>&1 | { tee x; }

[Sat Nov 21 22:22:40 2026]
rule all:
    jobid: 0
Shell command: None
"""


def test_a_dry_run_is_read_with_groups_and_local_rules() -> None:
    run = DryRun.parse(OUTPUT, {"download_lists"})
    assert run.total == 6 and run.jobs["extract_frames"] == 3
    assert run.submitted == 3  # two groups and the training
    (training,) = run.of("train_network")
    assert json.loads(training.one("settings")) == {"a": [1, 2]} and training.options["runs"] == ["1:1", "2:1"]
    assert training.options["gpus"] == ["0"]  # and not what stands behind the pipe
    assert [command.one("class-name") for command in run.of("extract_frames")] == ["A", "B", "C"]


def test_nothing_to_do_and_output_of_another_kind() -> None:
    assert DryRun.parse("Nothing to be done (all requested files are present and up to date).", ()).total == 0
    with pytest.raises(UserError, match="no table of jobs"):
        DryRun.parse("something else", ())
    with pytest.raises(UserError, match="not its total"):
        DryRun.parse(OUTPUT.replace("total                 6", "total                 7"), ())
    assert Command.parse("rm -r somewhere") is None


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            'WorkflowError in file "/a/common.smk", line 46:\nunknown key\n  File "/a", line 46, in <module>',
            "unknown key",
        ),
        ("Using profile\nMissingRuleException:\nNo rule to produce x.", "No rule to produce x."),
        ("usage: snakemake\nsnakemake: error: bad", "snakemake: error: bad"),
        ("", "it stopped and said nothing"),
    ],
)
def test_why_snakemake_stopped_is_one_line(output: str, expected: str) -> None:
    assert reason(output) == expected


def test_the_workflows_local_rules() -> None:
    found = local_rules(REPOSITORY / "workflow")
    assert {"download_videos", "download_lists", "download_weights", "choose_settings"} <= found
    assert not {"train_network", "extract_frames"} & found


# Costs


def make_plan_here():
    """The plan of the real config/config.yaml, whatever the working folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)
        return make_plan([])


def experiments(plan: Any) -> Any:
    return resolve_experiments(plan.settings, read_experiments(REPOSITORY / "config/experiments.yaml"))


def basis(plan: Any, run: DryRun, known: Rates, clips: Volume | None = None) -> Basis:
    clips = clips or volume(plan, ucf101.CLIPS)
    return Basis(plan, experiments(plan), run, clips, known, estimate(plan, clips.clips), classes=101)


def trainings(plan: Any, names: list[str], splits: tuple[int, ...] = (1,)) -> DryRun:
    """Trainings of the paper, as the workflow would call them."""
    commands = [
        Command(
            "train_network",
            {"experiment": [name], "settings": [json.dumps(experiments(plan)[name].settings)], "split": [str(split)]},
        )
        for name in names
        for split in splits
    ]
    return DryRun({"train_network": len(commands)}, commands, len(commands))


def test_gpu_hours_are_epochs_times_frames_by_rate(paper) -> None:
    """Counted naively on a small manifest; each experiment at its own rate."""
    speeds = {"rrn_block4_identity": 100.0, "control_no_skip": 50.0}
    known = Rates(Rate(1, "measured here", True, speeds), None)
    (line,) = lines(basis(paper, trainings(paper, list(speeds), (1, 3)), known, Counted(CLIPS, [])))
    hours = []
    for name, reads in (("rrn_block4_identity", 2), ("control_no_skip", 1)):
        for split in (1, 3):
            own = [each for each in CLIPS if each.role(split) == TRAIN]
            frames = sum(len(chunk.frames) for chunk in cut(own, length=2, every=10, reads=reads))
            hours.append(10 * frames / speeds[name] / 3600)
    assert line.gpu_hours == pytest.approx(sum(hours)) and line.longest == pytest.approx(max(hours))
    assert line.cpu_hours == pytest.approx(8 * sum(hours))  # the threads of config.yaml
    assert "at 50 to 100 frames/s (measured here)" in line.how


def test_a_processors_rate_gives_no_gpu_hours(paper) -> None:
    run = trainings(paper, ["control_no_skip"])
    (line,) = lines(basis(paper, run, Rates(Rate(10, "here", gpu=False), None)))
    assert line.gpu_hours == 0 and line.cpu_hours and line.cpu_hours > 0


def test_an_unknown_rate_says_so_and_is_no_number(paper) -> None:
    run = trainings(paper, ["control_no_skip"])
    (line,) = lines(basis(paper, run, Rates(None, None)))
    assert line.gpu_hours is None and line.cpu_hours is None and line.longest is None
    assert "not measured; at 1,000 frames/s it would be 0.2 hours (arithmetic, no estimate)" in line.how
    assert total([line], "gpu_hours") == (0, False)
    rows = table([line]).splitlines()
    assert rows[-1].split()[:4] == ["total", "1", "?", "?"]


def test_the_papers_trainings_are_the_readmes_23_hours(paper) -> None:
    networks = [name for name, each in experiments(paper).items() if each.kind == "network"]
    run = trainings(paper, networks, (1, 1, 1, 2, 3))
    (line,) = lines(basis(paper, run, Rates(Rate(1000, "given", True), None)))
    assert line.jobs == 50 and line.gpu_hours == pytest.approx(23, abs=0.3)


def test_a_model_of_ones_own_is_unknown(paper) -> None:
    command = Command("train_network", {"experiment": ["mine"], "settings": ['{"model": "mine"}'], "split": ["1"]})
    (line,) = lines(basis(paper, DryRun({"train_network": 1}, [command], 1), Rates(Rate(1000, "", True), None)))
    assert line.gpu_hours is None and "model of your own" in line.how


def test_the_baselines_at_the_size_that_was_measured_take_what_was_measured(paper) -> None:
    commands = [
        Command("train_baseline", {"settings": [json.dumps(each.settings)], "runs": ["1:1", "2:1", "3:1"]})
        for each in experiments(paper).values()
        if each.kind == "baseline"
    ]
    run = DryRun({"train_baseline": 12}, commands, 1)
    (line,) = lines(basis(paper, run, Rates(None, None)))
    assert line.cpu_hours == pytest.approx(528.3 / 3600) and line.gpu_hours == 0
    (half,) = lines(basis(paper, run, Rates(None, None), volume(paper, ucf101.CLIPS // 2)))
    assert half.cpu_hours == pytest.approx(528.3 / 7200)


def test_frames_of_the_classes_that_are_left(paper) -> None:
    """A half-done extraction is the rest of it; UCF-101's 3.2 minutes on one core are README's."""
    (whole,) = lines(basis(paper, DryRun({"extract_frames": 101}, [], 101), Rates(None, None)))
    (some,) = lines(basis(paper, DryRun({"extract_frames": 10}, [], 10), Rates(None, None)))
    assert whole.cpu_hours == pytest.approx(3.2 / 60, rel=0.02) and whole.disk == 6e9
    assert (
        whole.cpu_hours
        and some.cpu_hours == pytest.approx(whole.cpu_hours * 10 / 101)
        and some.disk == pytest.approx(6e10 / 101)
    )
    assert "12,810" in (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_table_is_narrow_and_aligned() -> None:
    stages = [
        Line("evaluate_baseline", 1000, None, None),
        Line("train_network", 50, 23.1, 184.8, 0.7, 4.7e9, 0.0, "83.0 million frames " + 30 * "and so on "),
        Line("download_lists", 1, 0.0, None, None, 0.0, 113_943),
    ]
    rows = table(stages).splitlines()
    assert len({len(row) for row in rows[1:-1] if row.startswith("-")}) == 1
    assert all(len(row) <= 100 for row in rows)
    assert rows[-1].split()[:2] == ["total", "1,051"] and "23.1 h + ?" in rows[-1]
    text = notes(stages, "counted in a manifest", 90)
    assert all(len(line) <= 90 for line in text.splitlines())
    assert "not measured: evaluate_baseline, download_lists" in " ".join(text.split())


def test_a_login_node_needs_no_torch() -> None:
    """In a fresh Python, because the tests themselves import it."""
    program = (
        "import runpy, sys; runpy.run_path('scripts/plan.py'); print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["False", "False"], done.stderr
