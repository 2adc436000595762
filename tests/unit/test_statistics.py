"""The statistics against cases with a known answer, and for coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from made_errors import World, results, world
from scipy import stats

from recurrent_residual.effects import Comparer, Side, seed_noise_by_model
from recurrent_residual.statistics import RESAMPLES
from recurrent_residual.statistics.groups import Groups, interval, p_value
from recurrent_residual.statistics.seeds import pooled
from recurrent_residual.statistics.tests import holm, mcnemar

COVERS = (0.93, 0.97)


def test_groups_of_the_same_name_in_two_classes_are_two() -> None:
    """HMDB-51 numbers its groups within a class."""
    groups = Groups.of(np.array(["g1", "g2", "g1", "g1"]), np.array([5, 5, 9, 5]))
    assert groups.count == 3
    assert groups.of_class.tolist() == [0, 0, 1]
    assert groups.of_clip.tolist() == [0, 1, 2, 0]
    assert groups.degrees == 1, "a group alone in its class tells nothing about chance"


def test_variance_of_a_case_worked_by_hand() -> None:
    """Two classes of two groups of one clip: sum over classes of 2 x s^2, over 4^2, is (2 x 1/2 + 2 x 0) / 16."""
    groups = Groups(np.arange(4), np.array([0, 0, 1, 1]))
    assert groups.variance(np.array([[0.0], [1.0], [1.0], [1.0]])) == pytest.approx([1 / 16])


def test_resampling_has_the_unbiased_variance_within_classes() -> None:
    """Seven groups a class drawn seven at a time would give 6/7 of it; Student's spread is the only factor left."""
    made = world(8, seed=1)
    wrong = made.wrong(np.random.default_rng(2), 20)[0, :, :, 0].astype(float)
    samples = made.groups.resample(wrong, seed=1)
    ratio = samples.var(axis=0) / (made.groups.variance(wrong) * made.groups.spread**2)
    assert ratio == pytest.approx(np.ones(20), rel=0.06)
    assert ratio.mean() == pytest.approx(1, rel=0.02)


def test_what_is_the_same_in_all_groups_of_a_class_adds_nothing() -> None:
    """The classes are fixed: that one is hard and another easy is no chance."""
    groups = Groups(np.arange(28), np.repeat(np.arange(4), 7))
    samples = groups.resample(np.repeat([0.0, 1.0, 0.0, 1.0], 7)[:, None], seed=1)
    assert samples == pytest.approx(np.full((RESAMPLES, 1), 0.5))


def test_draws_keep_each_class_and_leave_lone_groups_alone() -> None:
    """Each class counts as much as it has groups in every draw, and a class of one group always once."""
    groups = Groups(np.arange(8), np.array([0, 0, 0, 0, 1, 2, 2, 2]))
    draws = groups.draw(seed=1, size=50)
    for of_class, count in ((0, 4), (1, 1), (2, 3)):
        assert draws[:, groups.of_class == of_class].sum(axis=1) == pytest.approx(np.full(50, count))
    assert np.all(draws[:, 4] == 1)
    assert np.array_equal(draws, groups.draw(seed=1, size=50))
    assert not np.array_equal(draws, groups.draw(seed=2, size=50))


def test_agrees_with_scipy_where_groups_are_clips() -> None:
    """One class of 300 groups of one clip each is an ordinary bootstrap."""
    wrong = np.random.default_rng(3).random(300) < 0.2
    ours = interval(Groups(np.arange(300), np.zeros(300, int)).resample(wrong[:, None], seed=1)[:, 0])
    theirs = stats.bootstrap((wrong,), np.mean, method="percentile", rng=np.random.default_rng(4)).confidence_interval
    assert ours == pytest.approx(list(theirs), abs=0.004)


def test_rows_on_the_same_clips_see_the_same_draws() -> None:
    """A constant difference has no variance, so rows are paired; a row alone gives what it gives beside others."""
    made = world(8, seed=5)
    wrong = made.wrong(np.random.default_rng(6), 1)[0, :, 0, :].astype(float)
    samples = made.groups.resample(np.hstack([wrong, wrong + 0.25]), seed=1)
    assert samples[:, 1] - samples[:, 0] == pytest.approx(np.full(RESAMPLES, 0.25))
    assert made.groups.resample(wrong, seed=1)[:, 0] == pytest.approx(samples[:, 0], abs=1e-12)


@pytest.mark.parametrize("classes", [8, 101])
def test_intervals_over_groups_cover(classes: int) -> None:
    """56 and 707 groups: the 95 % interval holds the truth of an error and of a difference in 93 to 97 of 100 sets."""
    made, sets = world(classes, seed=classes), 800
    wrong = made.wrong(np.random.default_rng(7), sets)[..., 0]
    truth, draws = made.truth(), made.groups.draw(seed=1, size=2000)
    for values, true in ((wrong[0].astype(float), truth[0]), (wrong[0].astype(float) - wrong[1], truth[0] - truth[1])):
        samples = (draws @ made.groups.totals(values)) / (draws @ made.sizes)[:, None]
        assert COVERS[0] <= covered(samples, true) <= COVERS[1]


def test_intervals_over_clips_would_not_cover() -> None:
    """Why groups: clips of a group are right or wrong together, and drawing clips makes the interval too narrow."""
    made, sets = world(8, seed=8), 400
    wrong = made.wrong(np.random.default_rng(9), sets)[0, :, :, 0].astype(float)
    clips = Groups(np.arange(len(wrong)), made.groups.of_class[made.groups.of_clip])
    assert covered(clips.resample(wrong, seed=1, size=2000), made.truth()[0]) < 0.9


def test_intervals_of_groups_and_seeds_cover_where_groups_alone_do_not() -> None:
    """Five seeds each of two models: with the noise of the seeds the interval of the difference covers."""
    made, sets = world(8, seed=4, seed_shift=0.25, seed_on_groups=0.3), 500
    wrong = made.wrong(np.random.default_rng(10), sets, seeds=5)  # (models, clips, sets, seeds)
    truth = float(np.diff(made.truth())[0])
    every = results(wrong.transpose(2, 0, 1, 3).reshape(2 * sets, len(wrong[0]), 5), made.groups)
    ends: dict[str, list[list[float]]] = {"groups": [], "total": []}
    for number in range(sets):
        first, second = f"e{2 * number + 1}", f"e{2 * number}"
        comparer = Comparer({name: every[name] for name in (first, second)})
        effect = comparer.effect(Side((first,)), Side((second,)), [1])
        assert effect.total is not None
        ends["groups"].append(interval(effect.groups[0] - effect.groups[1]))
        ends["total"].append(interval(effect.total[0] - effect.total[1]))
    share = {kind: np.mean([low <= truth <= high for low, high in of_kind]) for kind, of_kind in ends.items()}
    assert COVERS[0] <= share["total"] <= COVERS[1]
    assert share["groups"] < 0.9


def covered(samples: np.ndarray, truth: float) -> float:
    """The share of columns whose interval holds the truth."""
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    return float(np.mean((low <= truth) & (truth <= high)))


def test_p_of_a_boundary() -> None:
    """Never zero, one for a draw with itself, and no less than one where the draws lie on the other side."""
    shifted = np.linspace(0.5, 1.5, 999)
    assert p_value(shifted) == pytest.approx(2 / 1000)
    assert p_value(-shifted) == 1.0
    assert p_value(np.zeros(999)) == 1.0, "two rows with the same errors do not differ"
    assert p_value(np.zeros(999) + 1e-14) == 1.0, "nor do they by what rounding leaves"
    assert p_value(shifted - 1) > 0.9
    tenth = np.r_[np.full(100, -1.0), np.full(899, 1.0)]
    assert p_value(tenth) == pytest.approx(2 * 101 / 1000)


def test_interval_and_p_agree() -> None:
    """The interval leaves out zero where p is below 5 %."""
    rng = np.random.default_rng(11)
    for centre in np.linspace(0, 4, 41):
        samples = rng.normal(centre, 1, 4000)
        low, _ = interval(samples)
        if not 0.045 < (p := p_value(samples)) < 0.055:
            assert (low > 0) == (p < 0.05)


@pytest.mark.parametrize(("first_only", "second_only"), [(0, 0), (3, 12), (40, 41), (200, 120)])
def test_mcnemar_is_the_binomial_test_of_the_clips_that_differ(first_only: int, second_only: int) -> None:
    """Clips that both got right or both wrong say nothing."""
    both = np.r_[np.full(7, True), np.full(50, False)]
    first = np.r_[both, np.full(first_only, True), np.full(second_only, False)]
    second = np.r_[both, np.full(first_only, False), np.full(second_only, True)]
    found = mcnemar(first, second)
    differ = first_only + second_only
    assert (found["first_only"], found["second_only"]) == (first_only, second_only)
    assert found["p"] == pytest.approx(stats.binomtest(first_only, differ).pvalue if differ else 1.0)


def test_holm_by_hand() -> None:
    """0.01 x 4; 0.013 x 3 = 0.039, not below the one before; 0.03 x 2; 0.04 x 1, not below 0.06."""
    assert holm([0.03, 0.01, 0.04, 0.013]) == pytest.approx([0.06, 0.04, 0.06, 0.04])
    assert holm([]) == []
    assert holm([0.7, 0.8]) == [1.0, 1.0]


def test_seed_noise_is_pooled_within_splits_and_experiments() -> None:
    """Two experiments, 0.1 and 0.3 apart within: the gap between them does not count, and one seed adds nothing."""
    groups = Groups(np.arange(10), np.repeat([0, 1], 5))

    def wrong(*counts: int) -> np.ndarray:
        return np.stack([np.arange(10) < count for count in counts], axis=1)

    noise = pooled([(wrong(1, 2), groups), (wrong(6, 9), groups), (wrong(4), groups)])
    assert noise is not None
    assert noise.degrees == 2
    assert noise.variance == pytest.approx((2 * 0.05**2 + 2 * 0.15**2) / 2)
    assert pooled([(wrong(4), groups)]) is None


def test_seed_noise_that_lies_on_single_groups_is_not_counted_twice() -> None:
    """Seeds that err on other groups by chance: drawing groups holds that noise, so hardly anything is added."""
    made = World(101, np.zeros(101), np.full(707, 4), seed_on_groups=2.0)
    tests = [(of_set, made.groups) for of_set in made.wrong(np.random.default_rng(12), 20, seeds=5)[0].swapaxes(0, 1)]
    noise = pooled(tests)
    assert noise is not None
    assert noise.of_groups == pytest.approx(noise.variance, rel=0.35)
    shared = World(101, np.zeros(101), np.full(707, 4), seed_shift=0.3)
    noise = pooled([(s, shared.groups) for s in shared.wrong(np.random.default_rng(13), 20, seeds=5)[0].swapaxes(0, 1)])
    assert noise is not None
    assert noise.of_groups < 0.1 * noise.variance


def test_one_seed_each_leaves_the_noise_of_seeds_unknown() -> None:
    """The interval over groups is there; a total would be made up."""
    made = world(8, seed=14)
    wrong = made.wrong(np.random.default_rng(15), 1)[:, :, 0]
    every = results(wrong, made.groups)
    effect = Comparer(every).effect(Side(("e0",)), Side(("e1",)), [1])
    assert (effect.total, effect.seed_error) == (None, None)
    assert seed_noise_by_model(every) == {}
    assert np.ptp(effect.groups[0]) > 0


def test_another_model_s_seeds_do_not_lend_their_noise() -> None:
    """A comparison with a model whose seeds were not varied has no total."""
    made = world(8, seed=16)
    wrong = made.wrong(np.random.default_rng(17), 1, seeds=3)[:, :, 0]
    networks = results(wrong, made.groups)
    baseline = results(wrong[:1, :, :1], made.groups, model="average_pool")["e0"]
    comparer = Comparer({**networks, "baseline": baseline})
    assert comparer.effect(Side(("e0",)), Side(("baseline",)), [1]).total is None
    assert comparer.effect(Side(("e0",)), Side(("e1",)), [1]).total is not None
    assert comparer.effect(Side(("e0",)), Side(printed=0.2), [1]).total is not None, "a printed number has no seed"
    assert list(seed_noise_by_model({**networks, "baseline": baseline})) == ["recurrent_resnet"]


def test_a_row_beside_itself_differs_by_nothing() -> None:
    """The same trainings stand on both sides, so their seeds cancel."""
    made = world(8, seed=18)
    every = results(made.wrong(np.random.default_rng(19), 1, seeds=3)[:, :, 0], made.groups)
    effect = Comparer(every).effect(Side(("e0",)), Side(("e0",)), [1])
    assert effect.total is not None
    assert np.all(effect.total[0] == effect.total[1])
    assert effect.seed_error == 0
