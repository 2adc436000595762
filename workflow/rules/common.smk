# The resolved configuration, where files lie, and which code a job runs.

import hashlib
import json
import signal
import sys
from contextlib import suppress
from pathlib import Path

from snakemake.exceptions import WorkflowError

REPOSITORY = Path(workflow.basedir).resolve().parent
if not (REPOSITORY / "src/recurrent_residual").is_dir():
    raise WorkflowError(f"{REPOSITORY}: no clone of this workflow; it runs in one (git clone), not as another's module")
sys.path.insert(0, str(REPOSITORY / "src"))

from recurrent_residual.code_inputs import code_of, model_file
from recurrent_residual.config import read_experiments, read_yaml, resolve_config, resolve_experiments, runs
from recurrent_residual.data_plan import all_classes, check_folders, chosen_classes
from recurrent_residual.datasets import dataset, source_file
from recurrent_residual.errors import UserError
from recurrent_residual.rows import row_owners
from recurrent_residual.tuning.settings import tuned_experiment
from recurrent_residual.weights_source import check_download, weights_source

# `--use-conda` takes PYTHONPATH away from jobs, so it is set here, and packages that a user installed for themselves would
# shadow its environments'. Without conda, jobs run in Snakemake's own Python, also when its environment is not activated.
if workflow.deployment_settings.deployment_method:
    OWN_PYTHON = "PYTHONNOUSERSITE=1"
else:
    OWN_PYTHON = f"PATH='{Path(sys.executable).parent}:'\"$PATH\""
shell.prefix(f"set -euo pipefail; trap : TERM USR1; export PYTHONPATH='{REPOSITORY}/src' {OWN_PYTHON}; ")


# A queue sends its signals to all processes of a job, and a training takes them to save its state. Snakemake and the
# job's shell wait for it meanwhile (`trap`, above), and so does Snakemake with SIGTERM by itself.
def outlive(number, frame):
    """For SIGUSR1, a queue's warning before its limit, by which Snakemake would end, and with it the job."""


# Python has handlers in the main thread only; whoever runs Snakemake in another one has its signals in hand.
with suppress(ValueError):
    signal.signal(signal.SIGUSR1, outlive)


if Path.cwd().resolve() != REPOSITORY:
    raise WorkflowError(f"run snakemake in {REPOSITORY} (cd there): configuration and results lie below it")


try:
    SETTINGS = resolve_config(config)
    ENTRIES = read_experiments(SETTINGS["experiments_file"])
    EXPERIMENTS = resolve_experiments(SETTINGS, ENTRIES)
    row_owners(ENTRIES, read_yaml(REPOSITORY / "config/paper.yaml"), source=SETTINGS["experiments_file"])
    DATASET = SETTINGS["dataset"]
    check_folders(DATASET, REPOSITORY)
    DATASET_MODULE = dataset(DATASET["kind"])
    ALL_CLASSES = all_classes(DATASET, DATASET_MODULE)
    CLASSES = chosen_classes(DATASET, ALL_CLASSES)
    PRETRAINED = read_yaml(REPOSITORY / "config/weights.yaml")
    WEIGHTS_SOURCE = weights_source(**SETTINGS["backbone"], known=PRETRAINED)
    if workflow.is_main_process:  # not again in each job of a cluster: it reads 100 MB
        check_download(WEIGHTS_SOURCE)
except UserError as error:
    raise WorkflowError(str(error)) from None

NAME = DATASET["name"]
RESULTS = f"results/{NAME}"
LOGS = f"logs/{NAME}"
RUN = f"{RESULTS}/runs/{{experiment}}/split{{split}}/seed{{seed}}"
REPORT = SETTINGS["report"]["folder"]
LOOKS = SETTINGS["report"]["look_into"]
TUNING = SETTINGS["tuning"]
TUNING_RECORD = f"{RESULTS}/tuning/tuning.json"
RUNS = runs(SETTINGS)
NETWORKS = [name for name, experiment in EXPERIMENTS.items() if experiment.kind == "network"]
BASELINES = [name for name, experiment in EXPERIMENTS.items() if experiment.kind == "baseline"]


wildcard_constraints:
    split=r"[123]",
    seed=r"\d+",
    class_name=r"\w+",


def is_filled(folder):
    """Whether the folder is there and holds something."""
    return Path(folder).is_dir() and any(Path(folder).iterdir())


def one_of(names):
    """A wildcard's constraint: one of `names`, or nothing at all where there are none."""
    return "|".join(names) or "(?!)"


def here(path):
    """A path as the user would type it: relative to the working directory where it lies below."""
    path = Path(path)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def code(script, *, model=None, dataset=None):
    """The script and every module of the package that it, its model or its data set imports: edited code runs again."""
    files = set(code_of(REPOSITORY / "scripts" / f"{script}.py"))
    files.update(code_of(model_file(model)) if model else (), code_of(source_file(dataset)) if dataset else ())
    return [here(file) for file in sorted(files)]


def model_code(script):
    """An input function: `code` of the script and of the wildcard experiment's model."""

    def files(wildcards):
        return code(script, model=EXPERIMENTS[wildcards.experiment].model)

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


def image_weights():
    """The file of the image network's weights: downloaded (it never changes), pretrained here, or the user's own."""
    if WEIGHTS_SOURCE.kind == "stills":
        return f"{RESULTS}/weights/{SETTINGS['backbone']['architecture']}-stills.safetensors"
    return ancient(WEIGHTS_SOURCE.path) if WEIGHTS_SOURCE.kind == "download" else WEIGHTS_SOURCE.path


def weights_sha256_option():
    """The digest that the weights must have, where it is known before they are there."""
    return f"--weights-sha256 {WEIGHTS_SOURCE.sha256}" if WEIGHTS_SOURCE.sha256 else ""


def downloadable_weights():
    """File's name without its ending -> architecture and name of the weights of torchvision that are not here yet.

    What is here was verified above. Without the rule's output it is not fetched again because the rule was edited.
    """
    return {
        path.stem: f"{architecture} {name}"
        for architecture, entries in PRETRAINED.items()
        for name, entry in entries.items()
        if not (path := Path("resources/weights") / Path(entry["url"]).name).exists()
    }


def weights_name(wildcards):
    """Architecture and torchvision's name of the weights in `resources/weights/<wildcards.file>.pth`."""
    return downloadable_weights()[wildcards.file]


def mirror_options(wildcards, output):
    """The user's own mirrors, as the script takes them.

    It takes `output` so that Snakemake does not record it with the other params: what is there would else be
    downloaded again because of another address.
    """
    return [word for mirror in SETTINGS["mirrors"] for word in ("--mirror", mirror)]


def fetched_files():
    """What the configuration has to be downloaded for."""
    data = [VIDEOS, *LIST_FILES] if DATASET["source"] == "download" else []
    return data + ([WEIGHTS] if WEIGHTS_SOURCE.kind == "download" else [])


def engine_settings(wildcards, output):
    """How a network's work is done, as JSON.

    It takes `output` so that Snakemake does not record it with the other params: it changes no result, so that
    nothing is to run again because of it.
    """
    return json.dumps(SETTINGS["engine"], sort_keys=True)


def tuned(name, family):
    """An experiment as it is tuned; an impossible choice of experiments stops those who tune, and nobody else."""
    try:
        return tuned_experiment(name, family, SETTINGS, ENTRIES)
    except UserError as error:
        raise WorkflowError(str(error)) from None


def tuned_model_code(script, family):
    """An input function: `code` of the script and of the wildcard experiment's model."""

    def files(wildcards):
        return code(script, model=tuned(wildcards.experiment, family).model)

    return files


def tuned_settings(family):
    """A params function: all that the experiment's tuning depends on but the learning rate, as JSON."""

    def settings(wildcards):
        return json.dumps(tuned(wildcards.experiment, family).settings, sort_keys=True)

    return settings


def trial_files():
    """What the tuning's choice is made of: a file for each network and learning rate, and one for each baseline."""
    networks, baselines = TUNING["networks"], TUNING["baselines"]
    return [
        f"{RESULTS}/tuning/networks/{name}/rate{rate}/tuned.json"
        for name in networks["experiments"]
        for rate in networks["learning_rates"]
    ] + [f"{RESULTS}/tuning/baselines/{name}/tuned.json" for name in baselines["experiments"]]


def tuning_option(wildcards):
    """The tuning's record for the report, where there is one.

    It is no input, lest a report tune again, for hours, because code was edited.
    """
    return f"--tuning {TUNING_RECORD}" if Path(TUNING_RECORD).exists() else ""


def tuning_digest(wildcards):
    """The record's digest: no job reads it, but the report is made again when it changes."""
    return hashlib.sha256(Path(TUNING_RECORD).read_bytes()).hexdigest() if Path(TUNING_RECORD).exists() else ""


def gpus_of_job(wildcards, resources):
    """How many GPUs the job has; a profile may ask for them as generic resources: `gpu: 0`, `gres: gpu:a100:1`."""
    return 1 if str(resources.get("gres", "")).startswith("gpu") else resources.gpu


def frames_at_once(section):
    """A params function: how many frames go through a network in one pass of a test or of the features.

    It takes `output` so that Snakemake does not record it with the other params: it changes nothing but rounding.
    """

    def batch(wildcards, output):
        return SETTINGS[section]["batch"]

    return batch


def looks_experiments():
    """The two networks that are looked into, as the script takes them."""
    return f"--experiment {LOOKS['experiment']} --beside {LOOKS['beside']}"


def looks_wanted():
    """The file of what was seen in the two networks, in a list; an empty one where they are not both trained here."""
    both = {LOOKS["experiment"], LOOKS["beside"]} <= set(NETWORKS)
    return [f"{RESULTS}/looks.json"] if both and LOOKS["clips"] else []


def looks_runs(name):
    """The file `name` of the first run of each of the two networks."""
    split, seed = RUNS[0]
    both = (LOOKS["experiment"], LOOKS["beside"])
    return [f"{RESULTS}/runs/{experiment}/split{split}/seed{seed}/{name}" for experiment in both]


def looks_code():
    """`code` of the script that looks into networks, and of their models."""
    models = {EXPERIMENTS[name].model for name in (LOOKS["experiment"], LOOKS["beside"]) if name in EXPERIMENTS}
    return sorted({file for model in [None, *models] for file in code("look_into_model", model=model)})


def looks_option(wildcards, input):
    """What was seen in the networks, for the report, where it is wanted."""
    return f"--looks {input.looks}" if input.looks else ""


def files_below(folder):
    """All files in a folder of the repository and in those below it."""
    return [here(path) for path in sorted((REPOSITORY / folder).rglob("*")) if path.is_file()]
