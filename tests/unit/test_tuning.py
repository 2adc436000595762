"""Protects the choice of learning rate and epochs: by held-out train groups alone, and the right one of the grid."""

from __future__ import annotations

import io
import json
import runpy
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from made_frames import MadeSource, made_clip
from made_runs import CLIPS, MANIFEST, SETTINGS, claims, experiments, groups, project, write_runs
from safetensors.torch import save_file

from recurrent_residual.backbone import build_backbone
from recurrent_residual.config import read_config, read_experiments, resolve_config, resolve_experiments
from recurrent_residual.errors import UserError
from recurrent_residual.feature_store import FeatureStore
from recurrent_residual.frames import FrameReader, member
from recurrent_residual.manifest import Clip, read_manifest, write_manifest
from recurrent_residual.report import html, latex
from recurrent_residual.tables import collect
from recurrent_residual.tuning.choice import choose, configuration
from recurrent_residual.tuning.hold_out import check_tuning_manifest, hold_out
from recurrent_residual.tuning.settings import tuned_experiment
from recurrent_residual.tuning.trials import Trial, with_rate

ROOT = Path(__file__).resolve().parents[2]
GROUPS = range(1, 9)
TEST_GROUPS = (1, 2)


def clips_of_groups() -> list[Clip]:
    """Two classes, eight groups of a clip each; in split 1 groups 1 and 2 are test, in splits 2 and 3 others."""

    def role(group: int, split: int) -> str:
        return "test" if group in (TEST_GROUPS, (3, 4), (7, 8))[split - 1] else "train"

    return [
        made_clip(
            label * 10 + group,
            label=label,
            group=group,
            frames=21 + 10 * (group % 3),
            splits=tuple(role(group, split) for split in (1, 2, 3)),
        )
        for label in (0, 1)
        for group in GROUPS
    ]


ALL = clips_of_groups()
TEST = [clip for clip in ALL if clip.role(1) == "test"]


def test_only_train_clips_of_split_1_are_in_the_tuning() -> None:
    """Every train clip once, none of the test clips; whole groups are held out; labels and frames stay."""
    tuning = hold_out(ALL, [7, 8])
    assert [clip.video for clip in tuning] == [clip.video for clip in ALL if clip not in TEST]
    assert all(clip.roles == ("test" if clip.group in (7, 8) else "train", "-", "-") for clip in tuning)
    assert {(c.video, c.label, c.frames) for c in tuning} <= {(c.video, c.label, c.frames) for c in ALL}


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([9], r"9 is no group of split 1's train clips; there are 3, 4, 5, 6, 7, 8"),
        ([1], r"1 is no group of split 1's train clips"),
        ([3, 4, 5, 6, 7, 8], "Class0 is left without a clip to train on"),
    ],
)
def test_impossible_groups_are_named(groups: list[int], message: str) -> None:
    with pytest.raises(UserError, match=f"tuning.held_out_groups: {message}"):
        hold_out(ALL, groups)


def test_a_class_without_a_held_out_clip_is_named() -> None:
    with pytest.raises(UserError, match="Class1 is left without a clip to choose by"):
        hold_out([clip for clip in ALL if (clip.label, clip.group) != (1, 8)], [8])


def test_a_manifest_that_is_not_the_tunings_is_refused() -> None:
    """All clips, or the tuning's with nothing held out, or with one clip too many; what hold_out makes passes."""
    tuning = hold_out(ALL, [7, 8])
    check_tuning_manifest(tuning, Path("m.tsv"))
    others = "m.tsv: is not the tuning's manifest .v_.* has a part in other splits.; give the one that hold_out"
    for clips, message in (
        (ALL, others),
        ([*tuning, TEST[0]], others),
        ([*tuning, replace(TEST[0], roles=("train", "-", "test"))], others),
        ([clip for clip in tuning if clip.role(1) == "train"], "no clip is held out"),
        ([], "no clip is held out"),
    ):
        with pytest.raises(UserError, match=message):
            check_tuning_manifest(clips, Path("m.tsv"))


def record(experiment: str, errors: dict[float, list[float]], *, family: str = "networks", model: str = "m") -> dict:
    trials = [{"learning_rate": r, "errors": e, "diverged": False, "seconds": 1.0} for r, e in errors.items()]
    shared = {"seed": 1, "train_clips": 8, "held_out_clips": 4, "held_out_groups": [7, 8]}
    return {"experiment": experiment, "family": family, "model": model, **shared, "trials": trials}


def test_the_least_mean_error_is_chosen() -> None:
    """Of the mean over the experiments, not of any one of them."""
    tuning = choose(
        [
            record("a", {0.1: [0.5, 0.0], 0.2: [0.4, 0.3], 0.3: [0.9, 0.9]}),
            record("b", {0.1: [0.5, 0.8], 0.2: [0.2, 0.4], 0.3: [0.9, 0.9]}),
        ]
    )
    (family,) = tuning["families"]
    assert family["chosen"] == {"learning_rate": 0.2, "epochs": 1, "error": pytest.approx(0.3)}
    assert [mean["errors"] for mean in family["means"]] == [[0.5, 0.4], [0.3, 0.35], [0.9, 0.9]]
    assert not family["edges"] and len(family["grid"]) == 6


def test_of_equals_the_fewer_epochs_then_the_smaller_rate() -> None:
    """Equal also where the sums differ in their last bit: 0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1."""
    tuning = choose([record("abc"[i], {0.2: [1, (0.1, 0.2, 0.3)[i]], 0.1: [1, (0.3, 0.2, 0.1)[i]]}) for i in range(3)])
    assert tuning["families"][0]["chosen"]["learning_rate"] == 0.1
    tuning = choose([record("a", {0.1: [0.5, 0.25], 0.2: [0.25, 0.5]})])
    assert tuning["families"][0]["chosen"] == {"learning_rate": 0.2, "epochs": 1, "error": 0.25}


def test_an_edge_of_the_grid_is_told() -> None:
    def edges(errors: dict[float, list[float]]) -> list[str]:
        return choose([record("a", errors)])["families"][0]["edges"]

    assert edges({0.1: [0.5, 0.4, 0.5], 0.2: [0.6] * 3}) == ["the learning rate is the least that was tried"]
    assert edges({0.1: [0.5, 0.4], 0.2: [0.6, 0.3]}) == [
        "the learning rate is the greatest that was tried",
        "the epochs are the most that were tried",
    ]
    assert edges({0.1: [0.3, 0.4]}) == ["only one learning rate was tried"]


def test_a_diverged_trial_is_wrong_from_there_on() -> None:
    trial = Trial.of(0.1, [0.5, 0.25], epochs=4, seconds=1)
    assert trial.errors == (0.5, 0.25, 1.0, 1.0) and trial.diverged
    assert not Trial.of(0.1, [0.5] * 4, epochs=4, seconds=1).diverged


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "has no experiments"),
        ([record("a", {0.1: [0.5]}), record("b", {0.2: [0.5]})], "different learning rates or epochs"),
        (
            [record("a", {0.1: [0.5]}), {**record("b", {0.1: [0.5]}), "held_out_clips": 5}],
            "b: was tuned on other clips",
        ),
    ],
)
def test_trials_that_do_not_belong_together_are_refused(records: list, message: str) -> None:
    with pytest.raises(UserError, match=message):
        choose(records)


def tuned() -> dict[str, Any]:
    """A choice for networks and for each of two models of baselines."""
    return choose(
        [
            record("rrn_block4_identity", {0.0001: [0.5, 0.25], 0.0003: [0.5, 0.5]}),
            record("block4_gru", {0.001: [0.5, 0.4, 0.3]}, family="baselines", model="gru"),
            record("block4_average", {0.003: [0.125, 0.4, 0.3]}, family="baselines", model="average_pool"),
        ]
    )


def test_the_choice_reaches_the_experiments(tmp_path: Path) -> None:
    """chosen.yaml, laid over the configuration, gives each experiment its own; and the tuning's jobs stay the same."""
    (tmp_path / "chosen.yaml").write_text(yaml.safe_dump(configuration(tuned())))
    entries = read_experiments(ROOT / "config/experiments.yaml")
    config = read_config([ROOT / "config/config.yaml", tmp_path / "chosen.yaml"])
    found = {
        name: (own["learning_rate"], own["epochs"])
        for name, experiment in resolve_experiments(config, entries).items()
        for own in [experiment.settings.get("training") or experiment.settings["baselines"]]
    }
    assert found["control_no_skip"] == found["rrn_block1_convolution"] == (0.0001, 2)
    assert found["block2_gru"] == (0.001, 3) and found["block3_average_znorm"] == (0.003, 1)
    before = resolve_config({})
    for name, family in (("rrn_block4_identity", "networks"), ("block4_gru", "baselines")):
        assert tuned_experiment(name, family, config, entries) == tuned_experiment(name, family, before, entries)


@pytest.mark.parametrize(
    ("name", "family", "message"),
    [
        ("nothing", "networks", "tuning.networks.experiments: there is no 'nothing'"),
        ("block4_gru", "networks", "tuning.networks.experiments: block4_gru is a baseline, not a network"),
    ],
)
def test_impossible_experiments_are_named(name: str, family: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        tuned_experiment(name, family, resolve_config({}), read_experiments(ROOT / "config/experiments.yaml"))


# --- the jobs -------------------------------------------------------------------------------------------------------


def write_frames(folder: Path, *, garbage: set[str]) -> None:
    """The clips' frames in tars; those of the clips in `garbage` are no JPEGs."""
    source = MadeSource(ALL)
    folder.mkdir()
    for name in sorted({clip.class_name for clip in ALL}):
        with tarfile.open(folder / f"{name}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for clip in ALL:
                for frame in range(0, clip.frames, 10) if clip.class_name == name else ():
                    jpeg = b"no JPEG" if clip.video in garbage else source.read(name, clip.video, frame)
                    info = tarfile.TarInfo(member(clip.video, frame))
                    info.size = len(jpeg)
                    tar.addfile(info, io.BytesIO(jpeg))


def write_features(folder: Path, *, garbage: set[str]) -> None:
    """The clips' features; those of the clips in `garbage` are not a number."""
    rng = np.random.default_rng(0)
    rows = []
    for clip in ALL:
        vectors = rng.normal(clip.label, 2, (len(range(0, clip.frames, 10)), 6)).astype(np.float32)
        rows.append(np.full_like(vectors, np.nan) if clip.video in garbage else vectors)
    folder.mkdir()
    np.save(folder / "block4.npy", np.concatenate(rows))


def script(name: str, *arguments: str) -> None:
    """Run a script's `main` in this process: to start torch anew takes longer than its work here."""
    module = runpy.run_path(str(ROOT / f"scripts/{name}.py"))
    module["main"](module["arguments"]().parse_args(arguments))


@pytest.fixture
def tuning_manifest(tmp_path: Path) -> Path:
    """What hold_out.py makes of all clips with groups 7 and 8 held out."""
    write_manifest(tmp_path / "all.tsv", ALL)
    arguments = ("--manifest", str(tmp_path / "all.tsv"), "--groups", "7", "8")
    script("hold_out", *arguments, "--output", str(tmp_path / "tuning.tsv"))
    return tmp_path / "tuning.tsv"


def results(file: Path) -> list[dict[str, Any]]:
    """The trials of a tuned.json but for the time that they took."""
    trials = json.loads(file.read_text())["trials"]
    return [{key: value for key, value in trial.items() if key != "seconds"} for trial in trials]


CONFIG = resolve_config(
    {
        "input": {"resize": [32, 24], "size": 16, "crop_sides": [24, 20]},
        "backbone": {"architecture": "small-8", "weights": "stills"},
        "training": {"update_fraction": 0.5},
        "tuning": {"networks": {"epochs": 2}, "baselines": {"epochs": 4}},
    }
)


def settings_of(name: str, family: str) -> str:
    entries = read_experiments(ROOT / "config/experiments.yaml")
    return json.dumps(tuned_experiment(name, family, CONFIG, entries).settings)


@pytest.mark.parametrize("rate", ["0.001", "1e30"])
def test_networks_are_tuned_without_a_look_at_test_clips(tuning_manifest: Path, tmp_path: Path, rate: str) -> None:
    """With all test clips' JPEGs overwritten the trial is the same, bit for bit; a held-out clip's are looked at.

    A rate at which the training diverges is a result, too: error 1.
    """
    network = build_backbone("small-8", classes=4)
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    found = []
    for name, garbage in (("whole", set[str]()), ("overwritten", {clip.video for clip in TEST})):
        write_frames(tmp_path / name, garbage=garbage)
        script(
            "tune_network",
            *("--manifest", str(tuning_manifest), "--frames", str(tmp_path / name)),
            *("--weights", str(tmp_path / "weights.safetensors"), "--experiment", "rrn_block4_identity"),
            *("--settings", settings_of("rrn_block4_identity", "networks"), "--learning-rate", rate),
            *("--seed", "1", "--gpus", "0", "--output", str(tmp_path / f"{name}-trial")),
        )
        found += results(tmp_path / f"{name}-trial/tuned.json")
    assert found[0] == found[1] and len(found[0]["errors"]) == 2
    history = [json.loads(line) for line in (tmp_path / "whole-trial/history.jsonl").read_text().splitlines()]
    if rate == "0.001":
        assert (tmp_path / "whole-trial/checkpoint.pt").exists(), "until the choice is made"
        assert [line["held_out_error"] for line in history] == found[0]["errors"] and not found[0]["diverged"]
    else:
        assert found[0]["diverged"] and found[0]["errors"][-1] == 1


def test_baselines_are_tuned_without_a_look_at_test_clips(tuning_manifest: Path, tmp_path: Path) -> None:
    """With all test clips' features not a number the trials are the same, bit for bit."""
    found = []
    for name, garbage in (("whole", set[str]()), ("overwritten", {clip.video for clip in TEST})):
        write_features(tmp_path / name, garbage=garbage)
        for experiment in ("block4_gru_znorm", "block4_average_znorm"):
            output = tmp_path / f"{name}-{experiment}/tuned.json"
            script(
                "tune_baseline",
                *("--manifest", str(tuning_manifest), "--all-clips", str(tmp_path / "all.tsv")),
                *("--features", str(tmp_path / name), "--experiment", experiment),
                *("--settings", settings_of(experiment, "baselines"), "--learning-rates", "0.001", "0.03"),
                *("--seed", "1", "--output", str(output)),
            )
            found.append(results(output))
            held = json.loads(output.read_text())["features_as"]
            assert held == "float32" if "average" in experiment else held in ("float32", "bfloat16")
    assert found[:2] == found[2:] and found[0] != found[1]
    assert [len(trial["errors"]) for trial in found[0]] == [4, 4]
    assert all(0 <= error < 1 for trials in found for trial in trials for error in trial["errors"])


class Enough(Exception):
    """Ends a script where the test has seen what it looks for."""


def tune_network(manifest: Path, frames: Path, *, output: Path) -> None:
    """A trial of a network that ends before it needs weights."""
    script(
        "tune_network",
        *("--manifest", str(manifest), "--frames", str(frames), "--weights", "none", "--seed", "1", "--gpus", "0"),
        *("--experiment", "rrn_block4_identity", "--settings", settings_of("rrn_block4_identity", "networks")),
        *("--learning-rate", "0.001", "--output", str(output)),
    )


def tune_baseline(manifest: Path, all_clips: Path, features: Path, *, output: Path) -> None:
    """A trial of a baseline."""
    script(
        "tune_baseline",
        *("--manifest", str(manifest), "--all-clips", str(all_clips), "--features", str(features), "--seed", "1"),
        *("--experiment", "block4_gru", "--settings", settings_of("block4_gru", "baselines")),
        *("--learning-rates", "0.001", "--output", str(output)),
    )


def test_the_scripts_refuse_the_manifest_of_all_clips(tuning_manifest: Path, tmp_path: Path) -> None:
    """A hand that gives the wrong file must not tune on test clips; nothing is written."""
    write_frames(tmp_path / "frames", garbage=set())
    write_features(tmp_path / "features", garbage=set())
    everything = tmp_path / "all.tsv"
    with pytest.raises(UserError, match="all.tsv: is not the tuning's manifest"):
        tune_network(everything, tmp_path / "frames", output=tmp_path / "trial")
    with pytest.raises(UserError, match="all.tsv: is not the tuning's manifest"):
        tune_baseline(everything, everything, tmp_path / "features", output=tmp_path / "trial/tuned.json")
    assert not (tmp_path / "trial").exists()


def test_the_network_script_s_reader_is_guarded(
    tuning_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader that tune_network.py itself makes reads every clip of the tuning, and refuses each test clip."""
    write_frames(tmp_path / "frames", garbage=set())

    class Spied(FrameReader):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            for clip in ALL:
                if clip not in TEST:
                    assert self.read(clip.class_name, clip.video, 0)
                    continue
                with pytest.raises(PermissionError, match=clip.video):
                    self.read(clip.class_name, clip.video, 0)
            raise Enough

    monkeypatch.setattr("recurrent_residual.frames.FrameReader", Spied)
    with pytest.raises(Enough):
        tune_network(tuning_manifest, tmp_path / "frames", output=tmp_path / "trial")


def test_the_baseline_script_s_store_is_guarded(
    tuning_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store that tune_baseline.py itself makes has the tuning's clips only."""
    write_features(tmp_path / "features", garbage=set())

    class Spied(FeatureStore):
        def __init__(self, folder: Any, block: int, clips: Any, **options: Any) -> None:
            assert [clip.video for clip in clips] == [clip.video for clip in ALL], "the features are of all clips"
            assert options.get("only") == read_manifest(tuning_manifest)
            raise Enough

    monkeypatch.setattr("recurrent_residual.feature_store.FeatureStore", Spied)
    with pytest.raises(Enough):
        tune_baseline(tuning_manifest, tmp_path / "all.tsv", tmp_path / "features", output=tmp_path / "tuned.json")


def test_the_choice_ends_the_trials_checkpoints(tmp_path: Path) -> None:
    """They stay until the choice is written: a trial whose outputs are lost is done again in seconds with them."""
    trials = []
    for rate in (0.1, 0.2):
        folder = tmp_path / f"rate{rate}"
        folder.mkdir()
        trials.append(folder / "tuned.json")
        trials[-1].write_text(json.dumps(record("rrn_block4_identity", {rate: [0.5, rate]})))
        for name in ("checkpoint.pt", "checkpoint-previous.pt", "history.jsonl"):
            (folder / name).touch()
    outputs = ("--tuning", str(tmp_path / "tuning.json"), "--chosen", str(tmp_path / "chosen.yaml"))
    script("choose_settings", "--trials", *map(str, trials), *outputs)
    assert yaml.safe_load((tmp_path / "chosen.yaml").read_text()) == {"training": {"learning_rate": 0.1, "epochs": 2}}
    assert all({file.name for file in t.parent.iterdir()} == {"tuned.json", "history.jsonl"} for t in trials)


def test_the_guard_holds_test_clips_off(tuning_manifest: Path, tmp_path: Path) -> None:
    """A reader made as the jobs make it cannot read one test clip, and can read every clip of the tuning."""
    write_frames(tmp_path / "frames", garbage=set())
    tuning = read_manifest(tuning_manifest)
    reader = FrameReader(tmp_path / "frames", only=(clip.video for clip in tuning))
    assert all(reader.read(clip.class_name, clip.video, 0) for clip in tuning)
    for clip in TEST:
        with pytest.raises(PermissionError, match=clip.video):
            reader.read(clip.class_name, clip.video, 0)


def test_a_trial_has_the_rate_it_was_given() -> None:
    settings = json.loads(settings_of("rrn_block4_identity", "networks"))
    assert "learning_rate" not in settings["training"] and settings["training"]["epochs"] == 2
    assert with_rate(settings, "networks", 0.5)["training"]["learning_rate"] == 0.5


# --- the report -----------------------------------------------------------------------------------------------------


def views(runs: Path, tuning: dict[str, Any] | None) -> tuple[dict[str, Any], str, str]:
    chosen = ["rrn_block4_identity", "control_no_skip"]
    tables = collect(
        runs,
        experiments=experiments(),
        paper=project("paper"),
        claims=claims(),
        decisions=project("decisions"),
        clips=CLIPS,
        manifest=MANIFEST,
        settings=SETTINGS,
        chosen=chosen,
        groups=groups(),
        tuning=tuning,
    )
    templates = ROOT / "report/templates"
    page = " ".join(html.render(tables, templates).split())
    return tables, page[page.index('id="tuning"') : page.index('id="decisions"')], latex.render(tables, templates)


def test_untuned_baselines_are_told_with_their_epochs(tmp_path: Path) -> None:
    """Of what was run, not of the configuration: their number is then no error's choice, and it differs by model."""
    write_runs(tmp_path, ["rrn_block4_identity", "control_no_skip"])
    assert "epochs" not in views(tmp_path, None)[1].partition("chooses them)")[2]
    for name, model, epochs in (("rrn_block4_identity", "average_pool", 31), ("control_no_skip", "gru", 7)):
        for run in (tmp_path / name).rglob("run.json"):
            own = {"model": model, "settings": {}, "baselines": {"epochs": epochs}}
            run.write_text(json.dumps(json.loads(run.read_text()) | {"model": model, "settings": own}))
    tables, section, source = views(tmp_path, None)
    assert tables["baseline_epochs"] == {"average_pool": [31], "gru": [7]}
    assert "<code>gru</code> had 7 epochs" in section and "<code>average_pool</code> had 31 epochs" in section
    assert "had 7 epochs" in source and "had 31 epochs" in source
    _, section, source = views(tmp_path, tuned())
    assert "No error chose" not in section + source


def test_the_report_claims_no_more_of_test_clips_than_is_true(tmp_path: Path) -> None:
    """The grid trains on test clips of splits 2 and 3; only of UCF-101's groups 22 to 25 are none in any test list."""
    write_runs(tmp_path, ["rrn_block4_identity", "control_no_skip"])
    held_out = {"held_out_groups": [22, 23]}
    for tuning, told in ((tuned(), False), (tuned() | held_out, True)):
        section = views(tmp_path, tuning)[1]
        assert "Split 1’s test clips played no part" in section and "of the other splits are train clips" in section
        assert ("test clips of no split of UCF-101" in section) == told


def test_the_report_shows_the_grid_and_whether_the_choice_was_used(tmp_path: Path) -> None:
    """The runs of `made_runs` had 4 epochs; without a tuning the report says that there was none."""
    torch.manual_seed(0)
    write_runs(tmp_path, ["rrn_block4_identity", "control_no_skip"])
    tables, section, source = views(tmp_path, None)
    assert tables["tuning"] is None and "Nothing was tuned" in section and "not tuned" in source

    tables, section, source = views(tmp_path, tuned())
    networks, gru, _ = tables["tuning"]["families"]
    assert [run["experiment"] for run in networks["differ"]] == ["rrn_block4_identity", "control_no_skip"]
    assert not networks["used"] and not gru["differ"]
    assert "Not all of this report’s trainings used the choice" in section
    assert "No training in this report is one that it is for." in section
    assert "epoch 2, chosen" in section and "0.250" in section and "rate 0.0003" in section
    assert "the epochs are the most that were tried" in section
    assert "0.0001, 2 epochs (not used by all trainings here)" in source

    for run in tmp_path.rglob("run.json"):
        content = json.loads(run.read_text())
        content["settings"]["training"] = {"learning_rate": 0.0001, "epochs": 2}
        run.write_text(json.dumps(content))
    tables, section, source = views(tmp_path, tuned())
    assert tables["tuning"]["families"][0]["used"] == ["rrn_block4_identity", "control_no_skip"]
    assert "All trainings in this report that it is for used it." in section and "not used by all" not in source
