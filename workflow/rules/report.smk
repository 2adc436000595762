# Every number of the report in one file, and two views of it.

TEMPLATES = REPOSITORY / "report/templates"
PAPER = here(REPOSITORY / "config/paper.yaml")
DECISIONS = here(REPOSITORY / "config/decisions.yaml")


rule collect_tables:
    input:
        code=code("collect_tables"),
        experiments=SETTINGS["experiments_file"],
        paper=PAPER,
        decisions=DECISIONS,
        clips=rules.list_clips.output.summary,
        manifest=rules.build_manifest.output.summary,
        # Written last in each run's folder; it vouches for the files beside it.
        metrics=expand(run_files("metrics.json"), experiment=EXPERIMENTS),
    output:
        report(
            f"{RESULTS}/tables.json",
            caption="../../report/templates/numbers.rst",
            category="Tables",
            labels={"content": "every number, with the runs behind it", "format": "JSON"},
        ),
    log:
        f"{LOGS}/collect_tables.log",
    conda:
        "../../envs/report.yaml"
    params:
        runs_folder=folder_of_input("metrics", above=3),
        chosen=list(EXPERIMENTS),
        settings=json.dumps(SETTINGS, sort_keys=True),
        tuning=tuning_option,
        tuning_digest=tuning_digest,
    message:
        "Collecting the tables"
    shell:
        "python scripts/collect_tables.py --runs {params.runs_folder} --experiments {input.experiments:q}"
        " --paper {input.paper} --decisions {input.decisions} --clips-summary {input.clips}"
        " --manifest-summary {input.manifest} {params.tuning}"
        " --settings-json {params.settings:q} --chosen {params.chosen} --output {output:q} 2> {log}"


rule render_html:
    input:
        code=code("render_html"),
        templates=[here(TEMPLATES / name) for name in ("paper_tables.html", "style.css")],
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
        templates=folder_of_input("templates"),
    message:
        "Rendering {output}"
    shell:
        "python scripts/render_html.py --tables {input.tables} --templates {params.templates} --output {output:q} 2> {log}"


rule render_latex:
    input:
        code=code("render_latex"),
        templates=here(TEMPLATES / "paper_tables.tex"),
        tables=rules.collect_tables.output,
    output:
        report(
            f"{REPORT}/paper_tables.tex",
            caption="../../report/templates/caption.rst",
            category="Tables",
            labels={"content": "the paper's tables, ours beside them", "format": "LaTeX"},
        ),
    log:
        f"{LOGS}/render_latex.log",
    conda:
        "../../envs/report.yaml"
    params:
        templates=folder_of_input("templates"),
    message:
        "Rendering {output}"
    shell:
        "python scripts/render_latex.py --tables {input.tables} --templates {params.templates} --output {output:q} 2> {log}"
