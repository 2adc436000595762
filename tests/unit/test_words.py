"""How the report writes numbers."""

from __future__ import annotations

import pytest

from recurrent_residual.report import words


@pytest.mark.parametrize(
    ("value", "text"), [(1.26, "+1.3"), (-1.26, "\u22121.3"), (0.04, "0.0"), (-0.04, "0.0"), (None, "\u2013")]
)
def test_points_carry_their_sign(value: float | None, text: str) -> None:
    """A difference that rounds to nothing has no sign."""
    assert words.points(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.04, "< 0.1 s"),
        (4.24, "4.2 s"),
        (59.99, "1 min 0 s"),
        (725, "12 min 5 s"),
        (12_000, "3 h 20 min"),
        (None, "\u2013"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    """Times in the unit that fits; what took a moment did not take none."""
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("joules", "text"),
    [(1800, "0.5 Wh"), (43_200, "12 Wh"), (3.5e6, "972 Wh"), (3.6e6, "1.0 kWh"), (5.4e9, "1,500.0 kWh"), (None, "–")],
)
def test_energies(joules: float | None, text: str) -> None:
    """Energy in the unit that fits."""
    assert words.energy(joules) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0001, "< 0.001"), (0.001, "0.0010"), (0.0062, "0.0062"), (0.0312, "0.031"), (0.00996, "0.010"),
        (0.0996, "0.10"), (1.0, "1.00"), (None, "\u2013"),
    ],
)  # fmt: skip
def test_probabilities(value: float | None, text: str) -> None:
    """A small p is never said to be zero."""
    assert words.probability(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0062, "\u2264 0.0062"), (0.0002, "< 0.001"), (None, "\u2013")])
def test_a_probability_at_the_floor_is_a_bound(value: float | None, text: str) -> None:
    """A bootstrap of so many draws can give no smaller p, which is not to say that it is the p."""
    assert words.probability(value, floor=True) == text


@pytest.mark.parametrize(("value", "text"), [(0.2364, "0.236"), (0.0625, "0.062"), (0.1255, "0.126"), (None, "\u2013")])
def test_errors_have_three_digits(value: float | None, text: str) -> None:
    """As the paper prints them."""
    assert words.error(value) == text


def test_equal_errors_are_written_alike() -> None:
    """A mean that is 1/16 but for the last bit is not another number than 1/16."""
    assert words.error((0.0625 + 1e-16) * 3 / 3 + 1e-17) == words.error(0.0625) == words.error(0.0625 + 1e-12)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([2], "split 2"), ([1, 2], "splits 1 and 2"), ([1, 3], "splits 1 and 3"), ([1, 2, 3], "splits 1\u20133"),
        ([1, 2, 4], "splits 1, 2 and 4"),
    ],
)  # fmt: skip
def test_splits(numbers: list[int], text: str) -> None:
    """A dash only where no split between is left out."""
    assert words.splits(numbers) == text


@pytest.mark.parametrize(
    ("size", "text"), [(310 * 2**20, "310 MiB"), (2**30, "1.0 GiB"), (19_756_849_562, "18.4 GiB"), (None, "\u2013")]
)
def test_memory(size: int | None, text: str) -> None:
    """In the unit that fits."""
    assert words.memory(size) == text


def test_an_interval_of_per_cent_has_its_unit_once() -> None:
    """As a range is written."""
    assert words.percent_interval([-22.34, 1.25]) == "\u221222.3 to +1.2 %"


def test_agreements_differ() -> None:
    """Three answers, three wordings; that a number lies within an interval is not called agreement."""
    said = [words.agreement(name) for name in ("within", "better", "worse")]
    assert len(set(said)) == 3 and "agree" not in " ".join(said)


@pytest.mark.parametrize(("value", "text"), [(0.0, "0\u00a0%"), (0.996, "100\u00a0%"), (None, "\u2013")])
def test_shares(value: float | None, text: str) -> None:
    """A probability in per cent."""
    assert words.share(value) == text


def test_a_commit_is_cut_and_its_changes_are_kept() -> None:
    """A short name that hid the changes would be a lie."""
    assert words.commit("0123456789abcdef") == "0123456789"
    assert words.commit("0123456789abcdef+changes") == "0123456789+changes"


def test_moments() -> None:
    """To the minute, with the time zone."""
    assert words.moment("2026-11-20T08:15:42+00:00") == "2026-11-20 08:15 UTC"
    assert words.moment(None) == "\u2013"


@pytest.mark.parametrize(("text", "said"), [("no skip", "No skip"), ("ResNet", "ResNet"), ("", "")])
def test_a_sentence_begins_with_a_capital(text: str, said: str) -> None:
    """And keeps the rest as it is."""
    assert words.sentence(text) == said


@pytest.mark.parametrize(
    ("value", "text"), [(0.012, "0.012 h"), (0.5, "0.5 h"), (99.96, "100 h"), (1234.5, "1,234 h"), (None, "\u2013")]
)
def test_hours(value: float | None, text: str) -> None:
    """GPU-hours of a demo and of a cluster."""
    assert words.hours(value) == text
