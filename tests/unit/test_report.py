"""The report's two views: complete, honest at the top, escaped, and in need of nothing beside them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from made_runs import CHOSEN_BY_VIEWS, CLIPS, MANIFEST, ROOT, SETTINGS, experiments, project, write_run, write_runs

from recurrent_residual.report import html, latex, words
from recurrent_residual.tables import collect

TEMPLATES = ROOT / "report" / "templates"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The tables of some experiments and of a user's own, as they come out of the JSON file."""
    runs = tmp_path_factory.mktemp("report") / "runs"
    write_runs(runs, CHOSEN_BY_VIEWS)
    collected = collect(
        runs,
        experiments=experiments(
            my_own={"title": "My <own> & 100 % new_one", "model": "recurrent_resnet", "settings": {"skips": []}}
        ),
        paper=project("paper"),
        decisions=project("decisions"),
        clips=CLIPS,
        manifest=MANIFEST,
        settings=SETTINGS,
        chosen=CHOSEN_BY_VIEWS,
    )
    return json.loads(json.dumps(collected))


def test_the_precision_of_the_baselines_features_is_told(tables: dict[str, Any]) -> None:
    """As the run recorded it, with its experiment; a network's run has none."""
    told = "features in training bfloat16"
    assert "features in training" not in html.render(tables, TEMPLATES)
    for run in (changed := json.loads(json.dumps(tables)))["experiments"]["block4_average_znorm"]["runs"]:
        run["features_as"] = "bfloat16"
    page = html.render(changed, TEMPLATES)
    assert page.count(told) == 1 and told in page.partition('id="run-block4_average_znorm"')[2].partition("</p>")[0]


class Page(HTMLParser):
    """What the tests look at: addresses that a browser loads, ids and links, visible text, rows of tables."""

    VOID = frozenset({"meta", "link", "br", "img", "hr", "input", "use"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.anchors: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.rows: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for key, value in attrs:
            if key in ("src", "srcset", "data", "poster", "action") or (key.endswith("href") and tag != "a"):
                self.loaded.append(value or "")
            if key == "id":
                self.ids.append(value or "")
            if tag == "a" and key == "href" and (value or "").startswith("#"):
                self.anchors.append((value or "")[1:])
        if tag == "tr":
            self.rows.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data
        if self.rows and "tr" in self.open:
            self.rows[-1] += f" {data.strip()}"

    def row(self, *starts: str) -> str:
        """The one row that begins with these labels, its spaces made one."""
        wanted = " ".join(starts)
        found = [row for row in (" ".join(row.split()) for row in self.rows) if row.startswith(wanted)]
        assert len(found) == 1, (wanted, found)
        return found[0]


@pytest.fixture(scope="module")
def source(tables: dict[str, Any]) -> str:
    """The page's HTML."""
    return html.render(tables, TEMPLATES)


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    """The page, parsed; its elements must be nested properly."""
    return Page(source)


def comparable(tables: dict[str, Any]) -> dict[str, Any]:
    """The same tables, said to be comparable, with nothing against it, no clip missing and none damaged."""
    clips = {**tables["clips"], "missing": 0, "missing_videos": []}
    manifest = {**tables["manifest"], "damaged": []}
    report = {**tables["report"], "comparable": True, "reasons": []}
    return {**tables, "report": report, "clips": clips, "manifest": manifest}


def row_of(tables: dict[str, Any], row: str) -> dict[str, Any]:
    """The row with this id."""
    return next(r for table in tables["tables"] for r in table["rows"] if r["id"] == row)


def test_page_loads_nothing(source: str, page: Page) -> None:
    """It opens offline: no script, and every address that a browser would load is in the page itself."""
    assert "script" not in page.tags
    assert "link" not in page.tags and "iframe" not in page.tags
    for address in page.loaded:
        assert address.startswith(("#", "data:")), address
    style = "".join(re.findall(r"<style>.*?</style>", source, re.DOTALL))
    assert "@import" not in style
    assert all(address.startswith("#") for address in re.findall(r"url\(([^)]*)\)", source))


def test_page_holds_together(page: Page) -> None:
    """Ids are unique, and each link within the page leads somewhere."""
    assert len(page.ids) == len(set(page.ids))
    assert set(page.anchors) <= set(page.ids)
    assert all(reference[1:] in page.ids for reference in page.loaded if reference.startswith("#"))


def test_banner_stands_first_where_numbers_are_not_comparable(tables: dict[str, Any], page: Page) -> None:
    """Nobody can take the demo's numbers for the paper's: banner before the first table, and a mark at each."""
    text = " ".join(page.text.split())
    assert "These numbers are NOT comparable with the paper’s. " + SETTINGS["report"]["notice"] in text
    assert text.index("NOT comparable") < text.index("Table 1:")
    with_paper = sum(table["in_paper"] for table in tables["tables"])
    assert text.count("Numbers not comparable with the paper’s") == with_paper
    tex = latex.render(tables, TEMPLATES)
    assert "NOT comparable" in tex
    assert len(tables["report"]["reasons"]) == 6
    for reason in tables["report"]["reasons"]:
        assert text.index("NOT comparable") < text.index(reason) < text.index("Table 1:")
        assert latex.escape(reason) in tex


def test_verdicts_on_the_paper_only_where_comparable(tables: dict[str, Any]) -> None:
    """Runs that cannot speak of the paper's conclusions compare their own errors, and say no more."""
    verdicts = {claim["verdict"] for claim in tables["claims"]}
    assert verdicts & {"holds", "reversed"}, "the test needs a difference that is decided"
    for render in (html.render, latex.render):
        without, with_verdict = render(tables, TEMPLATES), render(comparable(tables), TEMPLATES)
        for words_of_a_verdict in ("holds here", "reversed here", "What the paper concludes", "Verdict"):
            assert words_of_a_verdict not in without
        assert "says nothing about the paper" in without and "says nothing about the paper" not in with_verdict
        assert "What the paper concludes" in with_verdict and "Verdict" in with_verdict
        decided = {"holds": "holds here", "reversed": "reversed here"}
        assert all(decided[verdict] in with_verdict for verdict in verdicts & set(decided))


def test_conclusions_say_which_splits(page: Page, tables: dict[str, Any]) -> None:
    """The paper's differences are of split 1, ours over all splits; nobody can take them for the same."""
    head = next(row for row in page.rows if "Our errors" in row)
    assert " ".join(head.split()) == "Comparison Paper split 1 Ours splits 1–3 Our errors These runs"
    assert "Paper, split 1 & Ours, splits 1--3 &" in latex.render(tables, TEMPLATES)


def test_pictures_say_which_splits(source: str) -> None:
    """The point beside the paper's is split 1, as in the table; the others are rings."""
    for beginning in ("Error by position", "Error by temporal context"):
        picture = source.partition(f'aria-label="{beginning}')[2].partition("</figure>")[0]
        assert "ours, split 1<" in picture and "ours, splits 2 and 3<" in picture
        assert "Ours beside the paper’s: split 1" in picture


def test_no_banner_where_numbers_are_comparable(tables: dict[str, Any]) -> None:
    """The full reproduction carries neither banner nor marks, nor a word of missing clips."""
    text = html.render(comparable(tables), TEMPLATES)
    assert "comparable with" not in text and 'class="banner"' not in text and 'class="missing"' not in text
    tex = latex.render(comparable(tables), TEMPLATES)
    assert "comparable with" not in tex and "were missing" not in tex


def test_missing_clips_are_said_and_named(page: Page, tables: dict[str, Any]) -> None:
    """How many clips of the lists were missing stands at the top, with the names."""
    text = " ".join(page.text.split())
    assert "694 of 844 clips of the lists were missing and left out." in text
    assert "v_Archery_g01_c01, v_Odd_Name_g09_c02" in text
    assert "694 of 844 clips" in latex.render(tables, TEMPLATES)


def test_damaged_clips_are_said_and_named(page: Page, tables: dict[str, Any]) -> None:
    """Clips that were left out because they do not decode stand at the top, each with the reason."""
    text = " ".join(page.text.split())
    assert "1 damaged clip was left out." in text and "v_Archery_g02_c01: cut short, 7 of 80 bytes" in text
    assert "1 clips hold many frames less than their headers announce" in text
    assert "v_Archery_g07_c02 (51 of 80)." in text
    tex = latex.render(tables, TEMPLATES)
    assert "1 damaged clip(s) left out" in tex and "cut short, 7 of 80 bytes" in tex


def test_rows_show_paper_ours_and_difference(page: Page, tables: dict[str, Any]) -> None:
    """A row that was run has all its numbers in both views, as the tables have them."""
    row = row_of(tables, "table3.identity")
    shown = page.row("Identity Mapping")
    tex = latex.render(tables, TEMPLATES).partition("Identity Mapping &")[2].partition(r"\\")[0]
    compared = row["compared"]
    for view in (shown, tex):
        assert "0.197" in view
        assert f"{compared['error']:.3f}" in view and f"{compared['sd']:.3f} (3)" in view
        assert f"{row['mean']['error']:.3f}" in view
    assert f"{abs(row['difference']):.1f}" in shown
    assert shown.split()[2] == "0.197"


def test_rows_that_were_not_run_say_so(page: Page) -> None:
    """No number of ours is made up, and the paper's stands there all the same."""
    assert page.row("Block2 Convolutional") == "Block2 Convolutional 0.234 not run –"
    assert page.row("Dynamic Image Networks") == "Dynamic Image Networks 0.231 quoted from the paper – – –"
    assert page.row("Two Stream Architecture 0") == "Two Stream Architecture 0.270 quoted from the paper 0.163 0.120 –"


def test_a_users_experiment_stands_in_both_views_escaped(source: str, page: Page, tables: dict[str, Any]) -> None:
    """A title with markup is shown as it was written."""
    assert page.row("My <own> & 100 % new_one")
    assert "<own>" not in source and "<b>" not in source
    assert r"My \textless{}own\textgreater{} \& 100 \% new\_one" in latex.render(tables, TEMPLATES)


def test_each_run_stands_on_the_page_with_its_command(page: Page, tables: dict[str, Any]) -> None:
    """Provenance: what made the number can be read and pasted."""
    runs = [run for experiment in tables["experiments"].values() for run in experiment["runs"]]
    assert len(runs) == 5 * len(CHOSEN_BY_VIEWS)
    for run in runs:
        assert run["command"] in page.text and run["folder"] in page.text
    assert "0123456789+changes" in page.text


def test_cost_stands_at_the_top_and_with_each_run(tables: dict[str, Any], page: Page) -> None:
    """Time, energy and memory; what was not measured is said to be so and shown as a dash, not as 0."""
    top = "Energy of the GPU, all runs"
    assert f"{top}not measured" in page.text
    assert "Energy of the GPU: not measured." in latex.render(tables, TEMPLATES)
    measured = json.loads(json.dumps(tables))
    first, second = measured["experiments"]["control_no_skip"]["runs"][:2]
    first |= {"energy_joules": 4.5e6, "peak_memory_bytes": 20 * 2**30}
    measured["summary"]["energy"] = {"joules": 4.5e6, "runs": 1}
    shown = Page(html.render(measured, TEMPLATES))
    assert f"{top}1.2 kWhmeasured in 1 of 30 runs" in shown.text
    assert "1.2 kWh (measured in 1 of 30 runs)" in latex.render(measured, TEMPLATES)
    rows = [" ".join(row.split()) for row in shown.rows]
    assert sum("1 min 1 s 1.2 kWh 20.0 GiB 40" in row for row in rows) == 1
    assert second["energy_joules"] is None and any("1 min 2 s – – 40" in row for row in rows)


def test_pictures_are_there_with_a_text_for_the_blind(source: str) -> None:
    """Position, context, training curves and confusion matrix, each described."""
    labels = re.findall(r'<svg role="img" aria-label="([^"]+)"', source)
    assert len(labels) == source.count("<svg") == 5
    assert sum(label.startswith("Training curves") for label in labels) == 2  # networks and baselines apart
    for beginning in ("Error by position", "Error by temporal context", "Confusion matrix"):
        assert any(label.startswith(beginning) for label in labels), beginning


def test_rendering_is_deterministic(tables: dict[str, Any], source: str) -> None:
    """The same tables give the same bytes, so that a report can be compared with another."""
    assert html.render(tables, TEMPLATES) == source


def test_half_finished_runs_give_a_report(tmp_path: Path) -> None:
    """While trainings are still going, the views show what is there and say what is not."""
    write_run(tmp_path, "rrn_block4_identity", 1, 2)
    write_run(tmp_path, "rrn_block4_convolution", 2, 1)
    tables = collect(
        tmp_path,
        experiments=experiments(),
        paper=project("paper"),
        decisions=project("decisions"),
        clips=CLIPS,
        manifest=MANIFEST,
        settings=SETTINGS,
        chosen=CHOSEN_BY_VIEWS[:-1],
    )
    page = Page(html.render(tables, TEMPLATES))
    error = f"{row_of(tables, 'table3.identity')['compared']['error']:.3f}"
    assert re.fullmatch(
        rf"Identity Mapping 0.197 {error} \S+ \S+ not run not run – 1 of 5 runs .*", page.row("Identity")
    )
    assert page.row("Conv. Linear").startswith("Conv. Linear 0.219 split 1: not run – ")
    assert "2 of 25" in page.text
    assert "1 of 5 run" in latex.render(tables, TEMPLATES)


def test_nothing_run_still_gives_a_report(tmp_path: Path) -> None:
    """Before the first training both views stand, with no picture and no number of ours."""
    nothing = collect(
        tmp_path,
        experiments=experiments(),
        paper=project("paper"),
        decisions=project("decisions"),
        clips=CLIPS,
        manifest=MANIFEST,
        settings=SETTINGS,
        chosen=[],
    )
    assert "<svg" not in html.render(nothing, TEMPLATES)
    assert Page(html.render(nothing, TEMPLATES)).row("Identity Mapping") == "Identity Mapping 0.197 not run –"
    assert r"\emph{not run}" in latex.render(nothing, TEMPLATES)


def test_hundred_classes_fit(tables: dict[str, Any]) -> None:
    """UCF-101's confusion matrix stays small enough to open, with every class named."""
    names = [f"Class{i}" for i in range(101)]
    matrix = [[30 if i == j else (i * j) % 7 == 0 for j in range(101)] for i in range(101)]
    best = {**tables["best"], "classes": names, "confusion": matrix}
    picture = html.draw({**tables, "best": best})["confusion"]
    assert len(picture) < 500_000
    assert all(f">{name}<" in picture for name in names)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("which", ["not comparable", "comparable"])
def test_latex_compiles_by_itself(tmp_path: Path, tables: dict[str, Any], which: str) -> None:
    """The file needs nothing beside it, and nothing of its text breaks it or runs out of the page."""
    odd = '\\ { } ~ ^ & % $ # _ < > | " ` \u00e9 \u2265 \u03c3 \u2013 \u201cx\u201d'
    content = {**tables, "report": {**tables["report"], "notice": odd}}
    if which == "comparable":
        content = {**comparable(tables), "deviations": [odd]}
    (tmp_path / "paper_tables.tex").write_text(latex.render(content, TEMPLATES), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper_tables.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper_tables.pdf").stat().st_size > 10_000
    wide = [float(size) for size in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
    assert max(wide, default=0) < 10


@pytest.mark.parametrize(
    ("value", "text"), [(1.26, "+1.3"), (-1.26, "\u22121.3"), (0.04, "0.0"), (-0.04, "0.0"), (None, "\u2013")]
)
def test_points_carry_their_sign(value: float | None, text: str) -> None:
    """A difference that rounds to nothing has no sign."""
    assert words.points(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.24, "4.2 s"), (59.99, "1 min 0 s"), (725, "12 min 5 s"), (12_000, "3 h 20 min"), (None, "\u2013")],
)
def test_durations(seconds: float | None, text: str) -> None:
    """Times in the unit that fits."""
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("joules", "text"),
    [(1800, "0.5 Wh"), (43_200, "12 Wh"), (3.5e6, "972 Wh"), (3.6e6, "1.0 kWh"), (5.4e9, "1,500.0 kWh"), (None, "–")],
)
def test_energies(joules: float | None, text: str) -> None:
    """Energy in the unit that fits."""
    assert words.energy(joules) == text
