"""The tables on the report's page: the paper's numbers, ours, what the two say, and the runs behind each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from made_runs import CHOSEN_BY_VIEWS, write_run
from read_page import TEMPLATES, Page, comparable, copy, row_of, text_of, unfinished

from recurrent_residual.report import html, words


def marked_row(tables: dict[str, Any], agrees: str | None, *, may_be: bool) -> dict[str, Any]:
    """Tables whose identity row agrees or disagrees, in a report that is comparable or not."""
    changed = comparable(tables) if may_be else copy(tables)
    row_of(changed, "table3.identity").update(agrees=agrees, difference_interval=[-1.25, 2.5])
    return changed


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


def test_rows_show_paper_ours_and_difference(page: Page, tables: dict[str, Any]) -> None:
    """A row that was run has all its numbers, as the tables have them."""
    row = row_of(tables, "table3.identity")
    shown, compared = page.row("Identity Mapping"), row["compared"]
    assert shown.split()[2] == "0.197"
    assert f"{compared['error']:.3f}" in shown and f"± {compared['sd']:.3f} (3)" in shown
    assert f"{row['mean']['error']:.3f}" in shown
    assert words.points(row["difference"]) in shown
    assert f"{row['shuffled']['error']:.3f}" in shown


@pytest.mark.parametrize(
    ("agrees", "word"),
    [("within", "within our interval"), ("better", "fewer errors"), ("worse", "more errors"), (None, None)],
)
def test_agreement_has_a_word_and_a_shape(
    tables: dict[str, Any], agrees: str | None, word: str | None, drawn: dict[str, Any]
) -> None:
    """Who cannot tell the colours reads the word or sees the shape; the difference's interval stands beside."""
    source = html.lay_out(marked_row(tables, agrees, may_be=True), drawn, TEMPLATES)
    line = source.partition('<tr id="row-table3.identity"')[2].partition("</tr>")[0]
    assert [name for name in ("within", "better", "worse") if f"#mark-{name}" in line] == ([agrees] if agrees else [])
    said = [said for said in ("within our interval", "fewer errors", "more errors") if f"</svg> {said}<" in line]
    assert said == ([word] if word else [])
    assert "\u22121.2 to +2.5" in line
    assert "agrees" not in Page(source).words, "that the paper's number lies within a wide interval is no agreement"


@pytest.mark.parametrize("agrees", ["within", "better", "worse"])
def test_nothing_agrees_where_numbers_are_not_comparable(
    tables: dict[str, Any], agrees: str, drawn: dict[str, Any]
) -> None:
    """No mark, no interval of the difference and no key to them, whatever the tables say."""
    source = html.lay_out(marked_row(tables, agrees, may_be=False), drawn, TEMPLATES)
    assert not re.findall("#mark-(within|better|worse)", source)
    line = source.partition('<tr id="row-table3.identity"')[2].partition("</tr>")[0]
    assert "to +2.5" not in line and words.points(row_of(tables, "table3.identity")["difference"]) in line


@pytest.mark.parametrize(
    ("counted", "said"), [(True, "the choice of test groups and the seed"), (False, "test groups alone"), (None, None)]
)
def test_a_table_says_whether_its_marks_count_the_seed(
    tables: dict[str, Any], counted: bool | None, said: str | None, drawn: dict[str, Any]
) -> None:
    """One seed a split tells nothing of another; where nothing was run there is nothing to say."""
    changed = copy(tables)
    changed["tables"][2]["seeds_counted"] = counted
    caption = html.lay_out(changed, drawn, TEMPLATES).partition('<section id="table3"')[2].partition("</caption>")[0]
    assert (said in caption) if said else ("count" not in caption)


def test_a_cell_without_a_value_sorts_as_none(tmp_path: Path) -> None:
    """ "split 1: not run" is no text to sort by: each cell of numbers that mixes them with words has a value, or ""."""
    write_run(tmp_path, "rrn_block4_convolution", 2, 1)
    source = html.render(unfinished(tmp_path, chosen=CHOSEN_BY_VIEWS[:-1]), TEMPLATES)
    cells = re.findall(r'<td class="number[^"]*"([^>]*)>((?:(?!</td>).)*not run)', source, re.DOTALL)
    assert len(cells) > 2
    assert all('data-sort-value=""' in attributes for attributes, _ in cells), cells


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
