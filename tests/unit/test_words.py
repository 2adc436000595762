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
    [(0.0001, "< 0.001"), (0.001, "0.001"), (0.0312, "0.031"), (0.0996, "0.10"), (1.0, "1.00"), (None, "\u2013")],
)
def test_probabilities(value: float | None, text: str) -> None:
    """A small p is never said to be zero."""
    assert words.probability(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.012, "0.012 h"), (0.5, "0.5 h"), (99.96, "100 h"), (1234.5, "1,234 h"), (None, "\u2013")]
)
def test_hours(value: float | None, text: str) -> None:
    """GPU-hours of a demo and of a cluster."""
    assert words.hours(value) == text
