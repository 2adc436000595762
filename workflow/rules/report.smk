# Every number of the report in one file, and its views: a page, LaTeX, and files for machines.

PAPER = here(REPOSITORY / "config/paper.yaml")
CLAIMS = here(REPOSITORY / "config/claims.yaml")
DECISIONS = here(REPOSITORY / "config/decisions.yaml")


rule collect_tables:
    input:
        code=code("collect_tables"),
        experiments=SETTINGS["experiments_file"],
        paper=PAPER,
        claims=CLAIMS,
        decisions=DECISIONS,
        clips=rules.list_clips.output.summary,
        manifest=rules.build_manifest.output.manifest,
        manifest_summary=rules.build_manifest.output.summary,
        frames=FRAMES,
        looks=looks_wanted(),
        # What the run started from, for the report's checksums.
        data_files=[rules.list_clips.output.clips, *LIST_FILES, WEIGHTS],
        # Written last in each run's folder; it vouches for the files beside it.
        metrics=expand(run_files("metrics.json"), experiment=EXPERIMENTS),
    output:
        f"{RESULTS}/tables.json",
    log:
        f"{LOGS}/collect_tables.log",
    conda:
        "../../envs/report.yaml"
    params:
        runs_folder=folder_of_input("metrics", above=3),
        frames=folder_of_input("frames"),
        looks=looks_option,
        chosen=list(EXPERIMENTS),
        settings=json.dumps(SETTINGS, sort_keys=True),
        tuning=tuning_option,
        tuning_digest=tuning_digest,
    message:
        "Collecting the tables"
    shell:
        "python scripts/collect_tables.py --runs {params.runs_folder} --experiments {input.experiments:q}"
        " --paper {input.paper} --claims {input.claims} --decisions {input.decisions} --clips-summary {input.clips}"
        " --manifest {input.manifest} --manifest-summary {input.manifest_summary} --frames {params.frames}"
        " --data-files {input.data_files:q} {params.looks} {params.tuning} --settings-json {params.settings:q} --chosen {params.chosen}"
        " --output {output:q} 2> {log}"


rule render_html:
    input:
        code=code("render_html"),
        templates=files_below("report/templates/page"),
        tables=rules.collect_tables.output,
    output:
        report(
            f"{REPORT}/paper_tables.html",
            caption="../../report/templates/caption.rst",
            category="Tables",
            labels={"content": "the paper's tables, ours beside them", "format": "HTML"},
        ),
    log:
        f"{LOGS}/render_html.log",
    conda:
        "../../envs/report.yaml"
    params:
        templates=folder_of_input("templates", above=1),
    message:
        "Rendering {output}"
    shell:
        "python scripts/render_html.py --tables {input.tables} --templates {params.templates} --output {output:q} 2> {log}"


rule render_latex:
    input:
        code=code("render_latex"),
        templates=files_below("report/templates/latex"),
        tables=rules.collect_tables.output,
    output:
        tex=report(
            f"{REPORT}/paper_tables.tex",
            caption="../../report/templates/caption.rst",
            category="Tables",
            labels={"content": "the paper's tables, ours beside them", "format": "LaTeX"},
        ),
        tables=directory(f"{REPORT}/latex"),
        figures=directory(f"{REPORT}/figures"),
    log:
        f"{LOGS}/render_latex.log",
    conda:
        "../../envs/report.yaml"
    params:
        templates=folder_of_input("templates", above=1),
    message:
        "Rendering {output.tex}, and its tables and figures"
    shell:
        "python scripts/render_latex.py --tables {input.tables} --templates {params.templates} --output {output.tex:q}"
        " --latex-folder {output.tables:q} --figures-folder {output.figures:q} 2> {log}"


rule render_data:
    input:
        code=code("render_data"),
        schema=here(REPOSITORY / "config/schema/tables.yaml"),
        tables=rules.collect_tables.output,
    output:
        json=report(
            f"{REPORT}/paper_tables.json",
            caption="../../report/templates/numbers.rst",
            category="Tables",
            labels={"content": "every number, with the runs behind it", "format": "JSON"},
        ),
        schema=f"{REPORT}/paper_tables.schema.json",
        csv=directory(f"{REPORT}/csv"),
    log:
        f"{LOGS}/render_data.log",
    conda:
        "../../envs/report.yaml"
    message:
        "Rendering {output.json} and {output.csv}"
    shell:
        "python scripts/render_data.py --tables {input.tables} --output-json {output.json:q}"
        " --csv-folder {output.csv:q} 2> {log}"


rule render_pdf:
    input:
        code=code("render_pdf"),
        tex=rules.render_latex.output.tex,
        figures=rules.render_latex.output.figures,
    output:
        f"{REPORT}/paper_tables.pdf",
    log:
        f"{LOGS}/render_pdf.log",
    conda:
        "../../envs/report.yaml"
    message:
        "Typesetting {output}"
    # Shown as well: what LaTeX or its absence has to say is for whoever asked for the PDF.
    shell:
        "python scripts/render_pdf.py --tex {input.tex:q} --output {output:q} 2>&1 | tee {log}"
