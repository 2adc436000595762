"""Claims as data, their verdicts, and the sentence that gives the reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from made_errors import results
from made_runs import ROOT, experiments, project, write_run

from recurrent_residual.claims import pairs, read_claims
from recurrent_residual.effects import seed_noise_by_model
from recurrent_residual.errors import UserError
from recurrent_residual.experiment_results import Result, read_results
from recurrent_residual.marks import agreement, row_marks
from recurrent_residual.reasons import FAILS, HOLDS, OPEN, reason
from recurrent_residual.rows import row_owners
from recurrent_residual.statistics.groups import Groups
from recurrent_residual.verdicts import judge

PAPER: dict[str, Any] = {
    "tables": {
        "table": {
            "rows": {
                "good": {"error": 0.2},
                "middle": {"error": 0.25},
                "bad": {"error": 0.4},
                "twin": {"error": 0.2},
                "absent": {"error": 0.1},
                "other": {"error": 0.3, "quoted": True},
            }
        }
    }
}
OWNERS = {"table.good": "e0", "table.middle": "e1", "table.bad": "e2", "table.twin": "e3", "table.absent": "e9"}
SIDES: dict[str, Any] = {
    **{name: {"label": f"the {name} one", "rows": [f"table.{name}"], "shuffled": False} for name in
       ("good", "middle", "bad", "twin", "absent", "other")},
    "shuffled": {"label": "the good one shuffled", "rows": ["table.good"], "shuffled": True},
    "both": {"label": "the better two", "rows": ["table.good", "table.middle"], "shuffled": False},
}  # fmt: skip
CLIPS = 8 * 7 * 10
RATES = (0.2, 0.3, 0.5)


def made(*, seeds: int = 2, classes: int = 8, splits: tuple[int, ...] = (1,)) -> dict[str, Result]:
    """Three experiments of these `RATES`, and a fourth that errs on the clips of the first but for two."""
    groups = Groups(np.repeat(np.arange(CLIPS // 10), 10), np.repeat(np.arange(classes), CLIPS // 10 // classes))
    merged: dict[str, Result] = {}
    for split in splits:
        chance = np.random.default_rng(split).random((CLIPS, 1)) + np.random.default_rng(9).normal(0, 0.01, (1, seeds))
        wrong = [chance < rate for rate in RATES]
        twin = wrong[0].copy()
        twin[:2] ^= True
        for name, result in results(np.stack([*wrong, twin]), groups, split=split).items():
            merged.setdefault(name, result).plain.update(result.plain)
    return merged


def verdicts(
    *comparisons: dict[str, Any], found: dict[str, Result] | None = None, comparable: bool = True, **claim: Any
) -> list[dict[str, Any]]:
    """One claim for each of `comparisons`, judged."""
    words = {"text": "It is so", "quote": None, "place": "Here", "source": "paper"}
    return judge(
        {
            "sides": SIDES,
            "claims": [{"id": f"c{i}", **words, "comparisons": [c], **claim} for i, c in enumerate(comparisons)],
        },
        paper=PAPER,
        owners=OWNERS,
        results=made() if found is None else found,
        splits=[1],
        comparable=comparable,
        reasons=[] if comparable else ["The videos are made.", "The network is small."],
    )


@pytest.mark.parametrize(
    ("comparison", "verdict"),
    [
        ({"order": ["good", "bad"]}, HOLDS),
        ({"order": ["bad", "good"]}, FAILS),
        ({"order": ["good", "twin"]}, OPEN),
        ({"order": ["good", "middle", "bad"]}, HOLDS),
        ({"order": ["good", "bad", "middle"]}, FAILS),
        ({"order": ["twin", "good", "middle"]}, OPEN),
        ({"order": ["both", "bad"]}, HOLDS),
        ({"order": ["good", "other"]}, HOLDS),
        ({"order": ["bad", "other"]}, FAILS),
        ({"equal": ["good", "twin"], "margin": 3}, HOLDS),
        ({"equal": ["good", "bad"], "margin": 3}, FAILS),
        ({"equal": ["good", "twin"], "margin": 0.3}, OPEN),
        ({"relative": ["good", "bad"], "target": -60, "margin": 15}, HOLDS),
        ({"relative": ["good", "bad"], "target": -10, "margin": 15}, FAILS),
        ({"relative": ["good", "bad"], "target": -60, "margin": 1}, OPEN),
        ({"value": "good", "target": 0.2, "margin": 8}, HOLDS),
        ({"value": "bad", "target": 0.2, "margin": 8}, FAILS),
        ({"value": "good", "target": 0.2, "margin": 0.5}, OPEN),
    ],
)
def test_verdicts_of_made_errors(comparison: dict[str, Any], verdict: str) -> None:
    """Errors of 20, 30 and 50 % on 56 groups: what is clear is told, and told rightly; the rest is not."""
    (claim,) = verdicts(comparison)
    assert claim["verdict"] == verdict, claim["reason"]
    assert claim["comparisons"][claim["headline"]]["verdict"] == verdict
    if comparison == {"order": ["good", "bad"]}:
        assert "with the good one the error is 3" in claim["reason"].lower() and " points lower than" in claim["reason"]
    check_sentence(claim["reason"], claim["comparisons"][claim["headline"]])


def test_numbers_of_a_comparison() -> None:
    """Signs are first minus second; the intervals hold the estimate, the total one is the wider; clips are counted."""
    found = made()
    (claim,) = verdicts({"order": ["good", "bad"]}, found=found)
    (comparison,) = claim["comparisons"]
    ours = comparison["ours"]
    first, second = (float(found[name].plain[1].wrong.mean()) for name in ("e0", "e2"))
    assert comparison["first"]["error"] == pytest.approx(first)
    assert ours["points"] == pytest.approx(100 * (first - second))
    assert ours["relative"] == pytest.approx(100 * (first - second) / second)
    assert ours["total_interval"][0] < ours["interval"][0] < ours["points"] < ours["interval"][1]
    assert comparison["paper"] == {"points": pytest.approx(-20), "relative": pytest.approx(-50)}
    assert (ours["clips"], ours["groups"]) == (CLIPS, 56)
    only = found["e2"].plain[1].wrong[:, 0] & ~found["e0"].plain[1].wrong[:, 0]
    assert ours["mcnemar"]["second_only"] == only.sum()
    assert (comparison["first"]["published"], comparison["margin"], comparison["target"]) == (None, None, None)


def test_every_comparison_of_the_page_is_corrected_for() -> None:
    """More claims leave the p of each as it is and never lower the corrected one."""
    alone = verdicts({"order": ["both", "bad"]})[0]["comparisons"][0]["ours"]
    among = verdicts({"order": ["both", "bad"]}, {"order": ["good", "middle", "bad"]})[0]["comparisons"][0]["ours"]
    assert alone["p_holm"] == alone["p"] == among["p"]
    assert among["p_holm"] == pytest.approx(3 * among["p"])
    margins = [{"value": "good", "target": 0.2, "margin": margin} for margin in range(2, 12)]
    judged = [verdicts(value)[0] for value in margins]
    ps = [claim["comparisons"][0]["ours"]["p"] for claim in judged]
    weak = next(number for number, p in enumerate(ps) if 0.005 < p < 0.045)
    assert judged[weak]["verdict"] == HOLDS
    (claim, *_) = verdicts(*[margins[weak]] * 12)
    assert claim["verdict"] == OPEN and "for 12 comparisons is too large" in claim["reason"]


@pytest.mark.parametrize(
    ("found", "comparison", "claim", "words"),
    [
        (made(seeds=1), {"order": ["good", "bad"]}, {}, "how much another seed would change that was not measured"),
        (made(), {"order": ["absent", "bad"]}, {}, "no finished run for the absent one (table.absent)"),
        (made(), {"order": ["good", "shuffled"]}, {}, "no finished test of table.good with shuffled frames"),
        (made(classes=56), {"order": ["good", "bad"]}, {}, "Only 0 groups of test clips"),
        (made(), {"order": ["good", "bad"]}, {"splits": [1, 2, 3]}, "splits 2 and 3 were not run"),
        ({}, {"value": "good", "target": 0.2, "margin": 2}, {}, "no finished run for the good one"),
    ],
)
def test_too_little_data_cannot_be_told(
    found: dict[str, Result], comparison: dict[str, Any], claim: dict[str, Any], words: str
) -> None:
    """However large the difference is; the sentence says what is missing."""
    (judged,) = verdicts(comparison, found=found, **claim)
    assert judged["verdict"] == OPEN
    assert words in judged["reason"]
    assert one_sentence(judged["reason"])


def test_a_report_that_is_not_comparable_tells_nothing() -> None:
    """The demo must not pretend: no verdict, whatever the numbers, which are there all the same."""
    judged = verdicts({"order": ["good", "bad"]}, {"order": ["bad", "good"]}, comparable=False)
    for claim in judged:
        assert claim["verdict"] == claim["comparisons"][0]["verdict"] == OPEN
        assert claim["reason"] == (
            "The numbers are not comparable with the paper's: the videos are made (and 1 more reason)."
        )
        assert claim["comparisons"][0]["ours"]["p"] < 0.05


def test_one_failing_comparison_is_enough_and_one_missing_is_not() -> None:
    """A chain with a row that was not run fails where another pair fails, and is open where all others hold."""
    failing, missing = {"order": ["bad", "good"]}, {"order": ["absent", "bad"]}
    (claim,) = verdicts(missing, comparisons=[missing, failing])
    assert (claim["verdict"], claim["headline"]) == (FAILS, 1)
    holding = {"order": ["good", "bad"]}
    (claim,) = verdicts(missing, comparisons=[holding, missing])
    assert (claim["verdict"], claim["headline"]) == (OPEN, 1)


def test_a_comparison_uses_the_splits_that_both_have() -> None:
    """A row that was run on one split only is compared on that one."""
    found = made(splits=(1, 2))
    del found["e2"].plain[2]
    words = {"text": "t", "quote": None, "place": "p", "source": "ours"}
    orders = (["good", "bad"], ["good", "middle"])
    judged = judge(
        {"sides": SIDES, "claims": [{"id": "c", **words, "comparisons": [{"order": order}]} for order in orders]},
        paper=PAPER, owners=OWNERS, results=found, splits=[1, 2], comparable=True, reasons=[],
    )  # fmt: skip
    assert [claim["splits"] for claim in judged] == [[1], [1, 2]]
    assert judged[0]["comparisons"][0]["first"]["error"] == pytest.approx(found["e0"].plain[1].wrong.mean())
    assert judged[1]["comparisons"][0]["ours"]["clips"] == 2 * CLIPS


def test_shuffled_frames_are_compared_seed_by_seed() -> None:
    """The same networks stand on both sides: what their seeds share cancels, however far the seeds lie apart."""
    found = made(seeds=3)
    test = found["e0"].plain[1]
    apart = np.stack([test.wrong[:, 0], test.wrong[:, 0] | (np.arange(CLIPS) % 3 == 0), test.wrong[:, 0]], 1)
    harder = apart | (np.arange(CLIPS)[:, None] % 7 == 1)
    groups = test.groups
    found["e0"] = results(apart[None], groups)["e0"]
    found["e0"].shuffled.update(results(harder[None], groups)["e0"].plain)
    (claim,) = verdicts({"order": ["good", "shuffled"]}, found=found)
    assert claim["verdict"] == HOLDS, claim["reason"]
    seeds = harder.mean(axis=0) - apart.mean(axis=0)
    assert claim["comparisons"][0]["ours"]["seed_se"] == pytest.approx(100 * seeds.std(ddof=1) / 3**0.5)
    assert claim["comparisons"][0]["paper"] is None


def test_noise_of_seeds_shrinks_with_seeds_and_splits() -> None:
    """Two sides, two splits, two seeds each: variance 2 x s^2 x (1/2 + 1/2) / 2^2."""
    found = made(splits=(1, 2))
    words = {"text": "t", "quote": None, "place": "p", "source": "ours"}
    (claim,) = judge(
        {"sides": SIDES, "claims": [{"id": "c", **words, "comparisons": [{"order": ["good", "bad"]}]}]},
        paper=PAPER, owners=OWNERS, results=found, splits=[1, 2], comparable=True, reasons=[],
    )  # fmt: skip
    noise = seed_noise_by_model(found)["recurrent_resnet"]
    assert noise["degrees"] == 8
    assert claim["comparisons"][0]["ours"]["seed_se"] == pytest.approx(noise["sd"] * 0.5**0.5)


def test_experiments_of_a_split_share_their_draws_and_splits_do_not(tmp_path: Path) -> None:
    """The same errors give the same samples beside another experiment, and others on another split."""
    for split in (1, 2):
        for name in ("x", "y"):
            write_run(tmp_path, name, split, 1)
    wanted = [(1, 1), (2, 1)]
    both = read_results(tmp_path, {"x": "gru", "y": "gru"}, wanted)
    alone = read_results(tmp_path, {"x": "gru"}, wanted)["x"]
    assert both["x"].plain[1].samples == pytest.approx(alone.plain[1].samples, abs=1e-12)
    groups = alone.plain[1].groups
    values = alone.plain[1].wrong.astype(float)
    assert groups.resample(values, seed=1)[:, 0].clip(0, 1) == pytest.approx(alone.plain[1].samples, abs=1e-12)
    other = alone.plain[2]
    assert not np.allclose(other.groups.resample(other.wrong.astype(float), seed=1)[:, 0], other.samples)
    assert both["x"].summary([1, 2]) is not None
    assert read_results(tmp_path, {"x": "gru"}, [(3, 1)])["x"].summary([3]) is None


def one_sentence(text: str) -> bool:
    """Whether `text` starts with a capital, ends with its only full stop, and no number of it went wrong."""
    odd = re.search(r"nan|inf\b|None|-\d|−| {2}|[.] ", text)
    return text[0].isupper() and text.endswith(".") and not text.endswith("..") and odd is None


def check_sentence(text: str, comparison: dict[str, Any]) -> None:
    """A sentence names both sides of its comparison."""
    assert one_sentence(text), text
    for side in ("first", "second"):
        if comparison["kind"] != "value" or side == "first":
            assert comparison[side]["label"].lower() in text.lower(), text


numbers = st.floats(-60, 60).map(lambda value: round(value, 4))


@given(
    kind=st.sampled_from(["order", "equal", "relative", "value"]),
    verdict=st.sampled_from([HOLDS, FAILS, OPEN]),
    estimate=numbers,
    ends=st.tuples(st.floats(0, 20), st.floats(0, 20)),
    p=st.floats(1e-7, 1),
    doubt=st.sampled_from([None, {"why": "seeds"}, {"why": "few groups", "groups": 3, "needed": 30}]),
    of=st.integers(1, 4),
)
def test_reasons_are_one_sound_sentence(
    kind: str, verdict: str, estimate: float, ends: tuple[float, float], p: float, doubt: Any, of: int
) -> None:
    """Whatever the numbers: one sentence, both sides by name, no sign that a reader must interpret, no nan."""
    reach = [estimate - ends[0], estimate + ends[1]]
    comparison = {
        "kind": kind,
        "first": {"label": "the one", "rows": ["t.a"], "published": None, "shuffled": False},
        "second": {"label": "the other", "rows": ["t.b"], "published": None, "shuffled": False},
        "margin": None if kind == "order" else 2.5,
        "target": {"relative": -17, "value": 0.81}.get(kind),
        "ours": {"points": estimate, "relative": estimate, "interval": reach, "total_interval": reach, "p_holm": p}
        | ({"relative_interval": reach} if kind == "relative" else {}),
        "claimed": verdict == HOLDS,
        "doubt": doubt if verdict == OPEN else None,
    }
    text = reason(comparison, verdict, tests=9, of=of)
    check_sentence(text, comparison)
    if verdict in (FAILS, HOLDS):
        assert "after Holm's correction" in text


def test_the_projects_claims_are_read_and_say_what_the_paper_s_numbers_say() -> None:
    """Each comparison of the paper's own claims is true of its printed numbers: no side is mistaken for the other."""
    paper = project("paper")
    claims = read_claims(ROOT / "config" / "claims.yaml", paper)
    owners = row_owners(experiments(), paper)
    judged = judge(claims, paper=paper, owners=owners, results={}, splits=[1], comparable=True, reasons=[])
    seen = set()
    for claim in judged:
        assert claim["verdict"] == OPEN and one_sentence(claim["reason"])
        for comparison in claim["comparisons"] if claim["source"] == "paper" else ():
            printed, margin = comparison["paper"], comparison["margin"]
            seen.add(comparison["kind"])
            if comparison["kind"] == "order":
                if comparison["second"]["published"] is None:
                    assert printed["points"] < 0, claim["id"]
                else:
                    assert paper["tables"]["table5"]["rows"]["rrn"]["error"] < comparison["second"]["published"]
            elif comparison["kind"] == "equal":
                assert abs(printed["points"]) < margin, claim["id"]
            elif comparison["kind"] == "relative":
                assert abs(printed["relative"] - comparison["target"]) < margin, claim["id"]
    assert seen == {"order", "equal", "relative", "value"}
    used = {side for claim in claims["claims"] for pair in pairs(claim) for side in pair["sides"]}
    assert used == set(claims["sides"]), "a side that no claim uses"


def broken(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The project's claims with a change."""
    claims = yaml.safe_load((ROOT / "config" / "claims.yaml").read_text(encoding="utf-8"))
    change(claims)
    return claims


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["sides"]["gru"]["rows"].append("table1.block9"), "sides: gru: 'table1.block9' is no row of paper"),
        (lambda c: c["sides"]["gru"]["rows"].append("table5.two_stream"), "sides: gru: a row quoted from other papers"),
        (lambda c: c["claims"][0].update(comparisons=[{"order": ["best", "bset"]}]), "headline: 'bset' is none of"),
        (lambda c: c["claims"].append(c["claims"][0]), "claims: headline: 2 claims have this id"),
        (lambda c: c["claims"][0].update(comparisons=[{"equal": ["best", "gru"]}]), "claims.0.comparisons.0"),
        (lambda c: c["claims"][0].update(verdict="holds"), "unknown key 'claims.0.verdict'"),
        (lambda c: c["sides"]["gru"].pop("label"), "'label' is a required"),
    ],
)
def test_broken_claims_are_refused_in_one_line(tmp_path: Path, change: Any, message: str) -> None:
    """The message names the file, the claim or side, and what is wrong."""
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(broken(change)), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_claims(path, project("paper"))
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_marks_of_rows() -> None:
    """The least error and what cannot be told from it are best; agreement is where the paper's number lies."""
    printed = {"e0": 0.2, "e1": 0.9, "e2": 0.05, "e3": None, "e9": 0.1, None: 0.3}
    rows = [{"experiment": name, "paper": {"error": error}} for name, error in printed.items()]
    found = made()
    marks = row_marks(rows, found, [1])
    assert [mark["best"] for mark in marks] == [True, False, False, True, None, None]
    assert [mark["agrees"] for mark in marks] == ["within", "better", "worse", None, None, None]
    low, high = marks[0]["difference_interval"]
    summary = found["e0"].summary([1])
    assert summary is not None
    assert [low, high] == pytest.approx([100 * (end - 0.2) for end in summary["interval"]])
    assert all(mark["shuffled"] is None for mark in marks)


def test_no_row_is_best_of_one() -> None:
    """Best needs something to be better than; a row without a run on all splits does not count."""
    rows = [{"experiment": name, "paper": {"error": None}} for name in ("e0", "e9")]
    assert [mark["best"] for mark in row_marks(rows, made(), [1])] == [None, None]
    rows = [{"experiment": name, "paper": {"error": None}} for name in ("e0", "e1")]
    assert [mark["best"] for mark in row_marks(rows, made(), [1, 2])] == [None, None]


def test_agreement_is_by_the_sign_of_the_interval() -> None:
    """Below zero ours has fewer errors than the paper."""
    assert [agreement(*ends) for ends in ((-2, -1), (-1, 1), (1, 2))] == ["better", "within", "worse"]
