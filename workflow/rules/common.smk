# The resolved configuration, where files lie, and which code a job runs.

import json
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

REPOSITORY = Path(workflow.basedir).resolve().parent
sys.path.insert(0, str(REPOSITORY / "src"))

from recurrent_residual import ucf101
from recurrent_residual.code_inputs import code_of, model_file
from recurrent_residual.config import read_experiments, read_yaml, resolve_config, resolve_experiments, runs
from recurrent_residual.errors import UserError
from recurrent_residual.rows import row_owners

# `--use-conda` takes PYTHONPATH away from jobs, so it is set here; without conda, jobs run in Snakemake's own Python,
# also when its environment is not activated.
OWN_PYTHON = "" if workflow.deployment_settings.deployment_method else f"{Path(sys.executable).parent}:"
shell.prefix(f"set -euo pipefail; export PYTHONPATH='{REPOSITORY}/src' PATH='{OWN_PYTHON}'\"$PATH\"; ")


if Path.cwd().resolve() != REPOSITORY:
    raise WorkflowError(f"run snakemake in {REPOSITORY} (cd there): configuration and results lie below it")

# Classes, addresses and checksums of the data sets that this workflow makes or fetches.
FACTS_OF = {"download": "config/datasets/ucf101.yaml", "demo": "config/datasets/demo.yaml"}


def check_not_overwritten(dataset):
    """Refuse a folder outside resources/ that is to be made here: Snakemake deletes what it is about to make anew."""
    for key in ("videos", "lists"):
        if dataset["source"] != "local" and not Path(dataset[key]).resolve().is_relative_to(REPOSITORY / "resources"):
            raise UserError(
                f"dataset.{key}: {dataset[key]} would be overwritten with source: {dataset['source']}; for a folder of "
                "yours set dataset.source: local"
            )


def dataset_classes(dataset, facts):
    """Names of the classes, known before any job runs: chosen, or on disk, or in the data set's own table."""
    local = dataset["source"] == "local"
    there = ucf101.available_classes(dataset["videos"], dataset["lists"]) if local else facts["classes"]
    for name in dataset["classes"]:
        if name not in there:
            where = f"has no videos in {dataset['videos']}" if local else f"is no class of {dataset['name']}"
            raise UserError(f"dataset.classes: {name!r} {where}; there are {', '.join(there)}")
    if local and not dataset["classes"]:
        return ucf101.default_classes(dataset["videos"], dataset["lists"], missing_videos=dataset["missing_videos"])
    return dataset["classes"] or there


try:
    SETTINGS = resolve_config(config)
    ENTRIES = read_experiments(SETTINGS["experiments_file"])
    EXPERIMENTS = resolve_experiments(SETTINGS, ENTRIES)
    row_owners(ENTRIES, read_yaml(REPOSITORY / "config/paper.yaml"), source=SETTINGS["experiments_file"])
    DATASET = SETTINGS["dataset"]
    check_not_overwritten(DATASET)
    FACTS = {} if DATASET["source"] == "local" else read_yaml(REPOSITORY / FACTS_OF[DATASET["source"]])
    CLASSES = dataset_classes(DATASET, FACTS)
    PRETRAINED = read_yaml(REPOSITORY / "config/weights.yaml")
except UserError as error:
    raise WorkflowError(str(error)) from None

NAME = DATASET["name"]
RESULTS = f"results/{NAME}"
LOGS = f"logs/{NAME}"
RUN = f"{RESULTS}/runs/{{experiment}}/split{{split}}/seed{{seed}}"
REPORT = SETTINGS["report"]["folder"]
RUNS = runs(SETTINGS)
NETWORKS = [name for name, experiment in EXPERIMENTS.items() if experiment.kind == "network"]
BASELINES = [name for name, experiment in EXPERIMENTS.items() if experiment.kind == "baseline"]


wildcard_constraints:
    split=r"[123]",
    seed=r"\d+",
    class_name=r"\w+",


def one_of(names):
    """A wildcard's constraint: one of `names`, or nothing at all where there are none."""
    return "|".join(names) or "(?!)"


def here(path):
    """A path as the user would type it: relative to the working directory where it lies below."""
    path = Path(path)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def code(script, *models):
    """The script and every module of the package that it, or one of `models`, imports: edited code runs again."""
    files = set(code_of(REPOSITORY / "scripts" / f"{script}.py")).union(*(code_of(model_file(m)) for m in models))
    return [here(file) for file in sorted(files)]


def model_code(script):
    """An input function: `code` of the script and of the wildcard experiment's model."""

    def files(wildcards):
        return code(script, EXPERIMENTS[wildcards.experiment].model)

    return files


def experiment_settings(wildcards):
    """All that the experiment's trainings depend on, as JSON: a changed setting runs it again, and only it.

    Sorted, because the order of keys depends on how the configuration files were named on the command line.
    """
    return json.dumps(EXPERIMENTS[wildcards.experiment].settings, sort_keys=True)


def run_files(name):
    """The file `name` of each run of the wildcard experiment."""
    return [f"{RESULTS}/runs/{{experiment}}/split{split}/seed{seed}/{name}" for split, seed in RUNS]


def _folder(files, above):
    first = files if isinstance(files, str) else files[0]
    return str(Path(first).parents[above])


def folder_of_input(name, above=0):
    """A params function: the folder of the input `name`, or one further `above`."""

    def folder(wildcards, input):
        return _folder(input[name], above)

    return folder


def folder_of_output(name, above=0):
    """A params function: the folder of the output `name`, or one further `above`."""

    def folder(wildcards, output):
        return _folder(output[name], above)

    return folder


def used_splits(wildcards, input):
    """The splits that have runs.

    It takes `input` so that Snakemake does not record it with the other params: a further split would else list the
    clips again, and with that extract all frames and train everything again.
    """
    return sorted({split for split, _ in RUNS})


def split_seeds():
    """The runs of an experiment, as the scripts take them: 1:1 1:2 2:1 ..."""
    return " ".join(f"{split}:{seed}" for split, seed in RUNS)


def image_weights(backbone):
    """The file of the image network's weights: downloaded (it never changes), pretrained here, or the user's own."""
    if backbone["weights"] == "stills":
        return f"{RESULTS}/weights/{backbone['architecture']}-stills.safetensors"
    known = PRETRAINED.get(backbone["architecture"], {})
    if backbone["weights"] in known:
        return ancient(f"resources/weights/{Path(known[backbone['weights']]['url']).name}")
    if not Path(backbone["weights"]).is_file():
        names = ", ".join(["stills", *known])
        raise WorkflowError(
            f"backbone.weights: {backbone['weights']!r} is no file, and for {backbone['architecture']} there are {names}"
        )
    return backbone["weights"]


def weights_download(wildcards):
    """Address, size and checksum of torchvision's weights in the file `<wildcards.file>.pth`."""
    known = (entry for entries in PRETRAINED.values() for entry in entries.values())
    return next(entry for entry in known if Path(entry["url"]).stem == wildcards.file)
