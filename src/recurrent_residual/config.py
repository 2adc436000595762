"""The configuration: validated against its schema, defaults filled in, experiments resolved. No torch in here."""

from __future__ import annotations

import copy
import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from recurrent_residual.code_inputs import SOURCE, model_literal
from recurrent_residual.datasets import dataset
from recurrent_residual.errors import UserError

SCHEMAS = SOURCE.parent / "config" / "schema"


def read_yaml(path: str | Path) -> Any:
    """Parse a YAML file.

    Raises:
        UserError: it is not there or is no YAML; the line is named.
    """
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: no valid YAML: {' '.join(str(error).split())}") from None


def validate(value: Any, schema_name: str, *, source: str) -> Any:
    """A copy of `value` that fits config/schema/<schema_name>.yaml, with the schema's defaults for what it leaves out.

    Raises:
        UserError: names `source`, the key and what it may be.
    """
    schema = _schema(schema_name)
    _check(value, schema, source=source)
    return fill_defaults(value, schema)


@cache
def _schema(name: str) -> Any:
    """Parsed once: planning checks each experiment's settings against it, and so does every job on a cluster."""
    return read_yaml(SCHEMAS / f"{name}.yaml")


def read_experiments(path: str | Path) -> dict[str, Any]:
    """The entries of `experiments.yaml`, validated, with their defaults.

    Raises:
        UserError: the file is not there, or an entry is malformed.
    """
    return validate(read_yaml(path), "experiments", source=str(path))


def _check(value: Any, schema: Mapping[str, Any], *, source: str) -> None:
    # A mistyped key first: it is the likely cause of a missing one.
    errors = sorted(
        Draft202012Validator(schema).iter_errors(value),
        key=lambda error: (error.validator != "additionalProperties", [str(part) for part in error.path]),
    )
    if errors:
        raise UserError(f"{source}: {_explain(errors[0])}")


def fill_defaults(value: Any, schema: Mapping[str, Any]) -> Any:
    """A deep copy of `value` in which every key that `schema` describes is there."""
    value = copy.deepcopy(value)
    if isinstance(value, dict):
        for key, subschema in schema.get("properties", {}).items():
            if "default" in subschema or key in value:
                value[key] = fill_defaults(value.get(key, subschema.get("default")), subschema)
        others = schema.get("additionalProperties")
        if isinstance(others, dict):
            value = {key: fill_defaults(item, others) for key, item in value.items()}
    return value


def _explain(error: Any) -> str:
    """A validation error in one line."""
    place = ".".join(str(part) for part in error.path)
    if error.validator == "additionalProperties":
        known = sorted(error.schema["properties"])
        unknown = str(next(key for key in error.instance if key not in known))
        close = difflib.get_close_matches(unknown, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
        return f"unknown key {'.'.join(filter(None, [place, unknown]))!r}; {hint}"
    if error.validator == "required":
        return f"{place!r}: {error.message}"
    description = error.schema.get("description")
    return f"{place!r}: {' '.join(error.message.split())}" + (f" ({description})" if description else "")


@dataclass(frozen=True)
class Experiment:
    """One entry of experiments.yaml with everything that its trainings depend on."""

    name: str
    model: str
    kind: str
    """"network" or "baseline"."""
    settings: dict[str, Any]
    """What a job gets as --settings: the model's own and the sections of the configuration that it needs."""


def read_config(files: Iterable[str | Path]) -> dict[str, Any]:
    """The configuration in `files`, each laid over those before it as Snakemake does, and resolved.

    Raises:
        UserError: a file cannot be read, or `resolve_config` refuses what they say together.
    """
    merged: dict[str, Any] = {}
    for file in files:
        content = read_yaml(file)
        if not isinstance(content, dict):
            raise UserError(f"{file}: no configuration; it should have keys such as dataset:")
        _lay_over(merged, content)
    return resolve_config(merged)


def _lay_over(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    """Lay `above` over `below` in place, section by section, as snakemake.utils.update_config does."""
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _lay_over(below[key], value)
        else:
            below[key] = value


def resolve_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Validate a merged configuration and fill in its defaults.

    Raises:
        UserError: a key is unknown or its value impossible.
    """
    resolved = validate(dict(config), "config", source="configuration")
    data = resolved["dataset"]
    try:
        data["title"] = data["title"] or dataset(data["kind"]).TITLE
    except UserError as error:
        raise UserError(f"configuration: dataset.kind: {error}") from None
    data |= {key: os.path.expanduser(data[key]) for key in ("videos", "lists")}
    training, frames, features = resolved["training"], resolved["frames"], resolved["features"]
    if (training["update_fraction"] is None) == (training["batch"] is None):
        raise UserError("configuration: set one of training.update_fraction and training.batch, and the other to null")
    for section, every in (("training", training["every"]), ("features", features["every"])):
        if every % frames["every"]:
            raise UserError(
                f"configuration: {section}.every is {every}, but only every {frames['every']}th frame is extracted "
                "(frames.every); take a multiple of it"
            )
    width, height = resolved["input"]["resize"]
    if max(*resolved["input"]["crop_sides"], resolved["input"]["size"]) > min(width, height):
        raise UserError(f"configuration: input.crop_sides and input.size must fit into input.resize, {width}x{height}")
    for name in resolved["baselines"]["by_model"]:
        try:
            kind = model_literal(name, "KIND")
        except UserError as error:
            raise UserError(f"configuration: baselines.by_model: {error}") from None
        if kind != "baseline":
            raise UserError(f"configuration: baselines.by_model: {name} is a {kind}; its settings are under training")
    if not any(resolved["seeds"].values()):
        raise UserError("configuration: seeds: no split has a training; set one of split1, split2, split3")
    return resolved


def resolve_experiments(config: Mapping[str, Any], entries: Mapping[str, Any]) -> dict[str, Experiment]:
    """The chosen experiments of `config`, by name, in the order of the file.

    Args:
        config: as `resolve_config` gives it.
        entries: as `read_experiments` gives those of `config["experiments_file"]`.

    Raises:
        UserError: an entry's model or settings are unknown, or `config["experiments"]` names one that is not there.
    """
    source = config["experiments_file"]
    for name in config["experiments"]:
        if name not in entries:
            close = difflib.get_close_matches(name, entries, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; {source} has {', '.join(entries)}"
            raise UserError(f"configuration: experiments: there is no {name!r}{hint}")
    chosen = config["experiments"] or list(entries)
    return {name: _resolve(name, entry, config) for name, entry in entries.items() if name in chosen}


def _resolve(name: str, entry: Mapping[str, Any], config: Mapping[str, Any]) -> Experiment:
    source = f"{config['experiments_file']}: {name}"
    try:
        kind, known, required = (model_literal(entry["model"], name) for name in ("KIND", "SETTINGS", "REQUIRED"))
        if kind not in ("network", "baseline"):
            raise UserError(f"model {entry['model']!r}: KIND is {kind!r}, not 'network' or 'baseline'")
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    schema = {"type": "object", "properties": known, "required": required, "additionalProperties": False}
    _check({"settings": entry["settings"]}, {"properties": {"settings": schema}}, source=source)
    section, other = ("training", "baselines") if kind == "network" else ("baselines", "training")
    if entry[other]:
        raise UserError(f"{source}: a {kind} takes `{section}:`, not `{other}:`")
    by_model = config[section].get("by_model", {}).get(entry["model"], {})
    overridden = {**config[section], **by_model, **entry[section]}
    try:
        overridden = resolve_config({**config, section: overridden})[section]
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    overridden.pop("by_model", None)  # what another model has retrains nothing here
    settings = {"model": entry["model"], "settings": entry["settings"], section: overridden}
    if kind == "network":
        settings |= {"backbone": config["backbone"], "input": config["input"]}
    else:
        settings |= {"features": {"every": config["features"]["every"]}}
    return Experiment(name, entry["model"], kind, settings)


def runs(config: Mapping[str, Any]) -> list[tuple[int, int]]:
    """(split, seed) of every training of one experiment."""
    return [(int(key[-1]), seed) for key, count in config["seeds"].items() for seed in range(1, count + 1)]
