"""Several sites under one free vector; names, ties and groups."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from temjax.calibration import JointObjective, Objective
from temjax.calibration.cli import parse_weights, parse_years
from temjax.calibration.part import Linearisation
from temjax.calibration.run import make_objective
from tests.support.short_site import OPTIONS, short_site

NAMES = ("cmax_scale", "kdc_scale")


@pytest.fixture(scope="module")
def pair():
    site = short_site()
    other = dataclasses.replace(site, name="second")
    return tuple(Objective.of(s, NAMES, ("gpp",), options=OPTIONS) for s in (site, other))


class Linear:
    """A site whose residuals are a known matrix times its free vector."""

    def __init__(self, part: Objective, matrix: np.ndarray) -> None:
        self.part, self.matrix = part, matrix
        self.name, self.free = part.name, part.free
        self.prior_scale = part.prior_scale
        self.number_of_residuals = len(matrix)
        self.site_parts = (part,)

    def linearise(self, free):
        prior = self.free.prior_residuals(free)
        jacobian = jnp.asarray(self.matrix)[:, :, None] * jnp.ones(free.shape[1])
        wide = jnp.concatenate([jacobian, jnp.zeros((2, 2, free.shape[1]))])
        return Linearisation(
            jnp.concatenate([self.matrix @ free, prior]), wide, jnp.ones(free.shape[1], bool)
        )


def test_a_tied_number_is_one_column(pair):
    joint = JointObjective.of(pair, ("cmax",))
    assert joint.free.names == ("cmax_scale", "kdc_scale@haibei-meadow", "kdc_scale@second")
    assert joint.columns == ((0, 1), (0, 2))


def test_jacobians_meet_in_the_shared_column(pair):
    first, second = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]])
    sites = (Linear(pair[0], first), Linear(pair[1], second))
    joint = JointObjective.of(sites, ("cmax_scale",))
    point = jnp.asarray([[0.1], [0.2], [0.3]])
    found = joint.linearise(point)
    expected = np.array([[1.0, 2.0, 0.0], [3.0, 0.0, 4.0], [5.0, 0.0, 6.0]])
    np.testing.assert_allclose(found.jacobian[:3, :, 0], expected)
    np.testing.assert_allclose(found.residuals[:3, 0], expected @ point[:, 0])
    # The prior of the shared number counts once.
    assert found.residuals.shape == (6, 1)
    step = 1e-6
    moved = joint.free.prior_residuals(point.at[1].add(step)) - joint.free.prior_residuals(point)
    np.testing.assert_allclose(found.jacobian[3:, 1, 0], moved[:, 0] / step, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(
    ("tied", "message"),
    [
        (("krb",), "is not free at haibei-meadow"),
        (("cmax", "cmax_scale"), "named twice"),
        (("cmx",), "unknown parameter"),
    ],
)
def test_ties_that_cannot_be(pair, tied, message):
    with pytest.raises(ValueError, match=message):
        JointObjective.of(pair, tied)


def test_a_tie_needs_one_prior_centre(pair):
    site = dataclasses.replace(short_site(), name="third")
    shifted = Objective.of(site, NAMES, ("gpp",), centre={"cmax_scale": 0.5}, options=OPTIONS)
    with pytest.raises(ValueError, match="different prior centres"):
        JointObjective.of((pair[0], shifted), ("cmax_scale",))


def test_one_site_is_no_joint_fit(pair):
    with pytest.raises(ValueError, match="two or more different sites"):
        JointObjective.of((pair[0], pair[0]))


def test_tied_parameters_are_centred_at_the_first_site():
    site = short_site()
    other = dataclasses.replace(site, name="second", parameter_set="alpine-steppe")
    joint = make_objective(
        [site, other],
        free=("krb", "cmax"),
        tied=("krb",),
        targets=("gpp",),
    )
    values = np.asarray(joint.free.values(jnp.zeros(3)))
    expected = float(site.parameters().respiration_rate_log)
    assert values[joint.free.names.index("respiration_rate_log")] == pytest.approx(expected)
    with pytest.raises(ValueError, match="two or more sites"):
        make_objective([site], free=("krb",), tied=("krb",), targets=("gpp",))
    with pytest.raises(ValueError, match="hold-out year 1850 was observed at no place"):
        make_objective([site, other], free=("krb",), holdout=(1850,), targets=("gpp",))
    with pytest.raises(ValueError, match="'cmax_scale' is not among the free"):
        make_objective([site, other], free=("krb",), tied=("cmax",), targets=("gpp",))


def test_options_of_the_command():
    assert parse_weights("nep=2, soc=0.5") == {"nep": 2.0, "soc": 0.5}
    assert parse_years("2003,2004") == (2003, 2004)
    for text in ("nep", "nep=two"):
        with pytest.raises(ValueError, match="not of the form"):
            parse_weights(text)
    with pytest.raises(ValueError, match="calendar years"):
        parse_years("last")
