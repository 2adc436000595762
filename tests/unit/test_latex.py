"""The report in LaTeX: complete and honest, with tables that drop into a paper, bold by the test."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from latex_tables import TEMPLATES, collected, comparable, line, made_tables, row_of
from made_runs import CHOSEN_BY_VIEWS, SETTINGS, write_run
from typeset_latex import overfull, typeset_latex, typesets

from recurrent_residual.report import latex, plots
from recurrent_residual.report.latex_files import pdf, write_latex
from recurrent_residual.report.latex_text import escape


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The tables of some experiments and of a user's own under an odd name."""
    return made_tables(tmp_path_factory.mktemp("latex") / "runs")


@pytest.fixture
def tables(made: dict[str, Any]) -> dict[str, Any]:
    """Tables that a test may change."""
    return json.loads(json.dumps(made))


def test_each_table_stands_alone_and_in_the_document(tables: dict[str, Any]) -> None:
    """A file holds one float with caption and label, asks for no other package, and is what the document shows."""
    parts, document = latex.render_tables(tables, TEMPLATES), latex.render(tables, TEMPLATES)
    assert list(parts) == [table["id"] for table in tables["tables"]] + ["claims"]
    for name, part in parts.items():
        assert part.startswith("%") and r"\usepackage{booktabs,siunitx}" in part.splitlines()[1]
        body = part[part.index(r"\begin{table}") :].strip()
        assert body.endswith(r"\end{table}") and body.count(r"\begin{table}") == 1
        assert body.count(r"\caption{") == 1 and body.count(rf"\label{{tab:rrn-{name}}}") == 1
        assert r"\toprule" in body and r"\bottomrule" in body and r"\hline" not in body and "{tabular}" in body
        assert set(re.findall(r"\\(sub|color|textcolor|ref|includegraphics)\b", body)) == set()
        assert body in document


def test_numbers_stand_in_columns_of_siunitx(tables: dict[str, Any]) -> None:
    """Paper, ours, spread, interval and difference; siunitx reads the hyphen as a minus and aligns the point."""
    row = row_of(tables, "table3.identity")
    row["difference"] = -1.25
    compared = row["compared"]
    tex = latex.render_tables(tables, TEMPLATES)["table3"]
    cells = line(tex, "Identity Mapping").split(" & ")
    assert cells[1] == "0.197" and cells[2].removeprefix(r"\bfseries ") == f"{compared['error']:.3f}"
    assert cells[3] == f"{compared['sd']:.3f}"
    assert cells[4] == "--".join(f"{end:.3f}" for end in compared["interval"])
    assert cells[5].startswith("-1.2")
    specification = tex.partition(r"\begin{tabular}")[2].partition("\n")[0]
    assert specification.count("S[table-format=1.3") == 3 and specification.count("S[table-format=+2.1") == 1


def test_bold_is_by_the_test(tables: dict[str, Any]) -> None:
    """All rows that cannot be told from the best are bold, and no other, whatever their digits are."""
    rows = [row_of(tables, f"table3.{name}") for name in ("identity", "convolution")]
    said = "cannot tell from it"
    for flags in ((True, True), (True, False), (False, True), (None, None)):
        for row, flag in zip(rows, flags, strict=True):
            row["best"] = flag
        tex = latex.render_tables(tables, TEMPLATES)["table3"]
        for row, flag in zip(rows, flags, strict=True):
            assert (r"\bfseries" in line(tex, row["label"][0])) is (flag is True)
        assert (said in tex) is (True in flags)


def test_captions_say_what_was_measured(tables: dict[str, Any]) -> None:
    """Data, splits, seeds and the method of the interval stand with each table that has numbers of ours."""
    parts = latex.render_tables(tables, TEMPLATES)
    first, fifth = (" ".join(parts[name].split()) for name in ("table1", "table5"))
    assert "Table 1 of Iqbal et al. (2017), baselines" in first and "error rate on A made set." in first
    assert "mean of 3 seeds on split 1, with the standard deviation over seeds" in first
    assert "mean of splits 1--3, 1 to 3 seeds each" in fifth
    for part in (first, fifth):
        assert r"95\,\% interval: bootstrap over groups of test clips, 10,000 draws." in part
    assert "Difference: ours minus the paper's, in points" in first
    assert "None of these was run" not in parts["table2"] and "Ours:" in parts["table2"]


def test_a_table_whose_numbers_are_not_comparable_says_so_wherever_it_is_put(tables: dict[str, Any]) -> None:
    """The demo's table cannot be taken for the paper's once it stands in another document; with the reasons."""
    assert len(tables["report"]["reasons"]) == 6
    for part in latex.render_tables(tables, TEMPLATES).values():
        if "None of these was run" not in part:
            assert r"\textbf{Not comparable with the paper's numbers.}" in part
            assert all(escape(reason) in part for reason in tables["report"]["reasons"])
    for part in latex.render_tables(comparable(tables), TEMPLATES).values():
        assert "omparable" not in part


def test_the_document_says_first_that_numbers_are_not_comparable(tables: dict[str, Any]) -> None:
    """Banner, notice and reasons stand before the first table; the full reproduction carries none of them."""
    document = latex.render(tables, TEMPLATES)
    top = document.partition(r"\begin{table}")[0]
    assert "NOT comparable" in top and escape(SETTINGS["report"]["notice"]) in top
    assert all(escape(reason) in top for reason in tables["report"]["reasons"])
    without = latex.render(comparable(tables), TEMPLATES)
    assert "omparable" not in without and "say nothing about the paper's claims" not in without


def test_clips_that_were_left_out_are_told(tables: dict[str, Any]) -> None:
    """Missing and damaged clips stand at the top, the damaged ones with the reason."""
    document = latex.render(tables, TEMPLATES)
    assert "694 of 844 clips of the lists were missing" in document
    assert "1 damaged clip was left out:" in document and "cut short, 7 of 80 bytes" in document
    assert "were missing" not in latex.render(comparable(tables), TEMPLATES)


def test_agreement_with_the_paper_is_marked(tables: dict[str, Any]) -> None:
    """A star where the paper's number lies outside our interval, and the caption says what it means, and what not."""
    tables = comparable(tables)
    row = row_of(tables, "table3.identity")
    for agrees, starred in (("within", False), ("better", True), ("worse", True), (None, False)):
        for other in next(table for table in tables["tables"] if table["id"] == "table3")["rows"]:
            other["agrees"] = None
        row["agrees"] = agrees
        tex = latex.render_tables(tables, TEMPLATES)["table3"]
        assert line(tex, "Identity Mapping").endswith("{*}") is starred
        assert ("outside our interval" in tex and "a wide interval holds much" in tex) is (agrees is not None)


def test_nothing_is_marked_that_is_not_comparable(tables: dict[str, Any]) -> None:
    """No star, and none in the key, beside the paper's numbers where the report says that they are not comparable."""
    for row in (row for table in tables["tables"] for row in table["rows"]):
        row["agrees"] = "better"
    for part in latex.render_tables(tables, TEMPLATES).values():
        assert "{*}" not in part and "outside our interval" not in part and "star" not in part


@pytest.mark.parametrize("counted", [True, False])
def test_captions_say_whether_the_marks_count_the_seeds(tables: dict[str, Any], counted: bool) -> None:
    """A star or a bold number by groups alone says less than a claim's verdict, wherever the table is put."""
    tables = comparable(tables)
    for agrees, best, marks in (("better", True, "The star and bold count"), (None, True, "Bold count")):
        for table in tables["tables"]:
            table["seeds_counted"] = counted
            for row in table["rows"]:
                row |= {"agrees": agrees, "best": best}
        tex = " ".join(latex.render_tables(tables, TEMPLATES)["table3"].split())
        negated = marks.replace("count", "do not count" if agrees else "does not count")
        said = (marks + "s" * (agrees is None)) if counted else negated
        assert f"{said} the noise between training seeds{'.' if counted else ', which is not known for all'}" in tex
    for row in (row for table in tables["tables"] for row in table["rows"]):
        row |= {"agrees": None, "best": None}
    assert "the noise between training seeds" not in latex.render_tables(tables, TEMPLATES)["table3"]


def test_rows_that_were_not_run_say_so(tables: dict[str, Any]) -> None:
    """No number of ours is made up, the paper's stands there all the same, and every row has all its cells."""
    parts = latex.render_tables(tables, TEMPLATES)
    assert line(parts["table3"], "Non-Linear") == r"Conv. Non-Linear & 0.210 & \multicolumn{4}{l}{\emph{not run}}"
    assert line(parts["table5"], "Dynamic Image").count("{--}") == 5


def test_half_finished_runs_give_a_report(tmp_path: Path) -> None:
    """While trainings are still going, what is there is shown and marked, and what is missing is named."""
    write_run(tmp_path, "rrn_block4_identity", 1, 2)
    write_run(tmp_path, "rrn_block4_convolution", 2, 1)
    tables = collected(tmp_path, CHOSEN_BY_VIEWS[:-1])
    part = latex.render_tables(tables, TEMPLATES)["table3"]
    assert r"Identity Mapping\textsuperscript{\dag}" in part and "not all of its trainings have finished" in part
    assert r"\emph{split 1: not run}" in part
    assert "2 of 25" in latex.render(tables, TEMPLATES)


def test_nothing_run_still_gives_a_report(tmp_path: Path) -> None:
    """Before the first training the report stands, with no number of ours."""
    nothing = collected(tmp_path, [])
    document = latex.render(nothing, TEMPLATES)
    assert "None of these was run" in document and r"\bfseries 0" not in document
    assert r"\includegraphics" not in document


@pytest.mark.parametrize(("classes", "said"), [(20, "in per cent of its clips"), (21, "by the square root")])
def test_the_confusion_matrix_is_said_to_be_what_it_is(tables: dict[str, Any], classes: int, said: str) -> None:
    """Numbers stand in a small matrix only; a large one has colours, and these are of the square root."""
    assert plots.ANNOTATED_CLASSES == 20
    tables["best"]["classes"] = [f"C{number}" for number in range(classes)]
    document = latex.render(tables, TEMPLATES, pictures=["confusion"])
    caption = document.partition("Confusion matrix")[2].partition("\n")[0]
    assert said in caption and ("per cent" in caption) is (classes == 20) and "the first seed of each" in caption


def test_cost_stands_at_the_top_and_with_each_experiment(tables: dict[str, Any]) -> None:
    """Time and energy; what was not measured is said to be so and shown as a dash, not as 0."""
    assert "energy of the GPU not measured" in latex.render(tables, TEMPLATES)
    tables["summary"] |= {"training_seconds": 7200.0, "evaluation_seconds": 3600.0, "gpu_hours": 3.0}
    cost = "training 2 h 0 min, evaluation 1 h 0 min, together 3.0 h of GPU (extraction and features not counted)"
    assert cost in latex.render(tables, TEMPLATES), "the hours of GPU are of both"
    tables["summary"]["energy"] = {"joules": 4.5e6, "runs": 1}
    tables["costs"][0] |= {"energy_joules": 4.5e6, "peak_memory_bytes": 20 * 2**30}
    document = latex.render(tables, TEMPLATES)
    assert "1.2 kWh (measured in 1 of 30 runs)" in document
    assert "& 1.2 kWh & 20.0 GiB &" in document


def test_each_run_stands_in_the_document(tables: dict[str, Any]) -> None:
    """Every error can be followed to its run: split, seed, time and commit."""
    document = latex.render(tables, TEMPLATES).partition(r"\section*{Runs}")[2]
    assert document.count(r"0123456789+changes") == 30 == sum(len(e["runs"]) for e in tables["experiments"].values())


def test_files_are_written_and_those_of_a_former_report_go(tmp_path: Path, tables: dict[str, Any]) -> None:
    """A folder holds this report's tables or figures, the same bytes each time, beside what is not the report's."""
    folders = [tmp_path / "latex", tmp_path / "figures"]
    del tables["figures"]["context"]  # two figures tell as much as five, and sooner
    for run in (run for experiment in tables["experiments"].values() for run in experiment["runs"]):
        run["history"] = []
    for folder, name in zip(folders, ("table9.tex", "curves-old.pdf"), strict=True):
        folder.mkdir()
        (folder / name).write_text("of a former report")
        (folder / "notes.txt").write_text("somebody's own")

    def written() -> dict[str, bytes]:
        write_latex(
            tables, TEMPLATES, output=tmp_path / "paper.tex", latex_folder=folders[0], figures_folder=folders[1]
        )
        return {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    first = written()
    figures = {"confusion", "position"}
    assert set(first) == {
        "paper.tex",
        "latex/notes.txt",
        "figures/notes.txt",
        *(f"latex/{name}.tex" for name in latex.render_tables(tables, TEMPLATES)),
        *(f"figures/{name}.pdf" for name in figures),
    }
    assert written() == first
    for name in figures:
        assert rf"{{figures/{name}.pdf}}" in first["paper.tex"].decode()


def test_figures_keep_their_text_and_no_date(tables: dict[str, Any]) -> None:
    """Fonts are embedded whole as TrueType, which publishers accept, and nothing says when or by what it was drawn."""
    content = pdf(plots.pictures(tables)["position"])
    assert b"/FontFile2" in content and b"/Type3" not in content
    assert b"CreationDate" not in content and b"Matplotlib" not in content


def test_the_figures_stand_below_their_heading(tables: dict[str, Any]) -> None:
    """The heading begins a page, or it would end one without them."""
    document = latex.render(tables, TEMPLATES, pictures=["position"])
    assert re.search(r"\\clearpage\s+\\section\*\{Figures\}\s+\\begin\{figure\}\[!htbp\]", document)


@typesets
@pytest.mark.parametrize("which", ["not comparable", "comparable", "nothing run"])
def test_the_document_compiles(tmp_path: Path, tables: dict[str, Any], which: str) -> None:
    """It needs nothing beside it, nothing runs out of the page, and odd names are printed as they were written."""
    odd = "[odd] \\ { } ~ ^ & % $ # _ < > | \" ` é ≥ σ – “x” ą ™ * -- '' 字"
    tables["deviations"] = [odd]
    tables["report"]["notice"] = odd
    if which == "comparable":
        tables = comparable(tables)
    if which == "nothing run":
        (tmp_path / "none").mkdir()
        tables = collected(tmp_path / "none", [])
    log, printed = typeset_latex(latex.render(tables, TEMPLATES, pictures=list(plots.pictures(tables))), tmp_path)
    assert overfull(log) == [] and "undefined" not in log
    if which != "nothing run":
        assert "My <own> & 100 % new_one of “Łódź”, Ω, [U+6F22]" in printed.replace("\u2126", "Ω")
        assert "Odd_Name & 50% <b>" in printed
        assert "figures/position.pdf is not beside this file" in printed


@typesets
def test_the_tables_drop_into_a_paper(tmp_path: Path, tables: dict[str, Any]) -> None:
    """A plain article with two packages takes them all; they fit its width, and can be referred to."""
    parts = latex.render_tables(tables, TEMPLATES)
    for name, part in parts.items():
        (tmp_path / f"{name}.tex").write_text(part, encoding="utf-8")
    body = "\n".join(rf"\ref{{tab:rrn-{name}}} \input{{{name}}}\clearpage" for name in parts)
    article = r"\documentclass[a4paper]{article}\usepackage{booktabs,siunitx}"
    log, printed = typeset_latex(rf"{article}\begin{{document}}{body}\end{{document}}", tmp_path)
    assert overfull(log) == [] and "undefined on input line" not in log
    row = row_of(tables, "table3.identity")
    assert f"Identity Mapping 0.197 {row['compared']['error']:.3f} {row['compared']['sd']:.3f}" in printed
