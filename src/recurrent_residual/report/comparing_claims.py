"""What changed between the claims of two reports: what is claimed, and what the runs say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recurrent_residual.report.differing import differing, flat

RESULTS = frozenset({"verdict", "reason", "headline", "splits", "error", "ours"})
"""What the runs say of a claim; all else is what is claimed (claims.yaml)."""


def claim_changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """What `comparing.compare` says of the claims of the reports `a` and `b`."""
    claims = [{claim["id"]: claim for claim in report["claims"]} for report in (a, b)]
    both = [(key, claim, claims[1][key]) for key, claim in claims[0].items() if key in claims[1]]
    return {
        "claims": [
            {**item, "what": f"{key}.{item['what']}"}
            for key, *pair in both
            for item in differing(*(flat(_claimed(claim)) for claim in pair))
        ],
        "verdicts": [
            {
                "id": key,
                "text": one["text"],
                "a": one["verdict"],
                "b": other["verdict"],
                "a_reason": one["reason"],
                "b_reason": other["reason"],
            }
            for key, one, other in both
            if one["verdict"] != other["verdict"]
        ],
        "reasons": [
            {"what": key, "a": one["reason"], "b": other["reason"]}
            for key, one, other in both
            if one["verdict"] == other["verdict"] and one["reason"] != other["reason"]
        ],
        "claims_only_a": [key for key in claims[0] if key not in claims[1]],
        "claims_only_b": [key for key in claims[1] if key not in claims[0]],
    }


def _claimed(value: Any) -> Any:
    """A claim without what the runs say of it; its comparisons by their numbers, from 1."""
    if isinstance(value, Mapping):
        return {key: _claimed(item) for key, item in value.items() if key not in RESULTS}
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return {str(number): _claimed(item) for number, item in enumerate(value, start=1)}
    return value
