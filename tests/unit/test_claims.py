"""Claims as data, their verdicts, and the sentence that gives the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from made_errors import results
from made_runs import ROOT, experiments, groups, project, write_run
from scipy import stats

from recurrent_residual import comparisons
from recurrent_residual.claims import pairs, read_claims
from recurrent_residual.effects import Effect, seed_noise_by_model
from recurrent_residual.errors import UserError
from recurrent_residual.experiment_results import Result, SplitTest, read_results
from recurrent_residual.marks import agreement, table_marks
from recurrent_residual.reasons import FAILS, HOLDS, OPEN, reason
from recurrent_residual.rows import row_owners
from recurrent_residual.statistics import RESAMPLES
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
    "good_again": {"label": "the good one again", "rows": ["table.good"], "shuffled": False},
    "shuffled": {"label": "the good one shuffled", "rows": ["table.good"], "shuffled": True},
    "both": {"label": "the better two", "rows": ["table.good", "table.middle"], "shuffled": False},
}  # fmt: skip
CLIPS = 8 * 7 * 10
RATES = (0.2, 0.3, 0.5)
DRAWS = stats.norm.ppf((np.arange(RESAMPLES) + 0.5) / RESAMPLES)


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
    *compared: dict[str, Any],
    found: dict[str, Result] | None = None,
    comparable: bool = True,
    splits: Sequence[int] = (1,),
    claim: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """One claim for each of `compared`, judged."""
    words = {"text": "It is so", "quote": None, "place": "Here", "source": "paper"}
    return judge(
        {
            "sides": SIDES,
            "claims": [{"id": f"c{i}", **words, "comparisons": [c], **(claim or {})} for i, c in enumerate(compared)],
        },
        paper=PAPER,
        owners=OWNERS,
        results=made() if found is None else found,
        splits=splits,
        comparable=comparable,
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
        (made(classes=56), {"order": ["good", "bad"]}, {}, "The 56 groups of test clips have only 0 degrees of"),
        (made(classes=28), {"order": ["good", "bad"]}, {}, "28 degrees of freedom within their classes"),
        (made(), {"order": ["good", "bad"]}, {"splits": [1, 2, 3]}, "splits 2 and 3 were not run"),
        ({}, {"value": "good", "target": 0.2, "margin": 2}, {}, "no finished run for the good one"),
    ],
)
def test_too_little_data_cannot_be_told(
    found: dict[str, Result], comparison: dict[str, Any], claim: dict[str, Any], words: str
) -> None:
    """However large the difference is; the sentence says what is missing."""
    (judged,) = verdicts(comparison, found=found, claim=claim)
    assert judged["verdict"] == OPEN
    assert words in judged["reason"]
    assert one_sentence(judged["reason"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found.pop("e1"), "no finished run for table.middle, 1 of the 2 rows of the better two"),
        (lambda found: (found.pop("e0"), found.pop("e1")), "for the better two (table.good and table.middle)"),
        (
            lambda found: found["e1"].plain.pop(1),
            "the better two (table.good and table.middle) were not run on a common",
        ),
        (
            lambda found: (found["e1"].plain.pop(2), found["e2"].plain.pop(1)),
            "No split was run with both the better two and the bad one",
        ),
    ],
)
def test_only_what_is_missing_is_called_missing(change: Callable[..., Any], words: str) -> None:
    """A row that was run is not said to lack a run, because another of its side does, or was run on another split."""
    found = made(splits=(1, 2))
    found["e0"].plain.pop(2)
    change(found)
    (claim,) = verdicts({"order": ["both", "bad"]}, found=found, splits=[1, 2])
    assert claim["verdict"] == OPEN
    assert words in claim["reason"] and one_sentence(claim["reason"])


def test_a_tie_is_called_the_same() -> None:
    """No direction is given to a difference of nothing, and an interval that is nothing but zero has none either."""
    (judged,) = verdicts({"order": ["good", "good_again"]})
    assert judged["reason"] == (
        "With the good one the error is the same as with the good one again (95 % interval 0.0 to 0.0 points)."
    )
    (judged,) = verdicts({"equal": ["good", "good_again"], "margin": 1})
    assert judged["reason"] == (
        "With the good one the error is the same as with the good one again "
        "(95 % interval 0.0 to 0.0 points, p < 0.001 after Holm's correction), within 1 point."
    )


@given(
    kind=st.sampled_from(["order", "equal", "relative", "value"]),
    estimate=st.floats(-0.1, 0.1) | st.just(0.0),
    noise=st.floats(0.001, 0.4),
    skew=st.floats(-1, 1),
    margin=st.floats(0.1, 8),
)
def test_a_told_verdict_has_its_interval_wholly_on_its_side(
    kind: str, estimate: float, noise: float, skew: float, margin: float
) -> None:
    """Inside the margin where a claim holds, outside where it does not, however wide or skewed the draws are."""
    second = 0.0 if kind == "value" else 0.5
    draws = estimate + noise * (DRAWS + skew * (DRAWS**2 - 1))
    samples = (second + draws, np.full(RESAMPLES, second))
    effect = Effect(
        first=second + estimate, second=second, groups=samples, total=samples, seed_error=0, splits=[1], clips=1,
        group_count=1, degrees=1, mcnemar=None,
    )  # fmt: skip
    pair = {"kind": kind, "margin": None if kind == "order" else margin, "target": -5 if kind == "relative" else None}
    ours = comparisons._ours(pair, effect)
    if ours["p"] >= 0.05:
        return
    low, high = ours["relative_interval"] if kind == "relative" else [end / 100 for end in ours["total_interval"]]
    centre, margin = (-5.0, margin) if kind == "relative" else (0.0, margin / 100)
    inside = high < 0 if kind == "order" else centre - margin < low and high < centre + margin
    outside = low > 0 if kind == "order" else low > centre + margin or high < centre - margin
    assert inside if comparisons._claimed(pair, effect) else outside


def test_noise_alone_lies_in_no_margin_and_beyond_none() -> None:
    """Noise makes sizes larger: most draws lie outside of one point where the estimate is nothing, on either side."""
    found = made()
    rng = np.random.default_rng(5)
    for name, error in (("e0", 0.5), ("e1", 0.5), ("e2", 0.53)):
        half = np.arange(CLIPS) < error * CLIPS
        samples = error + rng.normal(0, 0.2, RESAMPLES)
        found[name].plain[1] = SplitTest(np.stack([half, half], 1), samples, found[name].plain[1].groups)
    (near,) = verdicts({"equal": ["good", "middle"], "margin": 1}, found=found)
    (beyond,) = verdicts({"equal": ["bad", "good"], "margin": 1}, found=found)
    for claim in (near, beyond):
        assert claim["verdict"] == OPEN and claim["comparisons"][0]["ours"]["p"] > 0.8, claim["reason"]


def test_a_report_that_is_not_comparable_tells_nothing() -> None:
    """The demo must not pretend: no verdict, whatever the numbers, which are there all the same, also in the reason."""
    begins = "These numbers are not comparable with the paper's; here "
    for seeds, words in ((1, ", for the choice of test groups alone)."), (2, ").")):
        judged = verdicts(
            {"order": ["good", "bad"]}, {"order": ["bad", "good"]}, found=made(seeds=seeds), comparable=False
        )
        for claim, effect in zip(
            judged, ("with the good one the error is", "with the bad one the error is"), strict=True
        ):
            assert claim["verdict"] == claim["comparisons"][0]["verdict"] == OPEN
            assert claim["reason"].startswith(begins + effect) and claim["reason"].endswith(words)
            assert "(95 % interval " in claim["reason"] and "Holm" not in claim["reason"]
            assert one_sentence(claim["reason"])
            assert claim["comparisons"][0]["ours"]["p"] < 0.05
    (claim,) = verdicts({"order": ["good", "absent"]}, comparable=False)
    assert claim["reason"] == begins + "there is no finished run for the absent one (table.absent)."
    (claim,) = verdicts({"order": ["good", "middle", "bad"]}, comparable=False)
    assert claim["reason"].startswith(begins + "in the closest of 2 comparisons, with the ")


def test_p_says_where_it_is_as_small_as_the_draws_can_make_it() -> None:
    """Corrected for 50 comparisons, no p is below 0.01; what is at this floor may be much smaller."""
    judged = verdicts(*[{"order": ["good", "bad"]}] * 49, {"order": ["good", "twin"]})
    for claim in judged[:-1]:
        ours = claim["comparisons"][0]["ours"]
        assert (ours["p"], ours["p_holm"], ours["p_floor"]) == (2 / 10_001, pytest.approx(100 / 10_001), True)
        assert "p ≤ 0.010 after Holm's correction" in claim["reason"]
    assert judged[-1]["comparisons"][0]["ours"]["p_floor"] is False


def test_one_failing_comparison_is_enough_and_one_missing_is_not() -> None:
    """A chain with a row that was not run fails where another pair fails, and is open where all others hold."""
    failing, missing = {"order": ["bad", "good"]}, {"order": ["absent", "bad"]}
    (claim,) = verdicts(missing, claim={"comparisons": [missing, failing]})
    assert (claim["verdict"], claim["headline"]) == (FAILS, 1)
    holding = {"order": ["good", "bad"]}
    (claim,) = verdicts(missing, claim={"comparisons": [holding, missing]})
    assert (claim["verdict"], claim["headline"]) == (OPEN, 1)


def test_a_comparison_uses_the_splits_that_both_have() -> None:
    """A row that was run on one split only is compared on that one."""
    found = made(splits=(1, 2))
    del found["e2"].plain[2]
    words = {"text": "t", "quote": None, "place": "p", "source": "ours"}
    orders = (["good", "bad"], ["good", "middle"])
    judged = judge(
        {"sides": SIDES, "claims": [{"id": "c", **words, "comparisons": [{"order": order}]} for order in orders]},
        paper=PAPER, owners=OWNERS, results=found, splits=[1, 2], comparable=True,
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
        paper=PAPER, owners=OWNERS, results=found, splits=[1, 2], comparable=True,
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
    both = read_results(tmp_path, {"x": "gru", "y": "gru"}, wanted, groups())
    alone = read_results(tmp_path, {"x": "gru"}, wanted, groups())["x"]
    assert both["x"].plain[1].samples == pytest.approx(alone.plain[1].samples, abs=1e-12)
    values = alone.plain[1].wrong.astype(float)
    assert alone.plain[1].groups.resample(values, seed=1)[:, 0].clip(0, 1) == pytest.approx(
        alone.plain[1].samples, abs=1e-12
    )
    other = alone.plain[2]
    assert not np.allclose(other.groups.resample(other.wrong.astype(float), seed=1)[:, 0], other.samples)
    assert both["x"].summary([1, 2]) is not None
    assert read_results(tmp_path, {"x": "gru"}, [(3, 1)], groups())["x"].summary([3]) is None


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


numbers = (st.just(0.0) | st.floats(-60, 60)).map(lambda value: round(value, 4))


@given(
    kind=st.sampled_from(["order", "equal", "relative", "value"]),
    verdict=st.sampled_from([HOLDS, FAILS, OPEN]),
    estimate=numbers,
    ends=st.tuples(st.floats(0, 20), st.floats(0, 20)),
    p=st.floats(1e-7, 1),
    doubt=st.sampled_from([None, {"why": "seeds"}, {"why": "few groups", "groups": 3, "degrees": 1, "needed": 40}]),
    of=st.integers(1, 4),
    comparable=st.booleans(),
)
def test_reasons_are_one_sound_sentence(
    kind: str, verdict: str, estimate: float, ends: tuple[float, float], p: float, doubt: Any, of: int, comparable: bool
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
        | {"p_floor": p < 0.002}
        | ({"relative_interval": reach} if kind == "relative" else {}),
        "claimed": verdict == HOLDS,
        "doubt": doubt if verdict == OPEN else None,
    }
    text = reason(comparison, verdict, tests=9, of=of, comparable=comparable)
    check_sentence(text, comparison)
    assert text.startswith("These numbers are not comparable with the paper's; here ") is not comparable
    if verdict in (FAILS, HOLDS) and comparable:
        assert "after Holm's correction" in text
        assert ("p ≤ " in text) == (0.001 <= p < 0.002) and ("p < 0.001" in text) == (p < 0.001)
    if kind != "value" and not estimate and not (doubt and verdict == OPEN and doubt["why"] == "few groups"):
        assert "the error is the same as with the other" in text


def test_the_projects_claims_are_read_and_say_what_the_paper_s_numbers_say() -> None:
    """Each comparison of the paper's own claims is true of its printed numbers: no side is mistaken for the other."""
    paper = project("paper")
    claims = read_claims(ROOT / "config" / "claims.yaml", paper)
    owners = row_owners(experiments(), paper)
    judged = judge(claims, paper=paper, owners=owners, results={}, splits=[1], comparable=True)
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


def test_caveats_and_the_reasons_of_margins_come_through() -> None:
    """A claim on frozen features says that more differs than the skip, and every margin why it is as wide."""
    paper = project("paper")
    claims = read_claims(ROOT / "config" / "claims.yaml", paper)
    judged = judge(claims, paper=paper, owners={}, results={}, splits=[1], comparable=True)
    for claim, entry in zip(judged, claims["claims"], strict=True):
        assert claim["caveat"] == entry.get("caveat")
        for comparison in claim["comparisons"]:
            assert (comparison["margin_why"] is None) == (comparison["margin"] is None), claim["id"]
    assert {claim["id"] for claim in judged if claim["caveat"]} == {"headline", "resnet", "fully_recurrent"}


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
        (lambda c: c["claims"][0]["caveat"].update(see="skip"), "headline: caveat: 'skip' is no other claim"),
        (lambda c: c["claims"][0]["caveat"].update(see="headline"), "headline: caveat: 'headline' is no other claim"),
        (
            lambda c: c["claims"][2].update(comparisons=[{"order": ["best", "gru"], "margin_why": "So."}]),
            "claims.2.comparisons.0",
        ),
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
    marks, _ = table_marks(rows, found, [1], comparable=True)
    assert [mark["best"] for mark in marks] == [True, False, False, True, None, None]
    assert [mark["agrees"] for mark in marks] == ["within", "better", "worse", None, None, None]
    assert all(mark["shuffled"] is None for mark in marks)


def test_differences_from_the_paper_have_the_noise_of_the_seeds_where_it_is_known() -> None:
    """It is the interval of a claim on the same number; with one seed it is that of the row, for the groups alone."""
    found = made(seeds=3)
    (claim,) = verdicts({"value": "good", "target": 0.2, "margin": 1}, found=found)
    rows = [{"experiment": "e0", "paper": {"error": 0.2}}]
    ours = claim["comparisons"][0]["ours"]
    (mark,), seeds_counted = table_marks(rows, found, [1], comparable=True)
    assert seeds_counted is True
    assert mark["difference_interval"] == pytest.approx(ours["total_interval"])
    assert ours["interval"][1] < ours["total_interval"][1]
    beside = [{"experiment": "e0", "paper": {"error": 0.2 + (ours["interval"][1] + ours["total_interval"][1]) / 200}}]
    assert table_marks(beside, found, [1], comparable=True)[0][0]["agrees"] == "within", (
        "though the groups alone say better"
    )
    found = made(seeds=1)
    summary = found["e0"].summary([1])
    assert summary is not None
    (mark,), seeds_counted = table_marks(rows, found, [1], comparable=True)
    assert seeds_counted is False
    assert mark["difference_interval"] == pytest.approx([100 * (end - 0.2) for end in summary["interval"]])


@pytest.mark.parametrize("classes", [56, 28])
def test_too_few_groups_mark_nothing(classes: int) -> None:
    """Groups alone in their class have an interval of no width, which every number lies outside of."""
    rows = [{"experiment": name, "paper": {"error": 0.9}} for name in ("e0", "e2")]
    marks, seeds_counted = table_marks(rows, made(classes=classes), [1], comparable=True)
    assert seeds_counted is None
    for mark in marks:
        assert (mark["difference_interval"], mark["agrees"], mark["best"]) == (None, None, None)


def test_no_row_agrees_where_nothing_is_comparable() -> None:
    """What is ours is still compared with what is ours, and the difference has its interval."""
    rows = [{"experiment": name, "paper": {"error": 0.9}} for name in ("e0", "e2")]
    marks, _ = table_marks(rows, made(), [1], comparable=False)
    assert [mark["agrees"] for mark in marks] == [None, None]
    assert [mark["best"] for mark in marks] == [True, False]
    assert all(mark["difference_interval"][1] < 0 for mark in marks)


def test_seeds_count_only_where_they_do_for_every_row() -> None:
    """One row of a model whose seeds were not varied is enough for a table not to say so."""
    found = made()
    alone = results(found["e1"].plain[1].wrong[None, :, :1], found["e1"].plain[1].groups, model="average_pool")
    rows = [{"experiment": name, "paper": {"error": None}} for name in ("e0", "e2")]
    assert table_marks(rows, found, [1], comparable=True)[1] is True
    rows.append({"experiment": "e1", "paper": {"error": None}})
    assert table_marks(rows, {**found, "e1": alone["e0"]}, [1], comparable=True)[1] is False
    assert table_marks(rows, {}, [1], comparable=True)[1] is None


def test_no_row_is_best_of_one() -> None:
    """Best needs something to be better than; a row without a run on all splits does not count."""
    rows = [{"experiment": name, "paper": {"error": None}} for name in ("e0", "e9")]
    assert [mark["best"] for mark in table_marks(rows, made(), [1], comparable=True)[0]] == [None, None]
    rows = [{"experiment": name, "paper": {"error": None}} for name in ("e0", "e1")]
    assert [mark["best"] for mark in table_marks(rows, made(), [1, 2], comparable=True)[0]] == [None, None]


def test_agreement_is_by_the_sign_of_the_interval() -> None:
    """Below zero ours has fewer errors than the paper."""
    assert [agreement(*ends) for ends in ((-2, -1), (-1, 1), (1, 2))] == ["better", "within", "worse"]
