# Class probabilities of the test clips, and errors; one job an experiment.


rule evaluate_network:
    input:
        code=model_code("evaluate_network"),
        manifest=rules.build_manifest.output,
        frames=FRAMES,
        # Written last by a training; it vouches for the weights beside it.
        runs=run_files("run.json"),
    output:
        predictions=run_files("predictions.parquet"),
        metrics=run_files("metrics.json"),
    params:
        frames=f"{RESULTS}/frames",
        runs_folder=f"{RESULTS}/runs",
        runs=split_seeds(),
        batch=SETTINGS["evaluation"]["batch"],
    wildcard_constraints:
        experiment=one_of(NETWORKS),
    threads: SETTINGS["threads"]
    resources:
        gpu=1,
    log:
        f"{LOGS}/evaluate_network/{{experiment}}.log",
    conda:
        "../../envs/train.yaml"
    message:
        "Testing {wildcards.experiment} on all splits"
    shell:
        "python scripts/evaluate_network.py --manifest {input.manifest} --frames {params.frames}"
        " --experiment {wildcards.experiment} --runs {params.runs} --batch {params.batch} --gpus {resources.gpu}"
        " --threads {threads} --output {params.runs_folder} 2> {log}"


rule evaluate_baseline:
    input:
        code=model_code("evaluate_baseline"),
        manifest=rules.build_manifest.output,
        features=rules.extract_features.output,
        # Written last by a training; it vouches for the weights beside it.
        runs=run_files("run.json"),
    output:
        predictions=run_files("predictions.parquet"),
        metrics=run_files("metrics.json"),
    params:
        features=f"{RESULTS}/features",
        runs_folder=f"{RESULTS}/runs",
        runs=split_seeds(),
    wildcard_constraints:
        experiment=one_of(BASELINES),
    log:
        f"{LOGS}/evaluate_baseline/{{experiment}}.log",
    conda:
        "../../envs/train.yaml"
    message:
        "Testing {wildcards.experiment} on all splits"
    shell:
        "python scripts/evaluate_baseline.py --manifest {input.manifest} --features {params.features}"
        " --experiment {wildcards.experiment} --runs {params.runs} --threads {threads}"
        " --output {params.runs_folder} 2> {log}"
