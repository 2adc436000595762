"""Protects what the training benchmark computes from what it measured; how fast anything is, no test says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from recurrent_residual.benchmarks import end_to_end, resident
from recurrent_residual.benchmarks.bench import Bench
from recurrent_residual.benchmarks.compiling import compiler_failure
from recurrent_residual.benchmarks.evaluation import FEATURES_AT_ONCE, in_whole_passes
from recurrent_residual.benchmarks.made_frames import EVERY, HEIGHT, WIDTH, make_frames
from recurrent_residual.benchmarks.networks import NETWORK, NETWORKS, Plain
from recurrent_residual.benchmarks.paper_cost import CHUNKS, cost_rows
from recurrent_residual.benchmarks.peak import copy_bandwidth, matrix_peak
from recurrent_residual.benchmarks.results import Clock, Number, Quartiles, Results, markdown
from recurrent_residual.benchmarks.turns import Speed, Training, take_turns
from recurrent_residual.chunks import cut
from recurrent_residual.config import resolve_config
from recurrent_residual.errors import UserError
from recurrent_residual.frames import FrameReader
from recurrent_residual.jpeg import size_of
from recurrent_residual.models.recurrent_resnet import RecurrentResNet
from recurrent_residual.passes import plan

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "benchmark_training.py"
CPU = torch.device("cpu")
SEEDS = "hours, 3 splits, 3 seeds on split 1"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """The smallest benchmark, whose time is over."""
    clips = make_frames(tmp_path / "frames", classes=2, clips=3, samples=11, processes=1)
    return Bench(
        device=CPU,
        architecture="small-8",
        size=32,
        frames=30,
        steps=1,
        rounds=1,
        workers=1,
        compile=False,
        small=True,
        clips=clips,
        folder=tmp_path / "frames",
        clock=Clock(0, dict.fromkeys(["networks", "compiled", "end to end", "test"], 1)),
        results=Results(None),
    )


def test_networks_are_those_of_the_experiments() -> None:
    """The benchmark reads no YAML on a GPU machine; what it measures, and sums up, are the experiments all the same."""
    entries = yaml.safe_load((ROOT / "config" / "experiments.yaml").read_text())
    own = {name: entry["settings"] for name, entry in entries.items() if entry["model"] == "recurrent_resnet"}
    assert own == NETWORKS


def test_hours_are_of_the_configured_epochs_and_sampling() -> None:
    """The sum of hours is of the configuration's trainings, not of shorter ones."""
    config = resolve_config({})
    text = SCRIPT.read_text()
    assert f'"--epochs", default={config["training"]["epochs"]},' in text
    assert config["training"]["every"] == EVERY
    assert config["seeds"] == {"split1": 3, "split2": 1, "split3": 1}
    assert (config["features"]["batch"], config["features"]["every"]) == (FEATURES_AT_ONCE, EVERY)
    assert config["evaluation"]["windows"] == "disjoint", "as the tests that are summed up"


def test_made_frames_are_read_like_the_workflows(tmp_path: Path) -> None:
    """Every chunk of the made clips has its JPEGs, no two alike, in tars that standard tools open; always the same."""
    clips = make_frames(tmp_path / "a", classes=2, clips=2, samples=3, processes=2)
    source = FrameReader(tmp_path / "a")
    chunks = cut(clips, length=1, every=EVERY)
    jpegs = [bytes(source.read(chunk.class_name, chunk.video, chunk.frames[0])) for chunk in chunks]
    assert len(set(jpegs)) == len(jpegs) == 12
    assert {size_of(jpeg) for jpeg in jpegs} == {(HEIGHT, WIDTH)}
    assert [clip.label for clip in clips] == [0, 0, 1, 1]
    for file in (tmp_path / "a").iterdir():
        with tarfile.open(file) as tar:
            assert len(tar.getnames()) == 6
    make_frames(tmp_path / "b", classes=2, clips=2, samples=3, processes=1)
    assert all((tmp_path / "b" / file.name).read_bytes() == file.read_bytes() for file in (tmp_path / "a").iterdir())


def test_ratios_pair_turns_that_follow_each_other() -> None:
    """The median of the ratios, not the ratio of the medians: a slow moment of the machine meets both of a pair."""
    speed = Speed(own=[90.0, 45.0, 9.0], rival=[100.0, 50.0, 9.0])
    assert speed.ratios == (0.9, 0.9, 1.0)
    assert str(Quartiles(speed.ratios)) == "0.900 (0.900 to 0.950)"
    assert str(Quartiles((0.5,))) == "0.500 (0.500 to 0.500)"


@pytest.mark.parametrize(("time_left", "turns"), [(1.0, 4), (-1.0, 1)])
def test_turns_alternate_and_end_with_the_time(time_left: float, turns: int) -> None:
    """Who goes first changes, so that neither always follows; with no time left there is one turn, never none."""
    order: list[str] = []

    def turn(name: str) -> float:
        order.append(name)
        return 1.0

    speeds = take_turns({"a": (lambda: turn("own"), lambda: turn("rival"))}, rounds=4, left=lambda: time_left)
    assert len(speeds["a"].own) == len(speeds["a"].rival) == turns
    assert order == ["rival", "own", "own", "rival", "rival", "own", "own", "rival"][: 2 * turns]


def test_a_training_counts_its_frames_and_flops() -> None:
    """A frame alone costs three times its forward pass, less the gradient of the first layer's input; both train."""

    class Linear(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = torch.nn.Linear(8, 16), torch.nn.Linear(16, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(self.first(x.flatten(0, 1)))

    network = Linear()
    before = network.first.weight.detach().clone()
    training = Training(network, torch.randn(5, 2, 8), frames=10, device=CPU)
    assert training.flops == 2 * 10 * (2 * 8 * 16 + 3 * 16 * 4)
    inputs, first, second = 4 * 10 * 8, 4 * 16 * (8 + 1), 4 * 4 * (16 + 1)  # bytes, of weights with their biases
    assert training.traffic > 3 * (inputs + first + second), "forward, and backward by weights and by inputs"
    assert training.memory is None, "nothing tells it on a CPU"
    assert not torch.equal(before, network.first.weight)
    assert training.turn(network, 3)() > 0


@pytest.mark.parametrize("name", ["rrn_context5_identity", "rrn_mid_block4_convolution", "control_average"])
def test_a_skip_costs_no_more_than_its_own_arithmetic(name: str) -> None:
    """With an identity, and frames that later units need not see, a variant computes no more than the plain network."""
    from recurrent_residual.backbone import build_backbone

    network = RecurrentResNet(build_backbone("small-8", classes=3), **NETWORKS[name])
    plain = Training(Plain(build_backbone("small-8", classes=3)), torch.randn(30, 1, 3, 32, 32), frames=30, device=CPU)
    x = torch.randn(30 // network.reads, network.reads, 3, 32, 32)
    variant = Training(network, x, frames=30, device=CPU)
    allowed = 1.03 if NETWORKS[name].get("kind") in ("convolution", "nonlinear") else 1.0
    assert variant.flops <= allowed * plain.flops


def test_hours_add_up() -> None:
    """At 1,000 frames/s and half of that end to end, two epochs of 88,452 chunks of 2 take 707.6 s on split 1."""
    sizes = {"a": (2, 2), "b": (2, 1)}
    rows = cost_rows({"a": 1000.0, "b": 1000.0}, sizes, share=0.5, epochs=2, test=100.0, features=50.0)
    hours = {str(row["what"]): (row["hours, 3 splits"].value, row[SEEDS].value) for row in rows}
    once = 2 * 2 * 88_452 / 500 / 3600
    three_splits = once * (9537 + 9586 + 9624) / 9537
    assert hours["a"] == pytest.approx((three_splits, three_splits + 2 * once))
    assert hours["b"][0] == pytest.approx(three_splits / 2), "it reads one frame of each chunk"
    of_clips = (2 + 1) * 88_452 / 9537 / 100 / 3600  # a clip in the test of both networks
    tests = of_clips * (3783 + 3734 + 3696)
    assert hours["tests of all of these"] == pytest.approx((tests, tests + 2 * of_clips * 3783))
    assert hours["the baselines' features"] == pytest.approx(2 * (181_500 * 13_320 / 9537 / 50 / 3600,))
    assert hours.pop("together") == pytest.approx([sum(column) for column in zip(*hours.values(), strict=True)])
    without = cost_rows({"a": 1000.0}, sizes, share=0.5, epochs=2, test=None, features=None)
    assert [row["what"] for row in without] == ["a", "together"], "nothing is made up that was not measured"
    assert {
        network["frames"] if "frames" in network else len(network["skips"]) + 1 for network in NETWORKS.values()
    } <= {*CHUNKS}


def test_what_does_not_compile_costs_nothing_else(bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """A compiler that fails leaves the figures of the networks as they are, and the loop goes on without it."""

    def fails(*_: object, **__: object) -> Callable[..., Any]:
        raise RuntimeError("no compiler\n\nand much more")

    monkeypatch.setattr(torch, "compile", fails)
    assert compiler_failure(CPU) == "RuntimeError: no compiler"
    asked = replace(bench, compile=True)
    with_time = Clock(1000, {"networks": 0, "compiled": 1})
    found = resident.network_speeds(replace(asked, clock=with_time), None)
    assert [(name, each.compiled) for name, each in found.items()] == [(name, False) for name in NETWORKS]
    assert all(each.speed > 0 for each in found.values())
    eager, network, with_views = end_to_end._resident_where_it_compiles(asked)
    assert not eager.compile and network > 0 and with_views > 0
    assert capsys.readouterr().out.count("failed, RuntimeError: no compiler\n") == 1


def test_the_loop_is_watched_where_the_memory_suffices(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures are of the second epoch; a smaller micro-batch than the tables name gives none."""
    speed, watch = end_to_end._training_loop(bench, FrameReader(bench.folder), "cpu", expected=1, seconds=1)
    assert 0 < watch.waited < watch.seconds == pytest.approx(2 * 30 / speed), "two updates of 30 frames"
    assert watch.checkpoint is not None and watch.checkpoint > 0

    class Large(RecurrentResNet):
        def forward(self, clips: torch.Tensor) -> torch.Tensor:
            if len(clips) > 10:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(clips)

    monkeypatch.setattr("recurrent_residual.benchmarks.bench.RecurrentResNet", Large)
    with pytest.raises(UserError, match="lower --frames"):
        end_to_end._training_loop(bench, FrameReader(bench.folder), "cpu", expected=1, seconds=1)


@pytest.mark.parametrize(("name", "windows", "of_clip"), [(NETWORK, "disjoint", 10), (NETWORK, "dense", 11)])
@pytest.mark.parametrize("times", [1, 5])
def test_all_passes_of_a_test_are_of_one_size(bench: Bench, name: str, windows: str, of_clip: int, times: int) -> None:
    """The timed test meets no size of pass that the one before it did not."""
    network = bench.network(name)
    clips, batch = in_whole_passes(bench.clips, of_clip, at_once=bench.test_frames, times=times)
    passes = plan(network, clips, frames=network.frames, every=EVERY, windows=windows, batch=batch)
    assert {one.frames for one in passes} == {batch} and 50 < batch <= bench.test_frames
    assert len(clips) >= times * len(bench.clips)


def test_the_clock_hands_on_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part ends when its share and those before it are over, whenever it began."""
    moment = 100.0
    monkeypatch.setattr("time.monotonic", lambda: moment)
    clock = Clock(60, {"a": 1, "b": 2})
    assert clock.left("a") == pytest.approx(20) and clock.left("b") == pytest.approx(60)
    moment = 130.0
    assert clock.left("a") == pytest.approx(-10) and clock.left("b") == pytest.approx(30)


def test_tables_are_written_as_soon_as_they_are_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A time limit loses nothing of what was printed; figures stand in the JSON in full."""
    results = Results(tmp_path / "speed")
    rows = [{"what": "a", "speed": Number(1234.5)}, {"what": "b", "speed": Number(None)}]
    results.table("Speeds", rows, "A note.")
    written = (tmp_path / "speed.md").read_text()
    assert written.strip() == capsys.readouterr().out.strip()
    assert "### Speeds\n\nA note.\n\n| what | speed |\n|---|---:|\n| a | 1,234 |\n| b | – |" in written
    figures = json.loads((tmp_path / "speed.json").read_text())
    assert figures["Speeds"]["rows"] == [{"what": "a", "speed": 1234.5}, {"what": "b", "speed": None}]
    assert markdown([{"a": "x"}]) == "| a |\n|---|\n| x |"


def test_the_device_is_measured() -> None:
    """FLOP/s and bytes/s of this machine are of the right order: no processor or memory is beyond these bounds."""
    assert all(1e7 < rate < 1e14 for rate in matrix_peak(CPU, (64, 128), seconds=0.05).values())
    assert 1e7 < copy_bandwidth(CPU, 2**20, seconds=0.05) < 1e13


def test_all_of_it_runs(tmp_path: Path) -> None:
    """Every part on a CPU, without what a GPU machine lacks, and without a compiler, which costs torch.compile alone;
    the figures agree and the files are complete."""
    lacking = ["av", "pyarrow", "safetensors", "simplejpeg", "snakemake", "tqdm", "jsonschema", "yaml"]
    block = f"import sys; sys.modules.update(dict.fromkeys({lacking}))"
    arguments = [
        str(SCRIPT), "--quick", "--gpus=0", "--compile", "--architecture=small-8", "--size=32", "--frames=30",
        "--steps=1", "--rounds=1", "--workers=1", "--minutes=0.05", f"--output={tmp_path / 'speed'}",
    ]  # fmt: skip
    code = f"{block}; import runpy; sys.argv = {arguments!r}; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"CXX": "/nonexistent", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "inductor")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("torch.compile does not work here, and is left out: ") == 1
    figures = json.loads((tmp_path / "speed.json").read_text())
    titles = [
        "The device",
        "Training on input",
        "torchvision's video",
        "Training from JPEGs",
        "Test",
        "Where the",
        "Hours",
    ]
    assert [title for title, of in zip(figures, titles, strict=True) if not title.startswith(of)] == []
    networks = figures["Training on input that lies on the device, small-8"]["rows"]
    assert [row["network"] for row in networks] == ["plain ResNet", *NETWORKS]
    assert all(row["frames/s"] > 0 and row["GFLOP a frame"] > 0 for row in networks)
    assert not any("share of the matrix peak" in row for row in networks), "a processor's is none"
    loops = {row["what"]: row["frames/s"] for row in figures["Training from JPEGs"]["rows"]}
    assert len(loops) == 5 and all(rate > 0 for rate in loops.values())
    tests = {row["test"]: row["frames/s from JPEGs"] for row in figures["Test, small-8"]["rows"]}
    assert len(tests) == 4 and all(rate > 0 for rate in tests.values())
    hours = figures["Hours of the paper's trainings, small-8 at 32x32"]["rows"]
    end_to_end = {row["what"]: row["frames/s end to end"] for row in hours}
    assert list(end_to_end)[:-3] == [f"{name} (eager)" for name in NETWORKS]
    loop = loops["the training loop, JPEGs decoded by 1 thread(s) with Pillow"]
    assert end_to_end[f"{NETWORK} (eager)"] == pytest.approx(loop)
    share = loop / loops["views on the device"]
    assert all(
        end_to_end[f"{row['network']} (eager)"] == pytest.approx(share * row["frames/s"]) for row in networks[2:]
    )
    assert end_to_end["tests of all of these"] == tests[f"{NETWORK}, disjoint"]
    assert end_to_end["the baselines' features"] == tests["frozen features, full precision"]


def test_frames_must_fill_chunks_of_every_length() -> None:
    """Else the variants would not train on the same number of frames."""
    command = [sys.executable, str(SCRIPT), "--quick", "--gpus=0", "--frames=32"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: --frames 32: must be a multiple of 30") and done.stderr.count("\n") == 1
