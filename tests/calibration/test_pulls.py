"""Pulls of data on parameters: they balance, and say which kind asks for what."""

import numpy as np
import pytest

from temjax.calibration import JointObjective, fit
from temjax.calibration.pull_figure import pull_figure
from temjax.calibration.pulls import data_pulls
from tests.support.linear_parts import LinearPart, wide_free

NAMES = ("cmax_scale", "kdc_scale")


@pytest.fixture(scope="module")
def pulls():
    """Two places whose NEP asks for 2 and whose stocks ask for −1 of the first parameter."""
    one = np.array([[3.0, 0.0], [0.0, 2.0], [4.0, 0.0]])
    observed = np.array([6.0, 2.0, -4.0])
    parts = tuple(
        LinearPart(name, wide_free(NAMES), one, observed, ("net_ecosystem_production", "stock"))
        for name in ("a", "b")
    )
    return data_pulls(fit(JointObjective.of(parts, NAMES), starts=2, steps=40, tolerance=1e-14))


def test_pulls_and_prior_balance_at_the_optimum(pulls):
    np.testing.assert_allclose(pulls.rest, 0, atol=1e-4)
    np.testing.assert_allclose(pulls.by_source.sum(axis=1), pulls.by_kind.sum(axis=1))
    np.testing.assert_allclose(pulls.by_part.sum(axis=1), pulls.by_kind.sum(axis=1))
    assert [(one.part, one.target, one.count) for one in pulls.sources] == [
        ("a", "net_ecosystem_production", 2), ("a", "stock", 1),
        ("b", "net_ecosystem_production", 2), ("b", "stock", 1),
    ]  # fmt: skip


def test_pulls_are_minus_the_derivative_of_the_share(pulls):
    x = pulls.shift[0]
    np.testing.assert_allclose(pulls.by_kind[0], [-18 * (x - 2), -32 * (x + 1)], rtol=1e-6)
    assert x == pytest.approx((36 - 32) / 51, abs=1e-5)


def test_what_a_kind_asks_for_alone(pulls):
    """The residuals are linear: one step is the optimum of that kind and the prior."""
    np.testing.assert_allclose(pulls.alone[0], [36 / 19, -32 / 33], rtol=1e-6)
    np.testing.assert_allclose(pulls.alone[1], [8 / 9, 0.0], atol=1e-4)


def test_the_conflict_in_words_and_rows(pulls):
    assert pulls.strongest() == [0]
    (line,) = pulls.lines()
    assert line.startswith("cmax_scale 0.0784: pulled by ")
    assert "net ecosystem production +34.6" in line and "stock -34.5" in line
    assert "prior -0.1; alone they ask for net ecosystem production 1.89, stock -0.97" in line
    rows = pulls.rows()
    assert len(rows) == 2 * (4 + 2)
    assert sum(row["pull"] for row in rows if row["parameter"] == "cmax_scale") == pytest.approx(
        0, abs=1e-9
    )
    assert pulls.record()["parameters"][0]["name"] == "cmax_scale"


def test_places_that_pull_apart_are_named():
    parts = tuple(
        LinearPart(name, wide_free(NAMES), np.eye(2) * 3, (3 * side, 0.0), ("nep",))
        for name, side in (("warm", 1.0), ("cold", -1.0))
    )
    found = data_pulls(fit(JointObjective.of(parts, NAMES), starts=2, steps=20))
    (line,) = found.lines()
    assert "warm +9.0" in line and "cold -9.0" in line and "alone" not in line


def test_no_conflict_is_said():
    parts = tuple(
        LinearPart(name, wide_free(NAMES), np.eye(2), (0.1, 0.1), ("nep",)) for name in "ab"
    )
    found = data_pulls(fit(JointObjective.of(parts, NAMES), starts=2, steps=20))
    assert found.lines() == ["no parameter is pulled apart by kinds or places of data"]
    with pytest.raises(ValueError, match="no parameter is pulled apart"):
        pull_figure(found)


def test_the_figure_shows_each_kind(pulls):
    left, right = pull_figure(pulls).axes
    assert [one.get_text() for one in left.get_yticklabels()] == ["CMAX"]
    assert len(left.containers) == 2 and len(right.lines) >= 3
