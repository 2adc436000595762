"""The claims in LaTeX: each with its verdict, its numbers, and what is to be said against it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from latex_tables import TEMPLATES, line, made_tables

from recurrent_residual.report import latex
from recurrent_residual.report.latex_text import escape

VERDICTS = ("holds", "does not hold", "cannot be told")
OURS = {
    "points": -2.04,
    "relative": -9.6,
    "interval": [-3.0, -1.1],
    "total_interval": [-3.4, -0.6],
    "p_holm": 0.0004,
    "p_floor": False,
    "relative_interval": [-14.0, -4.0],
    "mcnemar": {"first_only": 3, "second_only": 9, "p": 0.146},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The tables of some experiments and of a user's own under an odd name."""
    return made_tables(tmp_path_factory.mktemp("latex") / "runs")


@pytest.fixture
def tables(made: dict[str, Any]) -> dict[str, Any]:
    """Tables that a test may change."""
    return json.loads(json.dumps(made))


def test_claims_are_answered_as_the_tables_answer_them(tables: dict[str, Any]) -> None:
    """Each claim stands with its verdict, its reason and its place; ours come after the paper's."""
    for number, claim in enumerate(tables["claims"]):
        claim |= {"verdict": VERDICTS[number % 3], "reason": f"Reason {number}.", "caveat": None}
    places: dict[str, list[int]] = {"paper": [], "ours": []}
    document = latex.render(tables, TEMPLATES)
    part = latex.render_tables(tables, TEMPLATES)["claims"]
    for claim in tables["claims"]:
        assert line(part, f"& {escape(claim['text'])} &").endswith(f"& {claim['verdict']}")
        assert escape(claim["place"][0].upper() + claim["place"][1:]) in document
        assert claim["quote"] is None or escape(claim["quote"]) in document
        places[claim["source"]].append(document.index(claim["reason"]))
    assert max(places["paper"]) < min(places["ours"])


def test_a_claims_effect_and_what_its_interval_covers(tables: dict[str, Any]) -> None:
    """Points, per cent or an error, as the claim has it; the paper's number is its own, not one worked out from rows.

    An interval without the seeds' noise is marked; a p as small as the draws can give is said to be at most that.
    """
    for claim in tables["claims"]:
        claim |= {"headline": 0, "caveat": None}
        claim["comparisons"][0] |= {"kind": "order", "ours": dict(OURS), "paper": {"points": 1.5, "relative": 7.0}}
    relative, groups_only, absent, plain, value, floor = (claim["comparisons"][0] for claim in tables["claims"][:6])
    relative |= {"kind": "relative", "target": -17}
    groups_only["ours"]["total_interval"] = None
    absent["ours"] = None
    value |= {"kind": "value", "target": 0.198, "paper": None}
    value["first"]["error"] = 0.178
    plain["paper"] = None
    floor["ours"] |= {"p_holm": 0.0062, "p_floor": True}
    claims = tables["claims"] = [claim | {"source": "paper"} for claim in tables["claims"]]
    part = " ".join(latex.render_tables(tables, TEMPLATES)["claims"].split())
    texts = [str(escape(claim["text"])) for claim in claims]
    assert f"{texts[0]} & -17.0{{\\,\\%}} & -9.6{{\\,\\%}} & $-$14.0 to $-$4.0 & {{$<$}}0.001 &" in part
    assert f"{texts[1]} & +1.5 & -2.0 & $-$3.0 to $-$1.1\\textsuperscript{{\\dag}} &" in part
    assert rf"{texts[2]} & +1.5 & {{--}} & \emph{{not run}} & {{--}} &" in part
    assert f"{texts[3]} & {{--}} & -2.0 & $-$3.4 to $-$0.6 &" in part
    assert rf"{texts[4]} & {{0.198}} & {{0.178}} & 0.164--0.192 & {{$<$}}0.001 &" in part
    assert rf"{texts[5]} & +1.5 & -2.0 & $-$3.4 to $-$0.6 & {{$\leq$}}0.0062 &" in part
    assert r"\dag: without, for it is not known" in part


def test_a_caveat_goes_with_its_claims(tables: dict[str, Any]) -> None:
    """A claim that holds for another reason than it says is never shown without that, and with the claim to look at."""
    said = "Features & all are frozen: more differs."
    for claim in tables["claims"]:
        claim["caveat"] = {"text": said, "see": "no_skip"} if claim["id"] in ("headline", "resnet") else None
    shown = [claim["id"] for claim in sorted(tables["claims"], key=lambda claim: claim["source"] == "ours")]
    pointed = f"See claim {shown.index('no_skip') + 1}."
    document, part = latex.render(tables, TEMPLATES), latex.render_tables(tables, TEMPLATES)["claims"]
    for claim in tables["claims"]:
        marked = rf"{escape(claim['text'])}\textsuperscript{{a}} &" in part
        assert marked is (claim["caveat"] is not None)
    assert part.count(rf"\textsuperscript{{a}}\,{escape(said)} {pointed}") == 1
    items = document.partition(r"\begin{enumerate}")[2].partition(r"\end{enumerate}")[0].split(r"\item ")[1:]
    warned = {name: item for name, item in zip(shown, items, strict=True) if str(escape(said)) in item}
    assert list(warned) == ["headline", "resnet"] and all(pointed in item for item in warned.values())
    for claim in tables["claims"]:
        claim["caveat"] = None
    assert "See claim" not in latex.render(tables, TEMPLATES)


def test_margins_are_said_to_be_ours(tables: dict[str, Any]) -> None:
    """What counts as "about" or "little" is told with the numbers, by the numbers of the claims."""
    one = {
        **tables["claims"][0],
        "id": "one",
        "caveat": None,
        "comparisons": [dict(tables["claims"][0]["comparisons"][0])],
    }
    one["comparisons"][0] |= {"kind": "order", "margin": None, "target": None, "ours": None}
    kinds = [("relative", 8), ("equal", 1), ("order", None), ("equal", 1)]
    tables["claims"] = [
        {**one, "comparisons": [{**one["comparisons"][0], "kind": kind, "margin": margin, "target": -17}]}
        for kind, margin in kinds
    ]
    part = " ".join(latex.render_tables(tables, TEMPLATES)["claims"].split())
    assert "the margins are ours" in part and ": 8 percentage points in 1, 1 point in 2 and 4." in part
    for item in (item for claim in tables["claims"] for item in claim["comparisons"]):
        item["margin_why"] = item["margin"] and "5 % & more."
    assert latex.render(tables, TEMPLATES).count(r"\sub{Our margin: 5 \% \& more.}") == 3
    tables["claims"] = [one]
    assert "margin" not in latex.render_tables(tables, TEMPLATES)["claims"]


def test_each_comparison_stands_under_its_claims_number(tables: dict[str, Any]) -> None:
    """Sides with their errors, both intervals, both p values and the verdict; the number is that of the other lists."""
    for claim in tables["claims"]:
        for item in claim["comparisons"]:
            item |= {"kind": "order", "ours": dict(OURS), "verdict": "cannot be told"}
    claim = next(claim for claim in reversed(tables["claims"]) if claim["source"] == "paper")
    item = claim["comparisons"][-1]
    item["first"] |= {"label": "A & B", "error": 0.178, "published": None}
    item["second"] |= {"label": "theirs", "error": None, "published": 0.236}
    item["verdict"] = "does not hold"
    document = latex.render(tables, TEMPLATES)
    number = sum(claim["source"] == "paper" for claim in tables["claims"])
    listed = " ".join(document.partition(r"\textbf{All comparisons}")[2].split())
    assert listed.count("& cannot be told") == sum(len(claim["comparisons"]) for claim in tables["claims"]) - 1
    intervals = r"-2.0 & $-$3.0 to $-$1.1 & $-$3.4 to $-$0.6 & {$<$}0.001 & 0.15"
    assert rf"{number} & A \& B & 0.178 & theirs & {{\itshape 0.236}} & {intervals} & does not hold" in listed
    assert f"{number} & {escape(claim['text'])}" in document
