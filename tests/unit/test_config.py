"""Protects the configuration: the paper by default, unknown keys refused, and each experiment's own settings."""

from pathlib import Path

import pytest
import yaml

from recurrent_residual.config import read_experiments, read_yaml, resolve_config, resolve_experiments, runs, validate
from recurrent_residual.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG = REPOSITORY / "config"


def schema_keys(schema: dict, path: tuple[str, ...] = ()):
    for key, sub in schema["properties"].items():
        yield (*path, key), sub
        if "properties" in sub:
            yield from schema_keys(sub, (*path, key))


def test_config_yaml_says_what_the_schema_has_as_defaults() -> None:
    """Two places that tell the paper's settings must not come to differ."""
    assert resolve_config(read_yaml(CONFIG / "config.yaml")) == resolve_config({})


def test_every_key_has_a_description_and_a_default() -> None:
    for path, sub in schema_keys(read_yaml(CONFIG / "schema" / "config.yaml")):
        assert sub.get("description") and "default" in sub, path


def test_the_paper_is_the_default() -> None:
    """Section 4: every tenth frame, an update after 1 % of the data; ResNet-50; three splits."""
    config = resolve_config({})
    assert config["backbone"]["architecture"] == "resnet50"
    assert config["frames"]["every"] == config["training"]["every"] == 10
    assert config["training"]["update_fraction"] == 0.01
    assert runs(config) == [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1)]
    experiments = resolve_experiments(config, read_experiments(CONFIG / "experiments.yaml"))
    kinds = [experiment.kind for experiment in experiments.values()]
    assert (kinds.count("baseline"), kinds.count("network")) == (12, 10)


@pytest.mark.parametrize("name", ["demo", "quick"])
def test_the_small_configurations_say_that_they_are_not_comparable(name: str) -> None:
    config = resolve_config(read_yaml(CONFIG / f"{name}.yaml"))
    assert not config["report"]["comparable"] and config["report"]["notice"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"training": {"epoch": 3}}, r"unknown key 'training.epoch'; did you mean 'epochs'\?"),
        ({"trainings": {}}, r"unknown key 'trainings'; did you mean 'training'\?"),
        ({1: 1}, "unknown key '1'"),
        ({"zzz": 1}, r"unknown key 'zzz'; there are backbone, "),
        ({"training": {"epochs": "ten"}}, r"'training.epochs': 'ten' is not of type 'integer'"),
        ({"dataset": {"source": "web"}}, r"'dataset.source': 'web' is not one of"),
        ({"training": {"batch": 8}}, "set one of training.update_fraction and training.batch"),
        ({"training": {"update_fraction": None}}, "set one of training.update_fraction and training.batch"),
        ({"training": {"every": 15}}, r"training.every is 15, but only every 10th frame"),
        ({"features": {"every": 5}}, r"features.every is 5, but only every 10th frame"),
        ({"input": {"size": 300}}, "must fit into input.resize"),
        ({"seeds": {"split1": 0, "split2": 0, "split3": 0}}, "no split has a training"),
        ({"seeds": {"split4": 1}}, "unknown key 'seeds.split4'"),
    ],
)
def test_an_impossible_configuration_is_one_line_that_names_the_key(config: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        resolve_config(config)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"title": "x", "model": "grue"}, "experiments.yaml: new: model: 'grue' is no module"),
        ({"title": "x", "model": "../cli"}, "is no module"),
        ({"title": "x", "model": "gru", "settings": {"unit": 3}}, "unknown key 'settings.unit'; did you mean 'units'"),
        ({"title": "x", "model": "gru", "settings": {"block": 5, "znorm": True}}, r"'settings.block': 5 is not one of"),
        ({"title": "x", "model": "gru", "settings": {"block": 4}}, "'znorm' is a required property"),
        ({"title": "x", "model": "recurrent_resnet"}, "'skips' is a required property"),
        ({"title": "x", "model": "recurrent_resnet", "settings": {"skips": None}}, "'settings.skips': None is not"),
        ({"title": "x", "model": "recurrent_resnet", "settings": {"skips": [], "frames": "2"}}, "'settings.frames'"),
        (
            {"title": "x", "model": "gru", "settings": {"block": 4, "znorm": True}, "training": {"epochs": 3}},
            "a baseline takes `baselines:`",
        ),
        (
            {"title": "x", "model": "gru", "settings": {"block": 4, "znorm": True}, "baselines": {"epoch": 3}},
            "unknown key 'baselines.epoch'",
        ),
        ({"title": "x", "modell": "gru"}, "unknown key 'new.modell'"),
        ({"model": "gru"}, "'title' is a required property"),
    ],
)
def test_an_impossible_experiment_is_one_line_that_names_it(entry: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        resolve_experiments(resolve_config({}), validate({"new": entry}, "experiments", source="experiments.yaml"))
    assert "\n" not in str(error.value)


def test_an_experiment_that_is_not_there_is_named() -> None:
    config = resolve_config({"experiments": ["rrn_block4_identiti"]})
    with pytest.raises(UserError, match="did you mean 'rrn_block4_identity'"):
        resolve_experiments(config, read_experiments(CONFIG / "experiments.yaml"))


def test_an_experiments_own_settings_are_its_own() -> None:
    """Overriding one entry's epochs changes its settings and nobody else's; its title is no setting."""
    config, entries = resolve_config({}), read_experiments(CONFIG / "experiments.yaml")
    before = resolve_experiments(config, entries)
    entries["rrn_block4_identity"] |= {"training": {"epochs": 99}, "title": "another title"}
    entries["block4_gru"]["title"] = "another title"
    after = resolve_experiments(config, entries)
    assert [name for name in before if before[name] != after[name]] == ["rrn_block4_identity"]
    assert after["rrn_block4_identity"].settings["training"]["epochs"] == 99


def test_the_report_and_the_classes_are_no_settings_of_a_training() -> None:
    """Another title, notice, number of threads or seeds trains nothing again."""
    entries = read_experiments(CONFIG / "experiments.yaml")
    changed = {"report": {"title": "x"}, "threads": 2, "seeds": {"split2": 3}, "evaluation": {"batch": 3}}
    assert resolve_experiments(resolve_config({}), entries) == resolve_experiments(resolve_config(changed), entries)


def test_no_yaml_is_one_line(tmp_path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("a: [1\nb: 2")
    with pytest.raises(UserError, match=r"broken.yaml: no valid YAML: .*line 2"):
        read_yaml(file)
    with pytest.raises(UserError, match="no such file"):
        read_yaml(tmp_path / "none.yaml")


def test_validation_leaves_its_argument_alone() -> None:
    config = {"training": {"epochs": 3}}
    filled = validate(config, "config", source="x")
    assert config == {"training": {"epochs": 3}} and filled["training"]["every"] == 10
    filled["input"]["resize"].append(1)
    assert resolve_config({})["input"]["resize"] == [340, 256]


def test_schemas_are_schemas() -> None:
    from jsonschema import Draft202012Validator

    for file in (CONFIG / "schema").glob("*.yaml"):
        Draft202012Validator.check_schema(yaml.safe_load(file.read_text()))


def test_settings_by_model_reach_its_baselines_and_no_other() -> None:
    """Experiment before model before section; a model's own settings are no part of another model's jobs."""
    entries = read_experiments(CONFIG / "experiments.yaml")
    entries["block2_gru"]["baselines"] = {"epochs": 3}
    config = resolve_config({"baselines": {"epochs": 7, "by_model": {"gru": {"epochs": 5, "learning_rate": 0.5}}}})
    before = resolve_experiments(resolve_config({"baselines": {"epochs": 7}}), entries)
    experiments = resolve_experiments(config, entries)
    own = {name: experiments[name].settings["baselines"] for name in ("block4_gru", "block2_gru")}
    assert [(s["epochs"], s["learning_rate"], s["batch"]) for s in own.values()] == [(5, 0.5, 64), (3, 0.5, 64)]
    for name, experiment in experiments.items():
        if experiment.model != "gru":
            assert experiment.settings == before[name].settings


@pytest.mark.parametrize(
    ("by_model", "message"),
    [
        ({"grru": {}}, r"baselines.by_model: model: 'grru' is no module"),
        ({"recurrent_resnet": {}}, r"recurrent_resnet is a network; its settings are under training"),
        ({"gru": {"epoch": 1}}, r"unknown key 'baselines.by_model.gru.epoch'; did you mean 'epochs'"),
    ],
)
def test_settings_by_model_are_checked(by_model: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        resolve_config({"baselines": {"by_model": by_model}})
