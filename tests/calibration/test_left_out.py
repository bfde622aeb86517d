"""Places left out: the fits without each place and with each alone, on residuals that are known."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from temjax.calibration import JointObjective, fit
from temjax.calibration import left_out as module
from temjax.calibration.left_out import (
    LeftOut,
    check_leave_one_out,
    counted_rows,
    first_points,
    leave_one_out,
)
from temjax.calibration.multistart import FitResult
from temjax.calibration.part import Linearisation
from temjax.calibration.tables import left_out_table
from tests.support.command import printed
from tests.support.linear_parts import LinearPart, pooled_posterior, wide_free

NAMES = ("cmax_scale", "kdc_scale", "disequilibrium_factor")
STRENGTH = 0.5


class Failing(LinearPart):
    """A place whose model fails away from its own optimum."""

    def linearise(self, free):
        linear = super().linearise(free)
        return Linearisation(linear.residuals, linear.jacobian, jnp.zeros(free.shape[1], bool))


def places(last=LinearPart):
    rng = np.random.default_rng(5)
    return tuple(
        kind(f"place-{k}", wide_free(NAMES), rng.normal(size=(7, 3)), 2 * rng.normal(size=7))
        for k, kind in enumerate((LinearPart, LinearPart, last))
    )


def joint_fit(parts):
    joint = JointObjective.of(parts, pooled=NAMES[:2], strength=STRENGTH)
    return fit(joint, starts=2, steps=30, tolerance=1e-12)


@pytest.fixture(scope="module")
def result():
    return joint_fit(places())


def alone(parts):
    """Optimum of some places by themselves: the type's parameters, then each place's."""
    return pooled_posterior(parts, 2, STRENGTH)[0]


def refit(result, column):
    """One of the fits without a place or with one alone, to its end."""
    counted = counted_rows(result.objective, 3)[:, [column, column]]
    first = first_points(result, 3)[:, [column, column]]
    return fit(result.objective, first=first, counted=counted, steps=30, tolerance=1e-12)


def test_a_place_left_out_has_no_say_and_gets_the_parameters_of_the_type(result):
    found = refit(result, 1)
    expected = alone((result.objective.parts[0], result.objective.parts[2]))
    of_type = found.values[found.names.index("cmax_scale")]
    assert of_type == pytest.approx(expected[0], abs=1e-4)
    left_out = found.values[list(found.objective.columns[1])]
    types = [found.values[found.names.index(name)] for name in NAMES[:2]]
    np.testing.assert_allclose(left_out, [*types, 0.0], atol=1e-6)


def test_a_place_alone_has_its_own_fit(result):
    found = refit(result, 3 + 2)
    place = found.values[list(found.objective.columns[2])]
    np.testing.assert_allclose(place, alone((result.objective.parts[2],))[2:], atol=1e-3)


def test_a_place_that_fails_can_be_left_out(result):
    broken = dataclasses.replace(result, objective=result.objective.with_parts(places(Failing)))
    found = refit(broken, 2)
    assert np.isfinite(found.loss).all()
    whole = np.asarray(broken.objective.linearise(jnp.asarray(found.free)).residuals)
    assert np.isnan(whole[14:21]).all() and np.isfinite(whole[:14]).all()


def test_scores_of_places_left_out_stand_beside_the_others(result, monkeypatch, tmp_path):
    """Batches of two starts; one fit fails, the table says so; a second run takes checkpoints."""

    @dataclasses.dataclass
    class Site:
        name: str

    @dataclasses.dataclass
    class Calibration:
        result: FitResult
        sites: tuple
        site_scores: tuple

    @dataclasses.dataclass
    class Skill:
        nash_sutcliffe: float
        rmse: float

    @dataclasses.dataclass
    class Score:
        model: object
        months: str = "usable"
        variable: str = "gross_primary_production"
        unit: str = "g C m-2 month-1"
        prior: object = None
        other_years: object = None

    seen = []

    def scores(site, objective, number, free, loss, kind):
        assert np.isfinite(loss)
        seen.append((site.name, kind, np.asarray(objective.part_point(number, jnp.asarray(free)))))
        if kind == "own fit" and number == 0:
            return {}, "place-0, own fit: it failed"
        return {"gross_primary_production": Score(Skill(0.1 * number, 1.0))}, ""

    monkeypatch.setattr(module, "_scores", scores)
    joint = Skill(0.9, 2.0)
    joint.count = 24
    sites = tuple(Site(f"place-{k}") for k in range(3))
    calibration = Calibration(result, sites, ([Score(joint), Score(joint, "all")],) * 3)
    shown = []
    found = leave_one_out(calibration, out=tmp_path, show=lambda *args: shown.append(args[0]))
    assert [row["place"] for row in found.rows] == ["place-0", "place-1", "place-2"]
    assert found.rows[1]["nash_sutcliffe_left_out"] == pytest.approx(0.1)
    assert np.isnan(found.rows[0]["nash_sutcliffe_own"]) and "it failed" in found.notes[0]
    assert found.record()["rows"][0]["nash_sutcliffe_own"] is None
    assert "places left out and alone, 6 of 6" in shown
    np.testing.assert_allclose(seen[1][2], alone((result.objective.parts[0],))[2:], atol=5e-2)
    again = leave_one_out(calibration, out=tmp_path)
    assert again.steps == found.steps and again.seconds == pytest.approx(found.seconds)
    text = printed(left_out_table(found), width=120)
    assert "place-2" in text and "0.20" in text and "–" in text
    assert isinstance(found, LeftOut) and "it failed" in found.lines()[1]


def test_nothing_shared_says_nothing():
    with pytest.raises(ValueError, match="give --type or --tied"):
        check_leave_one_out(JointObjective.of(places()))
    check_leave_one_out(JointObjective.of(places(), NAMES[:1]))
