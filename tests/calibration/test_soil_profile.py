"""Soil temperature profiles as a target, and fits that run soil heat alone."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import ModelOptions, sites
from temjax.calibration import ErrorModel, Objective
from temjax.calibration.default_targets import default_targets
from temjax.calibration.profile_fit import ProfileFit, soil_profile_figure
from temjax.calibration.soil_profile import OF_HEAT, fitted_days
from temjax.forcing import select_years
from temjax.sites.profile_comparison import ProfileComparison

NAMES = ("conductivity_scale", "surface_shortwave_coefficient")


@pytest.fixture(scope="module")
def column():
    site = sites.load("plateau-permafrost")
    years = site.forcing.number_of_years
    return dataclasses.replace(site, forcing=select_years(site.forcing, years - 7, years))


def with_profiles(site, *profiles):
    observed = dataclasses.replace(site.observations, profiles=profiles)
    return dataclasses.replace(site, observations=observed)


def test_the_target_has_the_values_and_both_errors(column):
    (measured,) = column.observations.profiles
    later = dataclasses.replace(
        measured, date=measured.date.replace(year=2009), sd=np.full(20, 0.3)
    )
    site = with_profiles(column, measured, later)
    objective = Objective.of(
        site, NAMES, ("profile",), errors=ErrorModel(temperature=0.4), holdout=(2009,)
    )
    (target,) = objective.targets
    assert (target.kind, target.size, target.label) == ("profile", 40, "soil_profile")
    np.testing.assert_array_equal(target.values, np.tile(measured.values, 2))
    np.testing.assert_allclose(target.sd, np.repeat([0.4, 0.5], 20))
    np.testing.assert_array_equal(target.used, np.repeat([1.0, 0.0], 20))
    np.testing.assert_array_equal(target.held_out, 1 - np.asarray(target.used))
    assert [day.month for day in objective.profile_days] == [38, 62]
    # a constant error of 1 K, with the target's own shape of starts
    residuals = target.residuals(jnp.asarray(target.values)[:, None] + jnp.asarray([0.0, 1.0]))
    np.testing.assert_allclose(residuals[:, 0], 0.0)
    np.testing.assert_allclose(residuals[:, 1], np.asarray(target.used / target.sd))
    with pytest.raises(ValueError, match="every soil temperature profile is held out"):
        Objective.of(column, NAMES, ("profile",), holdout=(2007,))
    with pytest.raises(ValueError, match="hold-out year 2008 was not observed"):
        Objective.of(site, NAMES, ("profile",), holdout=(2008,))


def test_it_is_fitted_by_default_where_it_was_measured(column):
    assert default_targets(column)[0] == ("soil_profile",)
    targets, absent = default_targets(sites.load("haibei-meadow"))
    assert "soil_profile" not in (*targets, *absent)


def test_a_profile_outside_the_run(column):
    (measured,) = column.observations.profiles
    early = dataclasses.replace(measured, date=measured.date.replace(year=1999))
    with pytest.raises(ValueError, match="1999-04-01 lie outside the run, 2004–2010"):
        Objective.of(with_profiles(column, early), NAMES, ("profile",))
    with pytest.raises(ValueError, match="no observations of 'profile'"):
        Objective.of(with_profiles(column), NAMES, ("profile",))


def test_heat_alone_where_it_decides_the_targets(column):
    heat = Objective.of(column, ("thermal",), None)
    assert heat.heat_suffices and heat.first_row == 0
    assert not Objective.of(column, (*NAMES, "cmax_scale"), None).heat_suffices
    meadow = sites.load("haibei-meadow")
    assert Objective.of(meadow, NAMES, ("soil_temperature",)).heat_suffices
    assert not Objective.of(meadow, NAMES, ("soil_temperature", "nep")).heat_suffices
    assert fitted_days(meadow, Objective.of(meadow, NAMES, ("nep",)).targets) == ()


def test_a_fit_with_other_data_has_the_profile_too(column):
    meadow = sites.load("haibei-meadow")
    carbon = dataclasses.replace(column.observations, stocks=meadow.observations.stocks)
    site = dataclasses.replace(column, observations=carbon)
    shapes = [
        jax.eval_shape(objective.residual_vector, jnp.zeros((len(objective.free.names), 3)))
        for objective in (
            Objective.of(site, NAMES, ("profile",)),
            Objective.of(site, (*NAMES, "cmax_scale"), ("soc", "profile")),
        )
    ]
    assert [residuals.shape for residuals, _ in shapes] == [(22, 3), (24, 3)]
    assert [converged.shape for _, converged in shapes] == [(3,), (3,)]


@pytest.mark.slow  # compiles the heat equilibrium with its derivative
def test_residuals_and_their_slopes(column):
    objective = Objective.of(column, NAMES, None)
    point = jnp.asarray([[0.3], [-0.2]])
    step = 1e-5
    points = jnp.concatenate(
        [point, *(point + sign * step * jnp.eye(2)[:, [i]] for i in (0, 1) for sign in (1, -1))],
        axis=1,
    )
    result = objective.linearise(points)
    assert bool(result.converged.all())
    values, jacobian = np.asarray(result.residuals), np.asarray(result.jacobian)
    assert values.shape == (22, 5) and np.isfinite(jacobian).all()
    for row in (0, 1):
        difference = (values[:, 1 + 2 * row] - values[:, 2 + 2 * row]) / (2 * step)
        # differences hold the tolerance of the equilibrium
        np.testing.assert_allclose(jacobian[:, row, 0], difference, atol=0.02)
    assert np.abs(jacobian[:20, :, 0]).max(axis=0).min() > 0.05  # both are seen


def test_the_figure_and_the_record():
    (measured,) = sites.load("plateau-permafrost").observations.profiles
    prior, fitted = (ProfileComparison(measured, measured.values + k) for k in (1.0, 0.25))
    fit = ProfileFit("here", prior, fitted, np.full(20, 0.2), np.full(20, 1.1))
    assert "RMSE 1.00 → 0.25 K" in fit.line and "held out" not in fit.line
    record = fit.record()
    assert record["date"] == "2007-04-01" and record["rmse"]["fitted"] == pytest.approx(0.25)
    held_out = dataclasses.replace(fit, sd=np.full(20, np.nan))
    assert held_out.line.endswith("held out") and held_out.record()["parameter_sd"][0] is None
    axis = soil_profile_figure("Here", (fit,)).axes[0]
    low, high = axis.get_ylim()
    assert low > high  # depth runs down
    assert {"prior", "fitted", "observed"} <= set(axis.get_legend_handles_labels()[1])


@pytest.mark.slow  # compiles the whole model
def test_outputs_of_heat_alone_are_those_of_a_run(column):
    objective = Objective.of(column, NAMES, None, options=ModelOptions(substeps=4))
    free = jnp.asarray([[0.3], [-0.2]])
    heat, converged = objective.heat_outputs(free, OF_HEAT)
    run = objective.simulate(free).run
    assert bool(converged.all())
    np.testing.assert_allclose(
        heat["maximum_thaw_depth"], run.annual.maximum_thaw_depth[-10:].mean(axis=0), rtol=1e-9
    )
    shallow = run.monthly.soil_temperature[:, :, run.soil.depths.index(0.05)]
    np.testing.assert_allclose(heat["soil_temperature"], shallow, atol=1e-8)
    assert heat["soil_profile"].shape == (20, 1)
