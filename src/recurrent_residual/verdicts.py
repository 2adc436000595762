"""Which claims hold in our runs: "holds", "does not hold" or "cannot be told".

A comparison is told where its p, corrected by Holm's method for all comparisons of the report, is significant; which
side the estimate is on says what. A claim holds where all of its comparisons do, and does not where one does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recurrent_residual.claims import pairs
from recurrent_residual.comparisons import Comparisons
from recurrent_residual.experiment_results import Result
from recurrent_residual.reasons import FAILS, HOLDS, OPEN, reason
from recurrent_residual.statistics import LEAST, LEVEL
from recurrent_residual.statistics.tests import holm

SHOWN = ("kind", "first", "second", "paper", "margin", "margin_why", "target", "ours")


def judge(
    claims: Mapping[str, Any],
    *,
    paper: Mapping[str, Any],
    owners: Mapping[str, str],
    results: Mapping[str, Result],
    splits: Sequence[int],
    comparable: bool,
) -> list[dict[str, Any]]:
    """Every claim with its verdict, a sentence why, and its comparisons.

    Args:
        claims: what `read_claims` gave.
        paper: `paper.yaml`.
        owners: the experiment that stands in each row (`row_owners`).
        results: the experiments that were run.
        splits: those of the report; a comparison uses all on which both of its sides were tested.
        comparable: whether the report's numbers may stand beside the paper's; if not, no claim can be told.
    """
    comparisons = Comparisons(claims["sides"], paper=paper, owners=owners, results=results, splits=splits)
    compared = [
        [comparisons.compare(pair, wanted=claim.get("splits", [])) for pair in pairs(claim)]
        for claim in claims["claims"]
    ]
    tested = [comparison for of_claim in compared for comparison in of_claim if comparison["ours"]]
    for comparison, p in zip(tested, holm([comparison["ours"]["p"] for comparison in tested]), strict=True):
        comparison["ours"] |= {"p_holm": p, "p_floor": p <= len(tested) * LEAST * (1 + 1e-9)}
    return [
        _judged(claim, of_claim, tests=len(tested), comparable=comparable)
        for claim, of_claim in zip(claims["claims"], compared, strict=True)
    ]


def _judged(
    claim: Mapping[str, Any], compared: Sequence[Mapping[str, Any]], *, tests: int, comparable: bool
) -> dict[str, Any]:
    """A claim with its verdict, for which all `tests` of the report were corrected."""
    verdicts = [_verdict(comparison) for comparison in compared]
    verdict = next(verdict for verdict in (FAILS, OPEN, HOLDS) if verdict in verdicts)
    headline = _headline(compared, verdicts, verdict)
    because = reason(compared[headline], verdict, tests=tests, of=len(compared), comparable=comparable)
    if not comparable:
        verdict, verdicts = OPEN, [OPEN] * len(compared)
    return {
        **{key: claim[key] for key in ("id", "text", "quote", "place", "source")},
        "caveat": claim.get("caveat"),
        "verdict": verdict,
        "reason": because,
        "splits": compared[headline]["splits"],
        "headline": headline,
        "comparisons": [
            {**{key: comparison[key] for key in SHOWN}, "verdict": verdict}
            for comparison, verdict in zip(compared, verdicts, strict=True)
        ],
    }


def _verdict(comparison: Mapping[str, Any]) -> str:
    if comparison["doubt"] or comparison["ours"]["p_holm"] >= 1 - LEVEL:
        return OPEN
    return HOLDS if comparison["claimed"] else FAILS


def _headline(compared: Sequence[Mapping[str, Any]], verdicts: Sequence[str], verdict: str) -> int:
    """The comparison that decided: of those that fail the clearest, else the weakest; for want of data before all."""

    def weakness(index: int) -> tuple[bool, bool, float, float]:
        comparison = compared[index]
        doubted, ours = comparison["doubt"] is not None, comparison["ours"]
        return (doubted, False, ours["p_holm"], -abs(ours["points"])) if ours else (doubted, True, 1.0, 0.0)

    deciding = [index for index in range(len(compared)) if verdicts[index] == verdict]
    return (min if verdict == FAILS else max)(deciding, key=weakness)
