# One training a job for the networks; all trainings of an experiment in one job for the baselines, which take seconds.
#
# Networks' jobs are shown and logged by a `tee` that no signal ends: a Ctrl-C or a queue must not take away what a
# training writes to; nor does a log on a full disk make a failure of it.


rule train_network:
    input:
        code=model_code("train_network"),
        manifest=rules.build_manifest.output.manifest,
        frames=FRAMES,
        weights=WEIGHTS,
    output:
        weights=f"{RUN}/weights.safetensors",
        history=f"{RUN}/history.jsonl",
        run=f"{RUN}/run.json",
    log:
        f"{LOGS}/train_network/{{experiment}}-split{{split}}-seed{{seed}}.log",
    wildcard_constraints:
        experiment=one_of(NETWORKS),
    conda:
        "../../envs/train.yaml"
    threads: SETTINGS["threads"]
    resources:
        gpu=1,
    params:
        gpus=gpus_of_job,
        frames=folder_of_input("frames"),
        folder=folder_of_output("run"),
        settings=experiment_settings,
        engine=engine_settings,
        sha256=weights_sha256_option(),
    message:
        "Training {wildcards.experiment} on split {wildcards.split}, seed {wildcards.seed}"
    shell:
        "python scripts/train_network.py --manifest {input.manifest} --frames {params.frames}"
        " --weights {input.weights:q} {params.sha256}"
        " --experiment {wildcards.experiment} --settings {params.settings:q} --split {wildcards.split}"
        " --seed {wildcards.seed} --engine {params.engine:q} --gpus {params.gpus} --threads {threads}"
        " --output {params.folder} 2>&1 | (trap '' INT TERM USR1; tee {log} || true)"


rule train_baseline:
    input:
        code=model_code("train_baseline"),
        manifest=rules.build_manifest.output.manifest,
        features=FEATURES,
        summary=rules.extract_features.output.summary,
    output:
        weights=run_files("weights.safetensors"),
        history=run_files("history.jsonl"),
        run=run_files("run.json"),
    log:
        f"{LOGS}/train_baseline/{{experiment}}.log",
    wildcard_constraints:
        experiment=one_of(BASELINES),
    conda:
        "../../envs/train.yaml"
    params:
        features=folder_of_input("features"),
        runs_folder=folder_of_output("run", above=3),
        runs=split_seeds(),
        settings=experiment_settings,
    message:
        "Training {wildcards.experiment} on all splits"
    shell:
        "python scripts/train_baseline.py --manifest {input.manifest} --features {params.features}"
        " --experiment {wildcards.experiment} --settings {params.settings:q} --runs {params.runs}"
        " --threads {threads} --output {params.runs_folder} 2> {log}"
