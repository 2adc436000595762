# Class probabilities of the test clips, and errors; one job an experiment.


rule evaluate_network:
    input:
        code=model_code("evaluate_network"),
        manifest=rules.build_manifest.output.manifest,
        frames=FRAMES,
        # Written last by a training; it vouches for the weights beside it.
        runs=run_files("run.json"),
    output:
        predictions=run_files("predictions.parquet"),
        metrics=run_files("metrics.json"),
    log:
        f"{LOGS}/evaluate_network/{{experiment}}.log",
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
        runs_folder=folder_of_input("runs", above=3),
        runs=split_seeds(),
        batch=frames_at_once("evaluation"),
        windows=SETTINGS["evaluation"]["windows"],
        engine=engine_settings,
    message:
        "Testing {wildcards.experiment} on all splits"
    shell:
        "python scripts/evaluate_network.py --manifest {input.manifest} --frames {params.frames}"
        " --experiment {wildcards.experiment} --runs {params.runs} --batch {params.batch} --windows {params.windows}"
        " --engine {params.engine:q} --gpus {params.gpus} --threads {threads}"
        " --output {params.runs_folder} 2>&1 | (trap '' INT TERM USR1; tee {log} || true)"


rule evaluate_baseline:
    input:
        code=model_code("evaluate_baseline"),
        manifest=rules.build_manifest.output.manifest,
        features=FEATURES,
        summary=rules.extract_features.output.summary,
        # Written last by a training; it vouches for the weights beside it.
        runs=run_files("run.json"),
    output:
        predictions=run_files("predictions.parquet"),
        metrics=run_files("metrics.json"),
    log:
        f"{LOGS}/evaluate_baseline/{{experiment}}.log",
    wildcard_constraints:
        experiment=one_of(BASELINES),
    conda:
        "../../envs/train.yaml"
    params:
        features=folder_of_input("features"),
        runs_folder=folder_of_input("runs", above=3),
        runs=split_seeds(),
    message:
        "Testing {wildcards.experiment} on all splits"
    shell:
        "python scripts/evaluate_baseline.py --manifest {input.manifest} --features {params.features}"
        " --experiment {wildcards.experiment} --runs {params.runs} --threads {threads}"
        " --output {params.runs_folder} 2> {log}"


rule look_into_model:
    input:
        code=looks_code(),
        manifest=rules.build_manifest.output.manifest,
        frames=FRAMES,
        # Written last by a test; it vouches for the weights and the predictions beside it.
        runs=looks_runs("metrics.json"),
    output:
        f"{RESULTS}/looks.json",
    log:
        f"{LOGS}/look_into_model.log",
    conda:
        "../../envs/train.yaml"
    threads: SETTINGS["threads"]
    resources:
        gpu=1,
    params:
        gpus=gpus_of_job,
        frames=folder_of_input("frames"),
        runs_folder=folder_of_input("runs", above=3),
        experiments=looks_experiments(),
        clips=LOOKS["clips"],
        run="--split {} --seed {}".format(*RUNS[0]),
    message:
        "Looking into {params.experiments} on clips where they differ most, and on typical ones"
    shell:
        "python scripts/look_into_model.py --manifest {input.manifest} --frames {params.frames}"
        " --runs {params.runs_folder} {params.experiments} {params.run} --clips {params.clips}"
        " --gpus {params.gpus} --threads {threads} --output {output} 2>&1 | (trap '' INT TERM USR1; tee {log} || true)"
