# Videos and lists -> clips -> frames -> manifest.

VIDEOS = DATASET["videos"]
LISTS = DATASET["lists"]
LIST_FILES = [f"{LISTS}/{name}" for name in ucf101.LIST_FILES]

if DATASET["source"] == "download":
    # Without `code`: what has the right checksum is right, whichever code fetched it, and is not fetched again.

    rule download_videos:
        """The archive of all videos; it goes when it is unpacked."""
        output:
            temp(f"resources/{NAME}/{Path(FACTS['videos']['url']).name}"),
        log:
            f"{LOGS}/download_videos.log",
        conda:
            "../../envs/data.yaml"
        params:
            file=FACTS["videos"],
            tls="--insecure-tls" if FACTS["videos"]["insecure_tls"] else "",
        message:
            "Downloading the videos of {NAME}"
        shell:
            "python scripts/download.py --url {params.file[url]:q} --bytes {params.file[bytes]}"
            " --sha256 {params.file[sha256]} {params.tls} --output {output:q} 2> {log}"

    rule unpack_videos:
        input:
            archive=rules.download_videos.output,
        output:
            directory(VIDEOS),
        log:
            f"{LOGS}/unpack_videos.log",
        conda:
            "../../envs/data.yaml"
        message:
            "Unpacking the videos"
        shell:
            "python scripts/unpack.py --archive {input.archive:q} --output {output:q} --strip 2> {log}"

    rule download_lists:
        output:
            f"resources/{NAME}/{Path(FACTS['lists']['url']).name}",
        log:
            f"{LOGS}/download_lists.log",
        conda:
            "../../envs/data.yaml"
        params:
            file=FACTS["lists"],
            tls="--insecure-tls" if FACTS["lists"]["insecure_tls"] else "",
        message:
            "Downloading the lists of {NAME}"
        shell:
            "python scripts/download.py --url {params.file[url]:q} --bytes {params.file[bytes]}"
            " --sha256 {params.file[sha256]} {params.tls} --output {output:q} 2> {log}"

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
            folder=folder_of_output("lists"),
        message:
            "Unpacking the lists"
        shell:
            "python scripts/unpack.py --archive {input.archive:q} --output {params.folder:q} --strip 2> {log}"


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
        code=code("list_clips"),
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
        lists=folder_of_input("lists"),
        classes=CLASSES,
        missing_videos=DATASET["missing_videos"],
        clips_per_group=DATASET["clips_per_group"],
        splits=used_splits,
    message:
        "Listing the clips"
    shell:
        "python scripts/list_clips.py --videos {input.videos:q} --lists {params.lists:q} --classes {params.classes:q}"
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
        f"{RESULTS}/manifest.tsv",
    log:
        f"{LOGS}/build_manifest.log",
    conda:
        "../../envs/data.yaml"
    message:
        "Building the manifest"
    shell:
        "python scripts/build_manifest.py --clips {input.clips} --indexes {input.indexes} --output {output} 2> {log}"


# The frames themselves: large, and vouched for by the manifest, which has a digest of every clip's.
FRAMES = ancient(expand(rules.extract_frames.output.frames, class_name=CLASSES))
