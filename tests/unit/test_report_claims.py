"""The verdicts on the report's page: each with its effect, its interval, its reason and what else there is to say."""

from __future__ import annotations

from typing import Any

from read_page import TEMPLATES, Page, comparable, copy, text_of

from recurrent_residual.report import html, words


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


def test_a_caveat_stands_with_its_claim_and_leads_to_the_other(tables: dict[str, Any], drawn: dict[str, Any]) -> None:
    """Who reads only the glance reads that the baseline is frozen, and is one click from the matched control."""
    changed = comparable(tables)
    for claim in changed["claims"]:
        claim["caveat"] = None
    changed["claims"][0]["caveat"] = {"text": "More differs than the skip.", "see": "no_skip"}
    other = next(claim for claim in changed["claims"] if claim["id"] == "no_skip")
    source = html.lay_out(changed, drawn, TEMPLATES)
    glance, _, entries = source.partition('<section id="claims">')
    entry = entries.partition("<details>")[0]
    for part in (glance, entry):
        assert part.count("More differs than the skip.") == 1
        assert f'<a href="#claim-no_skip">See: {other["text"]}</a>' in part
    assert source.count("More differs than the skip.") == 2


def test_an_effect_says_what_it_is_of(tables: dict[str, Any], source: str) -> None:
    """Unfolded or not: both sides stand under the number, and its interval is called one."""
    for claim in tables["claims"]:
        entry = source.partition(f'<li id="claim-{claim["id"]}">')[2].partition("<details>")[0]
        said = Page(f"<div>{entry}</div>").words.partition("Paper")[2]
        headline = claim["comparisons"][claim["headline"]]
        assert headline["first"]["label"] in said and headline["second"]["label"] in said
        if ours := headline["ours"]:
            assert said.count("95 %: ") == 1
            assert ("†" in said) is (ours["total_interval"] is None)


def test_a_p_at_the_floor_of_the_draws_is_a_bound(tables: dict[str, Any], drawn: dict[str, Any]) -> None:
    """As small as so many draws can give: the p itself may be smaller."""
    changed = copy(tables)
    ours = changed["claims"][0]["comparisons"][0]["ours"]
    ours |= {"p_holm": 0.0062, "p_floor": True}
    assert "≤ 0.0062" in text_of(html.lay_out(changed, drawn, TEMPLATES), "comparisons-headline", until="</table>")
    ours["p_floor"] = False
    assert "≤ 0.0062" not in html.lay_out(changed, drawn, TEMPLATES)


def test_a_margin_is_said_with_its_reason(tables: dict[str, Any], source: str) -> None:
    """The paper names none: whose they are, which, and why, stands with the comparisons."""
    shown = Page(source).words
    assert "The paper names no margins" in shown
    margins = [item for claim in tables["claims"] for item in claim["comparisons"] if item["margin"] is not None]
    assert len(margins) > 3
    for item in margins:
        margin = f"{item['margin']:g}"
        wording = f"% (± {margin})" if item["kind"] == "relative" else f"within {margin} point"
        assert wording in shown
        assert f"The margin: {' '.join(item['margin_why'].split())}" in shown


def test_every_comparison_is_told(tables: dict[str, Any], source: str) -> None:
    """Both sides with their errors, interval, p and p after Holm's correction, and McNemar's test; or that it was not
    run."""
    told = tested = 0
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
            for side in ("first", "second"):
                assert words.error(comparison[side]["error"] or comparison[side]["published"]) in row
            if mcnemar := ours["mcnemar"]:
                tested += 1
                clips = f"{mcnemar['first_only']:,} first, {mcnemar['second_only']:,} second"
                assert f"{words.probability(mcnemar['p'])} {clips}" in row
            assert f"{ours['groups']:,} groups" in row
            assert words.points_interval(ours["interval"]) in row
            assert f"{words.probability(ours['p'])} {words.probability(ours['p_holm'], ours['p_floor'])}" in row
            if ours["total_interval"]:
                assert words.points_interval(ours["total_interval"]) in row
    assert told > 2 and tested > 2
