"""A part on cells of a region runs them as ``temjax project`` does, with derivatives."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import ModelOptions
from temjax.calibration.joint import JointObjective
from temjax.calibration.region import part as part_module
from temjax.calibration.region.build import RegionData
from temjax.calibration.region.compare import part_table
from temjax.calibration.region.part import share_between
from temjax.calibration.run import make_objective
from temjax.processes.thaw_exposure import cumulative_fraction
from temjax.regional.run.members import run_experiment
from temjax.sites.stock_table import StockDatum
from temjax.sites.thaw_points import ThawPoint
from tests.support.short_site import short_site
from tests.support.small_region import small_experiment

CELLS = range(5)
HISTORY = range(1990, 1996)
LESS = ModelOptions(substeps=8)
FREE = ("conductivity_scale", "mat_water", "cmax_scale", "kdc_scale")


def place(cell):
    return 68.6, 210.4 + 0.02 * cell


def points(**more):
    return [
        ThawPoint(f"{cell} {year}", *place(cell), 0.5, years=(year,), **more)
        for cell in CELLS
        for year in HISTORY
    ]


def stocks(depths):
    return [
        StockDatum(variable, 9000.0, 900.0, depths, "", *place(cell), (year,), "")
        for variable in ("soil_organic_carbon", "soil_organic_nitrogen")
        for cell in (1, 3)
        for year in (1990, 1995)
    ]


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    return small_experiment(tmp_path_factory.mktemp("region"), "[model]\nsubsteps = 8")


def tower():
    """A place of the type of the second and fourth cell, with nothing of its own."""
    return dataclasses.replace(
        short_site(), name="tower", parameter_set="alpine-tundra", parameter_overrides={}
    )


def part_of(experiment, free=FREE, **data):
    objective = make_objective((tower(),), free=free, targets=("soc",), options=LESS)
    return RegionData(experiment, **data).part((tower(),), objective, options=LESS)


@pytest.fixture(scope="module")
def heat_part(experiment):
    every = {one.name: one for one in points()}
    bound = dataclasses.replace(every["1 1991"], bound=">", observed=0.4)
    three = [every["1 1990"], bound, every["0 1990"]]
    return part_of(experiment, free=FREE[:2], points=three)


def test_data_meet_their_cells_years_types_and_starts(heat_part, monkeypatch):
    """With a run that is the sum of what each cell is given."""

    def run(parameters, location, cycle, forcing, exposed, options):
        climate = jnp.mean(forcing.air_temperature[1:-1], axis=1)
        depth = 10 * parameters.conductivity_scale + 0.01 * location.elevation + climate
        return {"maximum_thaw_depth": depth}, depth[0] < 1e9

    monkeypatch.setattr(part_module, "_heat_run", run)
    at = jnp.asarray([[0.0, 1.0, 2.0], [0.0, 0.0, 0.0]])
    outputs, converged = jax.jit(lambda free: heat_part.outputs(free))(at)  # one compilation
    found, scale = outputs["maximum_thaw_depth"], np.asarray(heat_part.free.values(at))[0]
    own = float(heat_part.types[1].parameters.conductivity_scale)
    first = 1 + 6  # 1990 stands behind the neighbour year and six years of spin-up
    for datum, (cell, row) in enumerate(((1, first), (1, first + 1), (0, first))):
        position = heat_part.means[0][datum].cells[0]
        climate = np.mean(heat_part.cells.forcing.air_temperature[row, :, position])
        of_type = own if cell == 0 else scale
        np.testing.assert_allclose(found[datum], 10 * of_type + 7.6 + climate)
    assert list(converged) == [True] * 3


@pytest.mark.slow
def test_heat_alone_has_derivatives_that_are_differences(heat_part):
    assert heat_part.heat_suffices and heat_part.free.names == FREE[:2]
    step = 1e-3
    moves = jnp.asarray([[0, step, -step, 0, 0], [0, 0, 0, step, -step]])
    found = heat_part.linearise(jnp.asarray([[0.2], [-0.3]]) + moves)
    assert bool(found.converged.all())
    residuals = np.asarray(found.residuals)[:3]
    differences = (residuals[:, 1::2] - residuals[:, 2::2]) / (2 * step)
    jacobian = np.asarray(found.jacobian)[:3, :, 0]
    np.testing.assert_allclose(jacobian, differences, rtol=1e-3, atol=1e-7)
    # the first two bear the tower's type; the last keeps its set, and does not count
    assert np.all(np.abs(jacobian[:2]) > 1e-5)
    assert np.all(residuals[2] == 0) and np.all(residuals[:2] != 0)


def test_a_joint_fit_shares_the_towers_numbers_and_tells_the_data(heat_part):
    of_tower = make_objective((tower(),), free=FREE[:2], targets=("soc",), options=LESS)
    joint = JointObjective.joined(of_tower, (heat_part,))
    assert joint.free.names == FREE[:2] and joint.columns == ((0, 1), (0, 1))
    with pytest.raises(ValueError, match="names of their own"):
        JointObjective.joined(joint, (heat_part,))


def test_data_beside_a_fit_are_a_table_with_scores(heat_part):
    simulated = {"maximum_thaw_depth": np.array([[0.2, 0.4], [0.3, 0.5], [10.0, 10.0]])}
    table = part_table(
        ("small", "small (SYNTHETIC)"),
        heat_part.targets,
        heat_part.datum_labels,
        heat_part.table,
        simulated,
    )
    assert [row["label"] for row in table.rows] == [
        "1 1990 (1990)",
        "1 1991 (1991)",
        "0 1990 (1990)",
    ]
    assert [row["counts"] for row in table.rows] == [True, True, False]
    scores = table.scores["maximum_thaw_depth"]
    assert (scores["measured"], scores["bounds"]) == (1, 1)  # what cannot change is not scored
    assert [scores[when]["bounds_met"] for when in ("prior", "fitted")] == [0, 1]
    assert table.name == "small" and "of small (SYNTHETIC): 1 measured" in table.lines[0]
    assert table.csv().splitlines()[0].startswith("variable,label,name,latitude")


def test_stock_between_depths_over_that_of_the_active_layer():
    b, layer = jnp.asarray(1.3), jnp.asarray(0.5)
    p = lambda z: cumulative_fraction(jnp.asarray(z), b)  # noqa: E731
    assert share_between(0.0, 2.0, layer, b) == pytest.approx(float(p(2.0) / p(0.5)))
    assert share_between(0.0, 0.3, layer, b) < 1
    assert share_between(1.0, 2.0, layer, b) == pytest.approx(float((p(2.0) - p(1.0)) / p(0.5)))
    # without permafrost the model's stock is the whole soil's
    assert share_between(0.0, 2.0, jnp.asarray(jnp.nan), b) == 1
    slope = jax.grad(lambda h: share_between(0.0, 2.0, h, b))
    step = 1e-5
    there, back = (share_between(0.0, 2.0, layer + d, b) for d in (step, -step))
    assert slope(layer) == pytest.approx(float(there - back) / (2 * step), rel=1e-6)
    assert slope(jnp.asarray(jnp.nan)) == 0


@pytest.mark.slow
def test_a_cell_is_that_of_temjax_project(experiment, tmp_path):
    """Thaw depth by heat alone and by the whole model, and stocks, of every cell and year."""
    (member,) = run_experiment(experiment, tmp_path / "out")
    depths = member.products["historical/thawdepth"]
    carbon = member.products["historical/csoil"] * 1000
    nitrogen = member.products["historical/soil_organic_nitrogen"]
    for data in ({}, {"stocks": stocks(None)}):
        part = part_of(experiment, points=points(), **data)
        assert part.heat_suffices == (not data)
        outputs, converged = part.outputs(jnp.zeros((len(part.free.names), 2)))
        assert bool(converged.all())
        found = np.asarray(outputs["maximum_thaw_depth"]).reshape(5, 6, 2)
        np.testing.assert_allclose(found[..., 1], depths.T, rtol=1e-10)
        if data:
            chosen = (slice(None), [0, -1])
            expected = carbon.T[1::2][chosen].ravel()
            np.testing.assert_allclose(outputs["soil_organic_carbon"][:, 0], expected, rtol=1e-10)
            expected = nitrogen.T[1::2][chosen].ravel()
            np.testing.assert_allclose(outputs["soil_organic_nitrogen"][:, 0], expected, rtol=1e-10)


@pytest.mark.slow
def test_derivatives_of_the_whole_model_agree(experiment):
    part = part_of(experiment, points=points()[6:8], stocks=stocks((0.0, 1.0))[:2])
    at = jnp.asarray([0.1, -0.2, 0.3, -0.1])

    def residuals(free):
        return part.residual_vector(free[:, None])[0][:, 0]

    forward, reverse = jax.jacfwd(residuals)(at), jax.jacrev(residuals)(at)
    np.testing.assert_allclose(forward, reverse, rtol=1e-6, atol=1e-9)
    step = 1e-3
    moved = jnp.stack([at + step * e * s for e in jnp.eye(4) for s in (1, -1)], axis=1)
    found = part.residuals(moved)[0]
    differences = (found[:, ::2] - found[:, 1::2]) / (2 * step)
    np.testing.assert_allclose(forward, differences, rtol=5e-3, atol=1e-4)
    assert np.all(np.abs(np.asarray(forward)[2:4, 2:]) > 1e-3)  # stocks know carbon's numbers
