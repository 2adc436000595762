"""The report's page: complete, honest at the top, escaped, and in need of nothing beside it."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from made_runs import (
    CHOSEN_BY_VIEWS,
    CLIPS,
    MANIFEST,
    ROOT,
    SETTINGS,
    claims,
    experiments,
    project,
    small_tables,
    write_run,
)

from recurrent_residual.report import html, words
from recurrent_residual.tables import collect

TEMPLATES = ROOT / "report" / "templates"
ODD = """<b onclick='x'>"a" & 'b'</b> 50 %_\u00fc\u5b57</script>"""


class Page(HTMLParser):
    """What the tests look at: addresses that a browser loads, ids and links, visible text, rows of tables."""

    VOID = frozenset({"meta", "link", "br", "img", "hr", "input", "use", "path", "circle", "polyline"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.anchors: list[str] = []
        self.shown: list[str] = []
        """Ids of the cards that the numbers show."""
        self.tags: list[str] = []
        self.attributes: set[str] = set()
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
            self.attributes.add(key)
            if key in ("src", "srcset", "data", "poster", "action") or (key.endswith("href") and tag != "a"):
                self.loaded.append(value or "")
            if key == "id":
                self.ids.append(value or "")
            if key == "popovertarget":
                self.shown.append(value or "")
            if tag == "a" and key == "href" and (value or "").startswith("#"):
                self.anchors.append((value or "")[1:])
        if tag == "tr":
            self.rows.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] in (["style"], ["script"]):
            return
        self.text += data
        if self.rows and "tr" in self.open:
            self.rows[-1] += f" {data.strip()}"

    @property
    def words(self) -> str:
        """The text with its spaces made one."""
        return " ".join(self.text.split())

    def row(self, *starts: str) -> str:
        """The one row that begins with these labels, its spaces made one."""
        wanted = " ".join(starts)
        found = [row for row in (" ".join(row.split()) for row in self.rows) if row.startswith(wanted)]
        assert len(found) == 1, (wanted, found)
        return found[0]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The tables of some experiments and of a user's own, as they come out of the JSON file."""
    return small_tables(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def drawn(tables: dict[str, Any]) -> dict[str, Any]:
    """The pictures of `tables`, which take longer than the rest of the page."""
    return html.draw(tables)


@pytest.fixture(scope="module")
def source(tables: dict[str, Any], drawn: dict[str, Any]) -> str:
    """The page's HTML."""
    return html.lay_out(tables, drawn, TEMPLATES)


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    """The page, parsed; its elements must be nested properly."""
    return Page(source)


def copy(tables: dict[str, Any]) -> dict[str, Any]:
    """Tables that a test may change."""
    return json.loads(json.dumps(tables))


def comparable(tables: dict[str, Any]) -> dict[str, Any]:
    """The same tables, said to be comparable, with nothing against it, no clip missing and none damaged."""
    changed = copy(tables)
    changed["report"] |= {"comparable": True, "reasons": []}
    changed["clips"] |= {"missing": 0, "missing_videos": []}
    changed["manifest"]["damaged"] = []
    for claim in changed["claims"]:
        claim["reason"] = "The numbers decide."
    return changed


def row_of(tables: dict[str, Any], row: str) -> dict[str, Any]:
    """The row with this id."""
    return next(r for table in tables["tables"] for r in table["rows"] if r["id"] == row)


def text_of(source: str, identifier: str, *, until: str) -> str:
    """The text from the element with this id up to the next `until`, its spaces made one."""
    start = source.index(f'id="{identifier}"')
    markup = source[start : source.index(until, start)].partition(">")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def unfinished(runs: Path, *, chosen: list[str]) -> dict[str, Any]:
    """The tables of what is in the folder of runs, before anything else was made of it."""
    project_files = {name: project(name) for name in ("paper", "decisions")}
    collected = collect(
        runs, experiments=experiments(), claims=claims(), clips=CLIPS, manifest=MANIFEST, settings=SETTINGS,
        chosen=chosen, **project_files,
    )  # fmt: skip
    return json.loads(json.dumps(collected))


def test_page_loads_nothing(source: str, page: Page) -> None:
    """It opens offline: every address that a browser would load is in the page itself, and the page forbids others."""
    assert "iframe" not in page.tags and "link" not in page.tags and "<script src" not in source
    for address in page.loaded:
        assert address.startswith(("#", "data:")), address
    style = "".join(re.findall(r"<style>.*?</style>", source, re.DOTALL))
    assert "@import" not in style
    assert all(address.startswith("#") for address in re.findall(r"url\(([^)]*)\)", source))
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', source)[0]
    assert policy.startswith("default-src 'none'") and "http" not in policy and "*" not in policy


def test_page_holds_together(page: Page) -> None:
    """Ids are unique, each link within the page leads somewhere, and each number's card is there."""
    assert len(page.ids) == len(set(page.ids))
    assert set(page.anchors) <= set(page.ids)
    assert all(reference[1:] in page.ids for reference in page.loaded if reference.startswith("#"))
    assert page.shown and set(page.shown) <= set(page.ids)


def test_the_parts_stand_in_their_order(source: str) -> None:
    """Verdicts first, then the paper's tables in its order, then figures, classes, costs and what they rest on."""
    order = (
        "verdicts claims table1 table2 table3 table4 controls table5 further figures classes looks curves costs tuning "
        "decisions deviations data environment runs settings"
    )
    found = re.findall(r'<section id="(\w+)"', source)
    assert [name for name in found if name != "reading"] == order.split()
    assert source.index('<dl class="facts">') < source.index('id="verdicts"')


def test_who_when_and_on_what_stands_at_the_top(tables: dict[str, Any], drawn: dict[str, Any]) -> None:
    """Who ran it, from when to when, and for how long on GPUs; what is not known is said to be so."""
    unknown = copy(tables)
    unknown["summary"]["ran_by"] = []
    assert "Ran bynot recorded" in Page(html.lay_out(unknown, drawn, TEMPLATES)).words
    known = copy(tables)
    known["summary"] |= {"ran_by": ["Ana & Zo\u00eb"], "started": "2026-11-20T08:15:00+00:00", "gpu_hours": 123.4}
    top = Page(html.lay_out(known, drawn, TEMPLATES)).words.partition("The verdicts at a glance")[0]
    said = ("Ana & Zo\u00eb", "2026-11-20 08:15 UTC", "123 h of GPU", "A made set", "A processor & co")
    assert all(fact in top for fact in (*said, "0123456789+changes"))


def test_banner_stands_first_where_numbers_are_not_comparable(tables: dict[str, Any], page: Page) -> None:
    """Nobody can take the demo's numbers for the paper's: banner before the verdicts, and a mark at each table."""
    text = page.words
    assert "These numbers are NOT comparable with the paper’s. " + SETTINGS["report"]["notice"] in text
    assert text.index("NOT comparable") < text.index("The verdicts at a glance")
    with_paper = sum(table["in_paper"] for table in tables["tables"])
    assert text.count("Numbers not comparable with the paper’s") == with_paper
    assert len(tables["report"]["reasons"]) == 6
    for reason in tables["report"]["reasons"]:
        assert text.index("NOT comparable") < text.index(reason) < text.index("The verdicts at a glance")
    assert "says nothing about the paper’s claims" in text


def test_no_banner_where_numbers_are_comparable(tables: dict[str, Any], drawn: dict[str, Any]) -> None:
    """The full reproduction carries neither banner nor marks, nor a word of missing clips."""
    text = html.lay_out(comparable(tables), drawn, TEMPLATES)
    assert "comparable with" not in text and 'class="banner"' not in text and 'class="missing"' not in text
    assert "says nothing about" not in text


def test_every_claim_stands_at_the_top_with_verdict_and_reason(tables: dict[str, Any], drawn: dict[str, Any]) -> None:
    """Each verdict is said by a word and by a shape of its own; reason, place and the paper's words stand beside it."""
    changed = comparable(tables)
    verdicts = ("holds", "does not hold", "cannot be told")
    for number, claim in enumerate(changed["claims"]):
        claim["verdict"] = verdicts[number % 3]
    source = html.lay_out(changed, drawn, TEMPLATES)
    for claim in changed["claims"]:
        entry = source.partition(f'<li id="claim-{claim["id"]}">')[2].partition("<details>")[0]
        said = Page(f"<div>{entry}</div>").words
        assert said.startswith(claim["verdict"])
        assert f'href="#mark-{claim["verdict"].replace(" ", "-")}"' in entry
        for sentence in (claim["text"], claim["reason"], claim["place"], claim["quote"] or ""):
            assert " ".join(sentence.split()) in said
    for whose in ("paper", "ours"):
        found = [claim["verdict"] for claim in changed["claims"] if claim["source"] == whose]
        tally = text_of(source, f"tally-{whose}", until="</ul>")
        assert found and all(f"{verdict}: {found.count(verdict)}" in tally for verdict in verdicts)
        lines = text_of(source, f"tally-{whose}", until="</div>").removeprefix(tally)
        for claim in (claim for claim in changed["claims"] if claim["source"] == whose):
            assert f"{claim['verdict']} {claim['text']}" in lines
    assert source.index('id="tally-paper"') < source.index('id="tally-ours"') < source.index('id="claims-paper"')


def test_every_comparison_is_told(tables: dict[str, Any], source: str) -> None:
    """Both sides with their errors, interval, p and p after Holm's correction, and McNemar's test; or that it was not
    run."""
    told = 0
    for claim in tables["claims"]:
        entry = (
            source.partition(f'<li id="claim-{claim["id"]}">')[2].partition("</details>")[0].partition("<details>")[2]
        )
        rows = [" ".join(row.split()) for row in Page(f"<details>{entry}</details>").rows[1:]]
        assert len(rows) == len(claim["comparisons"])
        for row, comparison in zip(rows, claim["comparisons"], strict=True):
            for side in ("first", "second"):
                assert comparison[side]["label"] in row
            assert row.endswith(comparison["verdict"])
            if not (ours := comparison["ours"]):
                assert "not run" in row
                continue
            told += 1
            assert f"{ours['groups']:,} groups" in row
            assert words.points_interval(ours["interval"]) in row
            for p in (ours["p"], ours["p_holm"]):
                assert words.probability(p) in row
            if ours["total_interval"]:
                assert words.points_interval(ours["total_interval"]) in row
    assert told > 2


def test_each_number_shows_its_runs(tables: dict[str, Any], source: str) -> None:
    """A click on an error of a row opens the card of the row's experiment."""
    for row in (row for table in tables["tables"] for row in table["rows"] if row["runs"]):
        line = source.partition(f'<tr id="row-{row["id"]}"')[2].partition("</tr>")[0]
        numbers = re.findall(r'<button type="button" class="n" popovertarget="of-(\w+)"[^>]*>([\d.]+)</button>', line)
        assert {experiment for experiment, _ in numbers} == {row["experiment"]}
        summaries = [row["compared"], row["mean"], row["shuffled"], *row["by_split"].values()]
        assert {error for _, error in numbers} == {f"{summary['error']:.3f}" for summary in summaries if summary}
        assert f'href="#run-{row["experiment"]}"' in line, "a browser without popovers follows the link"


def test_a_card_has_settings_seeds_histories_and_commands(tables: dict[str, Any], source: str) -> None:
    """What a click on a number shows is all that made it."""
    for name, experiment in tables["experiments"].items():
        if not experiment["runs"]:
            assert f'id="of-{name}"' not in source
            continue
        card = text_of(source, f"of-{name}", until="</div>\n\n</div>")
        for run in experiment["runs"]:
            assert run["command"] in card
            assert f"its line (split {run['split']}, seed {run['seed']})" in card
            assert f"{run['split']} {run['seed']} {run['error']:.3f}" in card
            assert f"{run['history'][-1]['loss']:.3g}" in card
        assert "epochs: 4" in card and 'skips: ["layer4.-1"]' in card
        assert source.partition(f'id="of-{name}"')[2].partition("</table>")[0].count("<polyline") == len(
            experiment["runs"]
        )


def test_runs_with_other_settings_are_told_apart(tables: dict[str, Any], drawn: dict[str, Any]) -> None:
    """A run that is left from another configuration is not shown under the settings of the rest."""
    changed = copy(tables)
    changed["experiments"]["control_no_skip"]["runs"][1]["settings"]["training"]["epochs"] = 77
    card = text_of(html.lay_out(changed, drawn, TEMPLATES), "of-control_no_skip", until="</div>\n\n</div>")
    assert "epochs: 4" in card and "epochs: 77" in card
    assert "Settings of split 1, seed 2 " in card


def test_missing_clips_are_said_and_named(page: Page) -> None:
    """How many clips of the lists were missing stands at the top, with the names."""
    assert "694 of 844 clips of the lists were missing and left out." in page.words
    assert "v_Archery_g01_c01, v_Odd_Name_g09_c02" in page.words


def test_damaged_clips_are_said_and_named(page: Page) -> None:
    """Clips that were left out because they do not decode stand at the top, each with the reason."""
    assert "1 damaged clip was left out." in page.words
    assert "v_Archery_g02_c01: cut short, 7 of 80 bytes" in page.words
    assert "1 clips hold many frames less than their headers announce" in page.words
    assert "v_Archery_g07_c02 (51 of 80)." in page.words


def test_checksums_are_told(page: Page, tables: dict[str, Any]) -> None:
    """Which files the numbers were made from can be checked."""
    assert tables["data"]["checksums"]
    for file in tables["data"]["checksums"]:
        assert page.row(file["what"]).endswith(file["sha256"])


def test_rows_show_paper_ours_and_difference(page: Page, tables: dict[str, Any]) -> None:
    """A row that was run has all its numbers, as the tables have them."""
    row = row_of(tables, "table3.identity")
    shown, compared = page.row("Identity Mapping"), row["compared"]
    assert shown.split()[2] == "0.197"
    assert f"{compared['error']:.3f}" in shown and f"± {compared['sd']:.3f} (3)" in shown
    assert f"{row['mean']['error']:.3f}" in shown
    assert words.points(row["difference"]) in shown
    assert words.points_interval(row["difference_interval"]) in shown
    assert f"{row['shuffled']['error']:.3f}" in shown


@pytest.mark.parametrize(
    ("agrees", "word"), [("within", "agrees"), ("better", "fewer errors"), ("worse", "more errors"), (None, None)]
)
def test_agreement_has_a_word_and_a_shape(
    tables: dict[str, Any], agrees: str | None, word: str | None, drawn: dict[str, Any]
) -> None:
    """Who cannot tell the colours reads the word or sees the shape."""
    changed = copy(tables)
    row_of(changed, "table3.identity")["agrees"] = agrees
    line = html.lay_out(changed, drawn, TEMPLATES).partition('<tr id="row-table3.identity"')[2].partition("</tr>")[0]
    assert [name for name in ("within", "better", "worse") if f"#mark-{name}" in line] == ([agrees] if agrees else [])
    said = [said for said in ("agrees", "fewer errors", "more errors") if f"</svg> {said}<" in line]
    assert said == ([word] if word else [])


@pytest.mark.parametrize("best", [True, False, None])
def test_best_is_marked_by_the_test(tables: dict[str, Any], best: bool | None, drawn: dict[str, Any]) -> None:
    """The mark is what the tables say of the row, and nothing that the page finds out for itself."""
    changed = copy(tables)
    row_of(changed, "table3.identity")["best"] = best
    page = Page(html.lay_out(changed, drawn, TEMPLATES))
    assert ("best" in page.row("Identity Mapping")) is bool(best)


def test_rows_that_were_not_run_say_so(page: Page) -> None:
    """No number of ours is made up, and the paper's stands there all the same."""
    assert page.row("Block2 Convolutional") == "Block2 Convolutional 0.234 not run – –"
    assert page.row("Dynamic Image Networks") == "Dynamic Image Networks 0.231 quoted from the paper – – – –"
    assert page.row("Two Stream Architecture 0").endswith(" 0.270 quoted from the paper 0.163 0.120 – –")


def test_odd_characters_come_out_as_they_are(tables: dict[str, Any]) -> None:
    """Titles, classes, notes, names, commands and files with markup are text everywhere, in pictures and attributes."""
    changed = copy(tables)
    changed["report"] |= {"title": ODD, "notice": ODD}
    changed["dataset"]["title"] = ODD
    changed["summary"]["ran_by"] = [ODD]
    changed["best"]["classes"] = [ODD, *changed["best"]["classes"][1:]]
    changed["best"]["confused"][0] |= {"true": ODD, "predicted": ODD}
    changed["per_class"]["classes"] = [ODD, *changed["per_class"]["classes"][1:]]
    changed["clips"]["missing_videos"] = [ODD]
    changed["data"]["checksums"] = [{"what": ODD, "sha256": "0" * 64}]
    changed["claims"][0] |= {"text": ODD, "quote": ODD, "reason": ODD, "place": ODD}
    changed["tables"][2]["rows"][0]["label"] = [ODD]
    changed["figures"]["position"]["points"][0]["label"] = ODD
    changed["looks"]["clips"][0] |= {"class": ODD, "video": ODD}
    changed["settings"]["report"]["title"] = ODD
    experiment = changed["experiments"]["control_no_skip"]
    experiment["title"] = ODD
    experiment["runs"][0] |= {"command": ODD, "folder": ODD, "user": ODD}
    source = html.render(changed, TEMPLATES)
    page = Page(source)
    assert page.text.count(ODD) >= 25
    assert "<b onclick" not in source and source.count("</script>") == 1
    assert "onclick" not in page.attributes


def test_a_users_experiment_stands_on_the_page_escaped(source: str, page: Page) -> None:
    """A title with markup is shown as it was written."""
    assert page.row("My <own> & 100 % new_one 0")
    assert "<own>" not in source


def test_each_run_stands_on_the_page_with_its_command(page: Page, tables: dict[str, Any]) -> None:
    """Provenance: what made the number can be read and pasted."""
    runs = [run for experiment in tables["experiments"].values() for run in experiment["runs"]]
    assert len(runs) == 5 * len(CHOSEN_BY_VIEWS)
    for run in runs:
        assert run["command"] in page.text and run["folder"] in page.text
    assert "0123456789+changes" in page.text


def test_the_precision_of_the_baselines_features_is_told(
    tables: dict[str, Any], source: str, drawn: dict[str, Any]
) -> None:
    """As the run recorded it, with its experiment; a network's run has none."""
    told = "features in training bfloat16"
    assert "features in training" not in source
    changed = copy(tables)
    for run in changed["experiments"]["block4_average_znorm"]["runs"]:
        run["features_as"] = "bfloat16"
    page = html.lay_out(changed, drawn, TEMPLATES)
    assert page.count(told) == 1 and told in page.partition('id="run-block4_average_znorm"')[2].partition("</p>")[0]


def test_cost_stands_at_the_top_with_each_row_and_each_run(
    tables: dict[str, Any], page: Page, drawn: dict[str, Any]
) -> None:
    """Time, energy and memory; what was not measured is said to be so and shown as a dash, not as 0."""
    top = "Energy of the GPU, all runs"
    assert f"{top}not measured" in page.text
    measured = copy(tables)
    first, second = measured["experiments"]["control_no_skip"]["runs"][:2]
    first |= {"energy_joules": 4.5e6, "peak_memory_bytes": 20 * 2**30}
    measured["summary"]["energy"] = {"joules": 4.5e6, "runs": 1}
    cost = next(cost for cost in measured["costs"] if cost["experiment"] == "control_no_skip")
    cost |= {"gpu_hours": 2.25, "energy_joules": 9e6, "peak_memory_bytes": 30 * 2**30, "evaluation_seconds": None}
    shown = Page(html.lay_out(measured, drawn, TEMPLATES))
    assert f"{top}1.2 kWhmeasured in 1 of 30 runs" in shown.text
    rows = [" ".join(row.split()) for row in shown.rows]
    assert sum("1 min 1 s 1.2 kWh 20.0 GiB 40" in row for row in rows) == 1
    assert second["energy_joules"] is None and any("1 min 2 s – – 40" in row for row in rows)
    assert sum(row.endswith("– 2.2 h 2.5 kWh 30.0 GiB") for row in rows) == 1
    assert sum("23,500,000" in row for row in rows) == len(CHOSEN_BY_VIEWS)


def test_pictures_are_there_with_a_text_for_the_blind(source: str, tables: dict[str, Any]) -> None:
    """Position, context, training curves, confusion matrix and each clip that was looked into, each described."""
    labels = re.findall(r'<svg role="img" aria-label="([^"]+)"', source)
    for beginning, count in {
        "Error by position": 1, "Error by temporal context": 1, "Confusion matrix": 1,
        "Training curves": 2,  # networks and baselines apart
        "Probability of": len(tables["looks"]["clips"]),
    }.items():  # fmt: skip
        assert sum(label.startswith(beginning) for label in labels) == count, beginning
    assert len(re.findall(r"<img [^>]*>", source)) == len(re.findall(r'<img [^>]*alt="[^"]+"', source)) > 6


def test_pictures_say_which_splits(source: str) -> None:
    """The point beside the paper's is split 1, as in the table; the others are rings."""
    for beginning in ("Error by position", "Error by temporal context"):
        picture = source.partition(f'aria-label="{beginning}')[2].partition("</figure>")[0]
        assert "ours, split 1<" in picture and "ours, splits 2 and 3<" in picture
        assert "Ours beside the paper’s: split 1" in picture


def test_classes_that_gain_and_lose_are_named(tables: dict[str, Any], page: Page) -> None:
    """Per pair of networks; and the errors of every class can be looked up."""
    assert tables["per_class"]["pairs"]
    for pair in tables["per_class"]["pairs"]:
        for change in (*pair["gains"], *pair["losses"]):
            numbers = f"{change['error']:.3f} {change['beside']:.3f} {words.points(change['points'])}"
            assert f"{change['class']} {numbers}" in " ".join(" ".join(page.rows).split())
    for number, name in enumerate(tables["per_class"]["classes"]):
        errors = [words.error(errors[number]) for errors in tables["per_class"]["errors"].values()]
        assert page.row(f"{name} {tables['per_class']['clips'][number]} {errors[0]}").endswith(" ".join(errors))


def test_a_confused_pair_without_a_frame_is_told_all_the_same(tables: dict[str, Any], drawn: dict[str, Any]) -> None:
    """Where the frames were not there, no empty picture stands on the page."""
    changed = copy(tables)
    pictures = html.lay_out(changed, drawn, TEMPLATES).count("<img ")
    first = changed["best"]["confused"][0]
    first["example"] = None
    source = html.lay_out(changed, drawn, TEMPLATES)
    assert source.count("<img ") == pictures - 1
    assert f"{first['true']} taken for {first['predicted']}" in Page(source).words


def test_without_looks_there_is_no_such_part(tables: dict[str, Any], drawn: dict[str, Any]) -> None:
    """Looking into a model is another job; a report without it has neither the part nor a link to it."""
    page = Page(html.lay_out({**tables, "looks": None}, drawn, TEMPLATES))
    assert "looks" not in page.ids and "looks" not in page.anchors


def test_rendering_is_deterministic(tables: dict[str, Any], source: str) -> None:
    """The same tables give the same bytes, so that a report can be compared with another."""
    assert html.render(copy(tables), TEMPLATES) == source


def test_half_finished_runs_give_a_report(tmp_path: Path) -> None:
    """While trainings are still going, the page shows what is there and says what is not."""
    write_run(tmp_path, "rrn_block4_identity", 1, 2)
    write_run(tmp_path, "rrn_block4_convolution", 2, 1)
    tables = unfinished(tmp_path, chosen=CHOSEN_BY_VIEWS[:-1])
    page = Page(html.render(tables, TEMPLATES))
    error = f"{row_of(tables, 'table3.identity')['compared']['error']:.3f}"
    assert page.row("Identity").startswith(f"Identity Mapping 0.197 {error} ")
    assert re.search(r" not run not run – 0\.\d+ \S+ 1 of 5 runs", page.row("Identity")), "shuffled, after the splits"
    assert page.row("Conv. Linear").startswith("Conv. Linear 0.219 split 1: not run – ")
    assert "2 of 25" in page.text


def test_nothing_run_still_gives_a_report(tmp_path: Path) -> None:
    """Before the first training the page stands, with no picture and no number of ours."""
    tables = unfinished(tmp_path, chosen=[])
    source = html.render(tables, TEMPLATES)
    assert 'role="img"' not in source
    page = Page(source)
    assert not page.shown
    assert page.row("Identity Mapping") == "Identity Mapping 0.197 not run –"
    assert set(page.anchors) <= set(page.ids)
    assert {claim["verdict"] for claim in tables["claims"]} == {"cannot be told"}


def test_a_page_of_the_papers_size_stays_small(tables: dict[str, Any]) -> None:
    """101 classes, 30 experiments of 15 runs with 50 epochs, commands as long as real ones: below 5 MB."""
    changed = copy(tables)
    names = [f"Class number {number}" for number in range(101)]
    model = changed["experiments"]["rrn_block4_identity"]
    run = model["runs"][0]
    long = {"command": '"' * 1500, "evaluation_command": "e" * 1000, "history": run["history"][:1] * 50}
    runs = [{**run, **long, "split": split, "seed": seed} for split in (1, 2, 3) for seed in range(1, 6)]
    changed["experiments"] |= {f"more_{number}": model for number in range(30 - len(CHOSEN_BY_VIEWS))}
    for name, experiment in changed["experiments"].items():
        changed["experiments"][name] = {**experiment, "runs": runs if experiment["runs"] else []}
    changed["best"] |= {"classes": names, "confusion": [[(i * j) % 7 for j in range(101)] for i in range(101)]}
    errors = {name: [0.123] * 101 for name in changed["experiments"]}
    changed["per_class"] |= {"classes": names, "clips": [30] * 101, "errors": errors}
    page = html.render(changed, TEMPLATES)
    assert page.count('"' * 1500) == 2 * 450
    assert len(page.encode()) < 5_000_000
