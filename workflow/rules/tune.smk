# Learning rate and epochs, chosen on held-out groups of split 1's train clips: `snakemake tune`. Not part of `all`.


localrules:
    hold_out,
    choose_settings,


rule hold_out:
    input:
        code=code("hold_out"),
        manifest=rules.build_manifest.output.manifest,
    output:
        manifest=f"{RESULTS}/tuning/manifest.tsv",
    log:
        f"{LOGS}/hold_out.log",
    conda:
        "../../envs/data.yaml"
    params:
        groups=TUNING["held_out_groups"],
    message:
        "Holding out groups of split 1's train clips"
    shell:
        "python scripts/hold_out.py --manifest {input.manifest} --groups {params.groups} --output {output} 2> {log}"


rule tune_network:
    input:
        code=tuned_model_code("tune_network", "networks"),
        manifest=rules.hold_out.output.manifest,
        frames=FRAMES,
        weights=WEIGHTS,
    output:
        tuned=f"{RESULTS}/tuning/networks/{{experiment}}/rate{{rate}}/tuned.json",
        history=f"{RESULTS}/tuning/networks/{{experiment}}/rate{{rate}}/history.jsonl",
    log:
        f"{LOGS}/tune_network/{{experiment}}-rate{{rate}}.log",
    wildcard_constraints:
        experiment=one_of(TUNING["networks"]["experiments"]),
        rate=r"[\d.e+-]+",
    conda:
        "../../envs/train.yaml"
    threads: SETTINGS["threads"]
    resources:
        gpu=1,
    params:
        gpus=gpus_of_job,
        frames=folder_of_input("frames"),
        folder=folder_of_output("tuned"),
        settings=tuned_settings("networks"),
        seed=TUNING["seed"],
        batch=frames_at_once("evaluation"),
        windows=SETTINGS["evaluation"]["windows"],
        engine=engine_settings,
        sha256=weights_sha256_option(),
    message:
        "Tuning {wildcards.experiment} with learning rate {wildcards.rate}"
    shell:
        "python scripts/tune_network.py --manifest {input.manifest} --frames {params.frames}"
        " --weights {input.weights:q} {params.sha256}"
        " --experiment {wildcards.experiment} --settings {params.settings:q} --learning-rate {wildcards.rate}"
        " --seed {params.seed} --batch {params.batch} --windows {params.windows} --engine {params.engine:q}"
        " --gpus {params.gpus} --threads {threads} --output {params.folder} 2>&1 | (trap '' INT TERM USR1; tee {log} || true)"


rule tune_baseline:
    input:
        code=tuned_model_code("tune_baseline", "baselines"),
        manifest=rules.hold_out.output.manifest,
        all_clips=rules.build_manifest.output.manifest,
        features=FEATURES,
        summary=rules.extract_features.output.summary,
    output:
        f"{RESULTS}/tuning/baselines/{{experiment}}/tuned.json",
    log:
        f"{LOGS}/tune_baseline/{{experiment}}.log",
    wildcard_constraints:
        experiment=one_of(TUNING["baselines"]["experiments"]),
    conda:
        "../../envs/train.yaml"
    params:
        features=folder_of_input("features"),
        settings=tuned_settings("baselines"),
        rates=TUNING["baselines"]["learning_rates"],
        seed=TUNING["seed"],
    message:
        "Tuning {wildcards.experiment}"
    shell:
        "python scripts/tune_baseline.py --manifest {input.manifest} --all-clips {input.all_clips}"
        " --features {params.features} --experiment {wildcards.experiment} --settings {params.settings:q}"
        " --learning-rates {params.rates} --seed {params.seed} --threads {threads} --output {output} 2> {log}"


rule choose_settings:
    input:
        code=code("choose_settings"),
        trials=trial_files(),
    output:
        tuning=TUNING_RECORD,
        chosen=f"{RESULTS}/tuning/chosen.yaml",
    log:
        f"{LOGS}/choose_settings.log",
    conda:
        "../../envs/report.yaml"
    message:
        "Choosing learning rate and epochs"
    shell:
        "python scripts/choose_settings.py --trials {input.trials} --tuning {output.tuning} --chosen {output.chosen}"
        " 2>&1 | tee {log}"
