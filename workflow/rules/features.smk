# The image network's weights, and its frozen features for the baselines.

WEIGHTS = image_weights()


localrules:
    download_weights,


rule download_weights:
    output:
        "resources/weights/{file}.pth",
    log:
        "logs/download_weights/{file}.log",
    wildcard_constraints:
        file=one_of(downloadable_weights()),
    conda:
        "../../envs/data.yaml"
    params:
        weights=weights_name,
        folder=folder_of_output(0),
        mirrors=mirror_options,
    message:
        "Downloading ImageNet weights, {wildcards.file}"
    shell:
        "python scripts/download.py --weights {params.weights} {params.mirrors:q} --folder {params.folder}"
        " --output {output} 2>&1 | tee {log}"


rule pretrain:
    input:
        code=code("pretrain"),
    output:
        f"{RESULTS}/weights/{{architecture}}-stills.safetensors",
    log:
        f"{LOGS}/pretrain/{{architecture}}.log",
    conda:
        "../../envs/train.yaml"
    threads: SETTINGS["threads"]
    resources:
        gpu=1,
    params:
        gpus=gpus_of_job,
        settings=json.dumps(SETTINGS["pretraining"], sort_keys=True),
    message:
        "Pretraining {wildcards.architecture} on made still images"
    # Shown as well, for the demo has nothing else to show meanwhile.
    shell:
        "python scripts/pretrain.py --architecture {wildcards.architecture} --settings {params.settings:q}"
        " --gpus {params.gpus} --threads {threads} --output {output} 2>&1 | tee {log}"


rule extract_features:
    input:
        code=code("extract_features"),
        manifest=rules.build_manifest.output.manifest,
        frames=FRAMES,
        weights=WEIGHTS,
    output:
        features=expand(f"{RESULTS}/features/block{{block}}.npy", block=[2, 3, 4]),
        summary=f"{RESULTS}/features/features.json",
    log:
        f"{LOGS}/extract_features.log",
    conda:
        "../../envs/train.yaml"
    threads: SETTINGS["threads"]
    resources:
        gpu=1,
    params:
        gpus=gpus_of_job,
        frames=folder_of_input("frames"),
        folder=folder_of_output("features"),
        architecture=SETTINGS["backbone"]["architecture"],
        sha256=weights_sha256_option(),
        view=json.dumps(SETTINGS["input"], sort_keys=True),
        every=SETTINGS["features"]["every"],
        batch=frames_at_once("features"),
        engine=engine_settings,
    message:
        "Extracting features of all frames after blocks 2, 3 and 4"
    shell:
        "python scripts/extract_features.py --manifest {input.manifest} --frames {params.frames}"
        " --weights {input.weights:q} {params.sha256} --architecture {params.architecture} --input {params.view:q}"
        " --every {params.every} --batch {params.batch} --engine {params.engine:q} --gpus {params.gpus}"
        " --threads {threads} --output {params.folder} 2>&1 | (trap '' INT TERM USR1; tee {log} || true)"


# Gigabytes, and vouched for by the summary, which is written last.
FEATURES = ancient(rules.extract_features.output.features)
