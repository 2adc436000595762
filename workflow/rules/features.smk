# The image network's weights, and its frozen features for the baselines.

WEIGHTS = image_weights(SETTINGS["backbone"])


rule download_weights:
    # Without `code`: what has the right checksum is right, whichever code fetched it, and is not fetched again.
    output:
        "resources/weights/{file}.pth",
    log:
        "logs/download_weights/{file}.log",
    conda:
        "../../envs/data.yaml"
    params:
        file=weights_download,
    message:
        "Downloading ImageNet weights, {wildcards.file}"
    shell:
        "python scripts/download.py --url {params.file[url]} --bytes {params.file[bytes]}"
        " --sha256 {params.file[sha256]} --output {output} 2> {log}"


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
        settings=json.dumps(SETTINGS["pretraining"], sort_keys=True),
    message:
        "Pretraining {wildcards.architecture} on made still images"
    # Shown as well, for the demo has nothing else to show meanwhile.
    shell:
        "python scripts/pretrain.py --architecture {wildcards.architecture} --settings {params.settings:q}"
        " --gpus {resources.gpu} --threads {threads} --output {output} 2>&1 | tee {log}"


rule extract_features:
    input:
        code=code("extract_features"),
        manifest=rules.build_manifest.output,
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
        frames=folder_of_input("frames"),
        folder=folder_of_output("features"),
        architecture=SETTINGS["backbone"]["architecture"],
        view=json.dumps(SETTINGS["input"], sort_keys=True),
        every=SETTINGS["features"]["every"],
        batch=SETTINGS["features"]["batch"],
    message:
        "Extracting features of all frames after blocks 2, 3 and 4"
    shell:
        "python scripts/extract_features.py --manifest {input.manifest} --frames {params.frames}"
        " --weights {input.weights:q} --architecture {params.architecture} --input {params.view:q}"
        " --every {params.every} --batch {params.batch} --gpus {resources.gpu} --threads {threads}"
        " --output {params.folder} 2> {log}"


# Gigabytes, and vouched for by the summary, which is written last.
FEATURES = ancient(rules.extract_features.output.features)
