"""Worth of measurements: exact in a linear toy, greedy beside all subsets, scales do not matter."""

from itertools import combinations

import numpy as np
import pytest

from temjax.regional.studies.design.worth import (
    Measurements,
    covariance_root,
    exhaustive,
    greedy,
    in_order,
    information,
    joint_gains,
    searchable,
)

RNG = np.random.default_rng(7)
SIZE, CANDIDATES = 5, 6
ONE = np.ones(1)


def toy(size=SIZE, candidates=CANDIDATES, targets=2):
    """Random covariance, gradients, Jacobians of three values each, and their errors."""
    mixing = RNG.standard_normal((size, size))
    covariance = mixing @ mixing.T + 0.1 * np.eye(size)
    gradients = RNG.standard_normal((targets, size))
    jacobians = RNG.standard_normal((candidates, 3, size))
    sds = RNG.uniform(0.3, 2.0, (candidates, 3))
    return covariance, gradients, jacobians, sds


def measurements(covariance, gradients, jacobians, sds):
    of_candidates = [information(j, sd, []) for j, sd in zip(jacobians, sds, strict=True)]
    return Measurements.of(covariance, gradients, of_candidates)


def test_worth_is_that_of_the_posterior_covariance():
    covariance, gradients, jacobians, sds = toy()
    chosen = [0, 3]
    precision = np.linalg.inv(covariance)
    for one in chosen:
        precision += jacobians[one].T @ np.diag(sds[one] ** -2.0) @ jacobians[one]
    after = np.linalg.inv(precision)
    expected = 1 - np.einsum("ti,ij,tj->t", gradients, after, gradients) / np.einsum(
        "ti,ij,tj->t", gradients, covariance, gradients
    )
    problem = measurements(covariance, gradients, jacobians, sds)
    assert problem.worths([chosen])[0] == pytest.approx(expected, rel=1e-10)
    left = np.diagonal(after) / np.diagonal(covariance)
    assert problem.variance_left(chosen) == pytest.approx(left, rel=1e-10)


def test_the_posterior_of_simulated_data_spreads_as_predicted():
    """Linear toy by brute force: truths, noisy data, exact fits; the error of t is the one told."""
    covariance, gradients, jacobians, sds = toy(targets=1)
    worth = measurements(covariance, gradients, jacobians, sds).worths([[1]])[0, 0]
    jacobian, sd, number = jacobians[1], sds[1], 20_000
    truth = RNG.standard_normal((number, SIZE)) @ covariance_root(covariance).T
    data = truth @ jacobian.T + sd * RNG.standard_normal((number, 3))
    gain = (
        covariance @ jacobian.T @ np.linalg.inv(jacobian @ covariance @ jacobian.T + np.diag(sd**2))
    )
    error = (data @ gain.T - truth) @ gradients[0]
    assert error.var() / (truth @ gradients[0]).var() == pytest.approx(1 - worth, rel=0.05)


def test_errors_that_values_share_count_once():
    jacobian = RNG.standard_normal((4, SIZE))
    independent, common = RNG.uniform(0.5, 1.0, 4), RNG.uniform(0.5, 1.0, (2, 4))
    errors = np.diag(independent**2) + common.T @ common
    expected = jacobian.T @ np.linalg.inv(errors) @ jacobian
    assert information(jacobian, independent, list(common)) == pytest.approx(expected, rel=1e-9)


def test_scales_of_the_numbers_do_not_matter():
    covariance, gradients, jacobians, sds = toy()
    scale = np.array([1e-4, 3.0, 1e5, 0.2, 7.0])
    scaled = (
        covariance * np.outer(scale, scale), gradients / scale, jacobians / scale, sds
    )  # fmt: skip
    subsets = [[0], [2, 4], [1, 3, 5]]
    own = measurements(covariance, gradients, jacobians, sds).worths(subsets)
    assert measurements(*scaled).worths(subsets) == pytest.approx(own, rel=1e-8)


def test_a_covariance_may_be_singular():
    """Two numbers that are one: measuring the first tells the second."""
    covariance = np.ones((2, 2))
    problem = Measurements.of(
        covariance, np.array([[0.0, 1.0]]), [information(np.array([[1.0, 0.0]]), ONE, [])]
    )
    assert problem.worths([[0]])[0] == pytest.approx([0.5])
    root = covariance_root(covariance)
    assert root @ root.T == pytest.approx(covariance)


def test_more_measurements_never_tell_less():
    problem = measurements(*toy())
    everything = problem.worths([range(CANDIDATES)])[0]
    for size in range(1, CANDIDATES):
        subsets = list(combinations(range(CANDIDATES), size))
        worths = problem.worths(subsets)
        assert (worths >= -1e-12).all()
        assert (worths <= everything + 1e-12).all()
        for subset, worth in zip(subsets, worths, strict=True):
            others = [n for n in range(CANDIDATES) if n not in subset]
            assert (problem.worths([[*subset, n] for n in others]) >= worth - 1e-12).all()


def test_gains_fall_where_each_measurement_sees_one_independent_number():
    """Without confusion the worth is submodular: what comes later adds less."""
    informations = [np.diag([2.0, 0, 0]), np.diag([0, 1.0, 0]), np.diag([0.5, 0, 3.0])]
    problem = Measurements.of(np.eye(3), np.array([[1.0, 2.0, 0.5]]), informations)
    assert (joint_gains(problem)[0] <= 1e-12).all()
    one, both = problem.worths([[0]])[0], problem.worths([[0, 2]])[0]
    assert both - one <= problem.worths([[2]])[0] + 1e-12


def test_two_that_tell_apart_what_is_confused_complement_each_other():
    """The first measures a sum, the second one of its terms: only both tell the other term."""
    accurate = 0.01 * ONE
    of_sum = information(np.array([[1.0, 1.0]]), accurate, [])
    of_term = information(np.array([[0.0, 1.0]]), accurate, [])
    problem = Measurements.of(np.eye(2), np.array([[1.0, 0.0]]), [of_sum, of_term])
    single = problem.worths([[0], [1]])[:, 0]
    assert single == pytest.approx([0.5, 0.0], abs=1e-3)
    gains = joint_gains(problem)[0]
    assert gains[0, 1] == gains[1, 0] == pytest.approx(0.5, abs=1e-3)
    assert gains[0, 0] == pytest.approx(-0.5, abs=1e-3)  # twice the same


def test_greedy_is_beside_the_best_of_all_subsets():
    problem, weights = measurements(*toy(candidates=8)), np.array([0.5, 0.5])
    choice = greedy(problem, 3, weights)
    scores = {s: problem.worths([s])[0] @ weights for s in combinations(range(8), 3)}
    best = exhaustive(problem, 3, weights)
    assert set(best.chosen) == set(max(scores, key=scores.get))
    assert best.worth[-1] @ weights == pytest.approx(max(scores.values()))
    first = problem.worths([[n] for n in range(8)]) @ weights
    assert choice.chosen[0] == int(np.argmax(first))
    assert choice.worth[-1] @ weights <= best.worth[-1] @ weights + 1e-12
    assert choice.worth[-1] @ weights >= 0.8 * best.worth[-1] @ weights


def test_greedy_misses_a_pair_that_only_together_tells_much():
    accurate = 0.01 * ONE
    informations = [
        information(np.array([[1.0, 3.0]]), accurate, []),
        information(np.array([[0.0, 1.0]]), accurate, []),
        information(np.array([[1.0, 0.0]]), 1.2 * ONE, []),
    ]
    problem = Measurements.of(np.eye(2), np.array([[1.0, 0.0]]), informations)
    assert greedy(problem, 2, ONE).worth[-1, 0] < 0.6
    best = exhaustive(problem, 2, ONE)
    assert set(best.chosen) == {0, 1}
    assert best.worth[-1, 0] > 0.99


def test_of_many_candidates_the_chosen_and_the_best_alone_are_searched():
    problem, weights = measurements(*toy(candidates=9)), np.array([1.0, 0.0])
    choice = greedy(problem, 3, weights)
    pool = searchable(problem, choice, weights, most=20)
    assert len(pool) == 6  # 20 subsets of three
    assert pool[:3] == list(choice.chosen)
    alone = problem.worths([[n] for n in range(9)])[:, 0]
    assert set(pool[3:]) == set(sorted(set(range(9)) - set(pool[:3]), key=lambda n: -alone[n])[:3])
    assert set(exhaustive(problem, 3, weights, pool).chosen) <= set(pool)
    assert sorted(searchable(problem, choice, weights)) == list(range(9))


def test_choice_ends_where_nothing_adds():
    informations = [np.diag([1.0, 0.0]), np.zeros((2, 2))]
    problem = Measurements.of(np.eye(2), np.array([[1.0, 0.0]]), informations)
    assert greedy(problem, 5, ONE).chosen == (0,)
    assert set(exhaustive(problem, 5, ONE).chosen) == {0, 1}
    assert in_order(problem, (1, 0), ONE).chosen == (0, 1)


def test_a_target_that_nothing_moves_is_refused():
    with pytest.raises(ValueError, match="does not depend"):
        Measurements.of(np.eye(2), np.zeros((1, 2)), [np.eye(2)])
