# Videos and lists -> clips -> frames -> manifest.

VIDEOS = DATASET["videos"]
LISTS = DATASET["lists"]
LIST_FILES = [f"{LISTS}/{name}" for name in DATASET_MODULE.list_files(ALL_CLASSES)]


# These rules are there only while their data are not: what came with the right checksum is not fetched again because a
# rule or its environment was edited. Archives under way lie in resources/<kind> as <file>.part, beside what the user
# put there. Downloads run where snakemake was started: on a cluster, compute nodes need no network.

if DATASET["source"] == "download" and not is_filled(VIDEOS):

    localrules:
        download_videos,

    rule download_videos:
        """The archive of all videos; it goes when it is unpacked."""
        output:
            temp(f"resources/{DATASET['kind']}/videos.archive"),
        log:
            f"{LOGS}/download_videos.log",
        conda:
            "../../envs/data.yaml"
        params:
            dataset=DATASET["kind"],
            folder=folder_of_output(0),
            mirrors=mirror_options,
        message:
            "Downloading the videos of {DATASET[title]}"
        shell:
            "python scripts/download.py --dataset {params.dataset} --part videos {params.mirrors:q}"
            " --folder {params.folder} --output {output} 2>&1 | tee {log}"

    rule unpack_videos:
        input:
            archive=rules.download_videos.output,
        output:
            directory(VIDEOS),
        log:
            f"{LOGS}/unpack_videos.log",
        conda:
            "../../envs/data.yaml"
        params:
            dataset=DATASET["kind"],
        message:
            "Unpacking the videos of {DATASET[title]}"
        shell:
            "python scripts/unpack.py --archive {input.archive} --dataset {params.dataset} --part videos"
            " --output {output:q} 2>&1 | tee {log}"


if DATASET["source"] == "download" and not all(Path(file).exists() for file in LIST_FILES):

    localrules:
        download_lists,

    rule download_lists:
        output:
            temp(f"resources/{DATASET['kind']}/lists.archive"),
        log:
            f"{LOGS}/download_lists.log",
        conda:
            "../../envs/data.yaml"
        params:
            dataset=DATASET["kind"],
            folder=folder_of_output(0),
            mirrors=mirror_options,
        message:
            "Downloading the lists of {DATASET[title]}"
        shell:
            "python scripts/download.py --dataset {params.dataset} --part lists {params.mirrors:q}"
            " --folder {params.folder} --output {output} 2>&1 | tee {log}"

    rule unpack_lists:
        input:
            archive=rules.download_lists.output,
        output:
            lists=LIST_FILES,
        log:
            f"{LOGS}/unpack_lists.log",
        conda:
            "../../envs/data.yaml"
        params:
            dataset=DATASET["kind"],
            folder=folder_of_output("lists"),
        message:
            "Unpacking the lists of {DATASET[title]}"
        shell:
            "python scripts/unpack.py --archive {input.archive} --dataset {params.dataset} --part lists"
            " --output {params.folder:q} 2>&1 | tee {log}"


if DATASET["source"] == "demo":

    rule make_demo_videos:
        input:
            code=code("make_demo_videos"),
        output:
            lists=LIST_FILES,
            videos=directory(VIDEOS),
        log:
            f"{LOGS}/make_demo_videos.log",
        conda:
            "../../envs/data.yaml"
        params:
            lists=folder_of_output("lists"),
            classes=CLASSES,
        message:
            "Making the demo's videos"
        shell:
            "python scripts/make_demo_videos.py --videos {output.videos:q} --lists {params.lists:q}"
            " --classes {params.classes:q} 2> {log}"


rule list_clips:
    input:
        code=code("list_clips", dataset=DATASET["kind"]),
        lists=LIST_FILES,
        videos=ancient(VIDEOS),
    output:
        clips=f"{RESULTS}/clips.tsv",
        summary=f"{RESULTS}/clips.json",
    log:
        f"{LOGS}/list_clips.log",
    conda:
        "../../envs/data.yaml"
    params:
        dataset=DATASET["kind"],
        lists=folder_of_input("lists"),
        classes=CLASSES,
        missing_videos=DATASET["missing_videos"],
        clips_per_group=DATASET["clips_per_group"],
        splits=used_splits,
    message:
        "Listing the clips"
    shell:
        "python scripts/list_clips.py --dataset {params.dataset} --videos {input.videos:q} --lists {params.lists:q}"
        " --classes {params.classes:q}"
        " --missing-videos {params.missing_videos} --clips-per-group {params.clips_per_group}"
        " --splits {params.splits}"
        " --output {output.clips} --summary {output.summary} 2> {log}"


rule extract_frames:
    input:
        code=code("extract_frames"),
        clips=f"{RESULTS}/clips.tsv",
        videos=ancient(VIDEOS),
    output:
        frames=f"{RESULTS}/frames/{{class_name}}.tar",
        index=f"{RESULTS}/frames/{{class_name}}.tsv",
    log:
        f"{LOGS}/extract_frames/{{class_name}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        every=SETTINGS["frames"]["every"],
        quality=SETTINGS["frames"]["quality"],
    message:
        "Extracting frames of {wildcards.class_name}"
    shell:
        "python scripts/extract_frames.py --clips {input.clips} --videos {input.videos:q}"
        " --class-name {wildcards.class_name} --every {params.every} --quality {params.quality}"
        " --frames {output.frames} --index {output.index} 2> {log}"


rule build_manifest:
    input:
        code=code("build_manifest"),
        clips=f"{RESULTS}/clips.tsv",
        indexes=expand(rules.extract_frames.output.index, class_name=CLASSES),
    output:
        manifest=f"{RESULTS}/manifest.tsv",
        summary=f"{RESULTS}/manifest.json",
    log:
        f"{LOGS}/build_manifest.log",
    conda:
        "../../envs/data.yaml"
    params:
        damaged_videos=DATASET["damaged_videos"],
        splits=used_splits,
    message:
        "Building the manifest"
    shell:
        "python scripts/build_manifest.py --clips {input.clips} --indexes {input.indexes}"
        " --damaged-videos {params.damaged_videos} --splits {params.splits}"
        " --output {output.manifest} --summary {output.summary} 2>&1 | tee {log}"


# The frames themselves: large, and vouched for by the manifest, which has a digest of every clip's.
FRAMES = ancient(expand(rules.extract_frames.output.frames, class_name=CLASSES))
