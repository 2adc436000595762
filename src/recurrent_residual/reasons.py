"""One sentence from a comparison's numbers: why a claim holds, does not hold or cannot be told.

Amounts are printed without a sign and with a word (lower, higher), so that no reader has to know which side was
subtracted from which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recurrent_residual.report.words import probability
from recurrent_residual.statistics import LEVEL

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told"


def reason(comparison: Mapping[str, Any], verdict: str, *, tests: int, of: int, comparable: bool = True) -> str:
    """The sentence.

    Args:
        comparison: the one that decided, with its "doubt" and whether the estimate is on the "claimed" side.
        verdict: the claim's, as its numbers have it.
        tests: comparisons that the p-values are corrected for.
        of: comparisons of the claim.
        comparable: whether the report's numbers may stand beside the paper's; if not, the effect is told, and no more.
    """
    doubt = comparison["doubt"]
    if doubt and (comparable or doubt["why"] != "seeds"):
        text = _doubted(comparison, doubt)
    else:
        text = _told(comparison, verdict, tests) if comparable else _measured(comparison)
        if of > 1:
            which = {HOLDS: "closest", FAILS: "clearest", OPEN: "least certain"}[verdict]
            text = f"in the {which} of {of} comparisons, {text}"
    if not comparable:
        text = f"these numbers are not comparable with the paper's; here {text}"
    return text[0].upper() + text[1:] + "."


def _doubted(comparison: Mapping[str, Any], doubt: Mapping[str, Any]) -> str:
    if doubt["why"] == "not run":
        return ", and ".join(_absent(side) for side in doubt["sides"])
    if doubt["why"] == "no common split":
        if not doubt["sides"]:
            return f"no split was run with both {_label(comparison['first'])} and {_label(comparison['second'])}"
        return ", and ".join(_apart(side) for side in doubt["sides"])
    if doubt["why"] == "splits":
        lacking = doubt["lacking"]
        which = f"split{'s'[: len(lacking) > 1]} {_listed(lacking)} {'were' if len(lacking) > 1 else 'was'} not run"
        return f"the claim is about splits {_listed(doubt['wanted'])}, and {which}"
    if doubt["why"] == "no errors":
        return f"with {_label(comparison['second'])} there is no error of which the change could be a percentage"
    if doubt["why"] == "few groups":
        return (
            f"the {_counted(doubt['groups'], 'group')} of test clips have only "
            f"{_counted(doubt['degrees'], 'degree')} of freedom within their classes to compare "
            f"{_label(comparison['first'])} with {_label(comparison['second'])}, and an interval needs "
            f"{doubt['needed']}"
        )
    return (
        f"{_measured(comparison)}, but how much another seed would change that was not measured; set seeds to two or "
        "more for a split"
    )


def _measured(comparison: Mapping[str, Any]) -> str:
    """Effect and interval, whatever they are worth."""
    if comparison["ours"]["total_interval"] is not None:
        return f"{_effect(comparison)} ({_interval(comparison)})"
    return f"{_effect(comparison)} ({_interval(comparison, of_groups=True)}, for the choice of test groups alone)"


def _absent(side: Mapping[str, Any]) -> str:
    rows = _listed(side["absent"])
    if side["shuffled"]:
        return f"there is no finished test of {rows} with shuffled frames"
    if len(side["absent"]) == len(side["rows"]):
        return f"there is no finished run for {side['label']} ({rows})"
    return (
        f"there is no finished run for {rows}, {len(side['absent'])} of the {len(side['rows'])} rows of {side['label']}"
    )


def _apart(side: Mapping[str, Any]) -> str:
    rows = _listed(side["rows"])
    if side["shuffled"]:
        return f"{rows} were not tested with shuffled frames on a common split"
    return f"the rows of {side['label']} ({rows}) were not run on a common split"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s'[: number != 1]}"


def _listed(items: Sequence[Any]) -> str:
    *most, last = map(str, items)
    return f"{', '.join(most)} and {last}" if most else last


def _told(comparison: Mapping[str, Any], verdict: str, tests: int) -> str:
    """Effect, interval and p; or the interval that leaves it open."""
    ours, kind, margin = comparison["ours"], comparison["kind"], comparison["margin"]
    p = f"p {_p(ours)} after Holm's correction"
    if verdict != OPEN:
        sentence = f"{_effect(comparison)} ({_interval(comparison)}, {p})"
        return (
            sentence
            if kind == "order"
            else f"{sentence}, {'within' if verdict == HOLDS else 'more than'} "
            + _margin(comparison, "of" if verdict == HOLDS else "from")
        )
    low, high = _ends(comparison)
    if kind == "order" and _tie(comparison):
        return _measured(comparison)
    if kind == "order":
        crossed = "includes zero" if low <= 0 <= high else None
    else:
        centre = comparison["target"] if kind == "relative" else 0
        overlaps, contained = (
            low < centre + margin and high > centre - margin,
            max(centre - low, high - centre) < margin,
        )
        crossed = None
        if overlaps and not contained:
            crossed = (
                f"reaches {'beyond' if comparison['claimed'] else 'into'} the margin of {_margin(comparison, 'of')}"
            )
    if crossed:
        return f"{_effect(comparison)}, but the {_interval(comparison, spelled=True)} {crossed}"
    return f"{_effect(comparison)} ({_interval(comparison)}), but {p} for {tests} comparisons is too large"


def _effect(comparison: Mapping[str, Any]) -> str:
    first, second, ours = _label(comparison["first"]), _label(comparison["second"]), comparison["ours"]
    if comparison["kind"] == "value":
        return f"with {first} the error is {comparison['target'] + ours['points'] / 100:.3f}"
    if _tie(comparison):
        return f"with {first} the error is the same as with {second}"
    relative = comparison["kind"] == "relative"
    amount = _amount(ours["relative"], " %") if relative else _amount(ours["points"], " points")
    return f"with {first} the error is {amount} {_word(ours['points'])} than with {second}"


def _margin(comparison: Mapping[str, Any], word: str) -> str:
    """The margin in words: "1 point", "8 percentage points of the claimed 17 % lower"."""
    margin, kind = comparison["margin"], comparison["kind"]
    points = f"{margin:g} {'percentage ' * (kind == 'relative')}point{'s'[: margin != 1]}"
    if kind == "equal":
        return points
    if kind == "relative":
        return f"{points} {word} the claimed {abs(comparison['target']):g} % {_word(comparison['target'])}"
    return f"{points} {word} {_label(comparison['second'])}"


def _ends(comparison: Mapping[str, Any], *, of_groups: bool = False) -> Sequence[float]:
    """The ends of the interval: per cent for a relative comparison, else points."""
    ours = comparison["ours"]
    if comparison["kind"] == "relative":
        return ours["relative_interval"]
    return ours["interval"] if of_groups or ours["total_interval"] is None else ours["total_interval"]


def _interval(comparison: Mapping[str, Any], *, of_groups: bool = False, spelled: bool = False) -> str:
    """The interval; its ends with words where they differ in direction from the effect, or where `spelled`."""
    low, high = _ends(comparison, of_groups=of_groups)
    name = f"{LEVEL:.0%} interval".replace("%", " %")
    if comparison["kind"] == "value":
        return f"{name} {comparison['target'] + low / 100:.3f} to {comparison['target'] + high / 100:.3f}"
    unit = " %" if comparison["kind"] == "relative" else " points"
    if low < 0 < high:
        return f"{name} from {_amount(low, unit)} lower to {_amount(high, unit)} higher"
    near, far = sorted((abs(low), abs(high)))
    if spelled or _tie(comparison) or (low + high) * comparison["ours"]["points"] < 0:
        unit += f" {_word(low + high)}" if far >= 0.05 else ""
    else:
        unit = ""
    return f"{name} {near:.1f} to {far:.1f}{unit}"


def _tie(comparison: Mapping[str, Any]) -> bool:
    """Whether both sides have the same error, but for what rounding leaves."""
    return comparison["kind"] != "value" and abs(comparison["ours"]["points"]) < 1e-7


def _amount(value: float, unit: str) -> str:
    return f"{abs(value):.1f}{unit}" if abs(value) >= 0.05 else f"less than 0.1{unit}"


def _word(difference: float) -> str:
    return "lower" if difference < 0 else "higher"


def _p(ours: Mapping[str, Any]) -> str:
    """A corrected p as the tables print it, with its sign."""
    printed = probability(ours["p_holm"], ours["p_floor"])
    return printed if printed[0] in "<≤" else f"= {printed}"


def _label(side: Mapping[str, Any]) -> str:
    return f"{side['label']} ({side['published']})" if side["published"] is not None and side["rows"] else side["label"]
