"""Profiles and draws of a posterior whose Gaussian is known."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import load_parameters
from temjax.calibration import nuts
from temjax.calibration.multistart import fit
from temjax.calibration.nuts import FAILED, LogDensity, sample
from temjax.calibration.part import Linearisation
from temjax.calibration.profile_likelihood import profile_likelihoods
from temjax.calibration.transforms import FreeParameters
from temjax.calibration.uncertainty import laplace

NAMES = ("cmax_scale", "kdc_scale", "heterotrophic_q10")
MIX = np.array([[3.0, 1.0, 0.0], [0.5, 2.0, 0.0], [0.0, 0.3, 0.2]])


class Linear:
    """Residuals linear in prior space: the posterior is the Gaussian of Laplace, cut at bounds."""

    prior_scale = 1.0
    number_of_residuals = 3
    pooling = None

    def __init__(self) -> None:
        self.free = FreeParameters.of(load_parameters("alpine-meadow"), NAMES)
        self.reported, self.values = self.free, self.free.values
        self.parts, self.columns = (), ()
        self._compiled = jax.jit(self._linearise)

    def residual_vector(self, free):
        shift = self.free.prior_residuals(free)
        return jnp.concatenate([jnp.asarray(MIX) @ shift - jnp.array([[0.6], [0.2], [0.0]]), shift])

    def linearise(self, free):
        return self._compiled(free)

    def _linearise(self, free):
        def push_forward(direction):
            tangent = jnp.broadcast_to(direction[:, None], free.shape)
            return jax.jvp(self.residual_vector, (free,), (tangent,))

        residuals, columns = jax.vmap(push_forward, out_axes=(None, 1))(jnp.eye(free.shape[0]))
        return Linearisation(residuals, columns, jnp.ones(free.shape[1], bool))

    def misfit(self, residuals):
        return {"prior": 0.5 * float(np.sum(residuals**2))}


@pytest.fixture(scope="module")
def fitted():
    return fit(Linear(), starts=4, steps=30, tolerance=1e-10)


def test_profile_of_a_gaussian_is_its_interval(fitted):
    posterior = laplace(fitted)
    profiles = profile_likelihoods(fitted, posterior, steps=20)
    assert tuple(profiles) == NAMES
    low, high = posterior.interval()
    for row, name in enumerate(NAMES):
        rise = 2 * (profiles[name].loss - fitted.loss[fitted.best])
        expected = ((profiles[name].shift - posterior.centre[row]) / posterior.sd[row]) ** 2
        np.testing.assert_allclose(rise, expected, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(profiles[name].interval(), (low[row], high[row]), rtol=2e-3)


def test_a_flat_profile_has_an_open_interval(fitted):
    profiles = profile_likelihoods(
        fitted, laplace(fitted), ("kdc_scale",), distances=(0.2,), steps=4
    )
    one = profiles["kdc_scale"]
    assert one.interval() == (-np.inf, np.inf)
    with pytest.raises(ValueError, match="'nup_scale' was not fitted"):
        profile_likelihoods(fitted, laplace(fitted), ("nup_scale",))


def test_pinned_numbers_stay(fitted):
    first = fitted.free + 0.3
    pinned = np.zeros(first.shape, bool)
    pinned[1] = True
    refit = fit(Linear(), first=first, pinned=pinned, steps=20, tolerance=1e-10)
    np.testing.assert_allclose(refit.free[1], first[1], rtol=1e-12)
    assert (refit.loss > fitted.loss[fitted.best]).all()
    gradient = refit.gradients[-1]
    assert np.abs(gradient[[0, 2]]).max() < 1e-4 < np.abs(gradient[1]).min()
    with pytest.raises(ValueError, match="'adam' cannot pin parameters"):
        fit(Linear(), first=first, pinned=pinned, method="adam")


def test_log_density_and_its_gradient(fitted):
    density = LogDensity(fitted, laplace(fitted))
    white = np.array([[0.3, -0.2, 0.5], [-0.4, 0.1, -0.6]])
    free = density.free_of(white).T
    shift = np.asarray(fitted.objective.free.prior_residuals(free))
    loss = 0.5 * np.sum((MIX @ shift - [[0.6], [0.2], [0.0]]) ** 2 + shift**2, axis=0)
    expected = np.log(fitted.objective.free.shifts(free)[1]).sum(axis=0) - loss
    value, gradient = density(white)
    np.testing.assert_allclose(value, expected, rtol=1e-10)
    step = 1e-6
    for row, unit in enumerate(np.eye(3)):
        ahead, behind = (density(white + sign * step * unit)[0] for sign in (1, -1))
        np.testing.assert_allclose(gradient[:, row], (ahead - behind) / (2 * step), rtol=1e-6)


def test_failed_runs_have_the_lowest_density(fitted):
    density = LogDensity(fitted, laplace(fitted))
    run = fitted.objective.linearise

    class Failing:
        def linearise(self, free):
            linear = run(jnp.asarray(free))
            return linear._replace(
                residuals=np.where([True, False, False], np.nan, linear.residuals),
                jacobian=np.asarray(linear.jacobian),
                converged=np.array([True, False, True]),
            )

    density._evaluation = Failing()
    value, gradient = density(np.zeros((3, 3)))
    assert list(value == FAILED) == [True, True, False]
    np.testing.assert_array_equal(gradient[:2], 0.0)


def test_draws_have_the_moments_of_the_gaussian(fitted):
    pytest.importorskip("blackjax", reason="NUTS needs blackjax: pip install temjax[bayes]")
    posterior = laplace(fitted)
    drawn = sample(fitted, posterior, chains=4, draws=150, warmup=30, seed=1)
    assert drawn.values.shape == (4, 150, 3) and drawn.divergent == 0
    assert (drawn.r_hat < 1.1).all() and (drawn.effective > 100).all()
    shift = fitted.objective.free.shifts(drawn.free.reshape(-1, 3).T)[0]
    error = (shift.mean(axis=1) - posterior.centre) / posterior.sd
    assert np.abs(error).max() < 0.25
    np.testing.assert_allclose(shift.std(axis=1), posterior.sd, rtol=0.2)
    with pytest.raises(ValueError, match="at least 2 of 4"):
        sample(fitted, posterior, chains=1)


def test_chains_that_end_early_say_why(fitted, monkeypatch):
    pytest.importorskip("blackjax", reason="NUTS needs blackjax: pip install temjax[bayes]")
    monkeypatch.setattr(nuts, "MODULE", "calibration.no_such_module")
    with pytest.raises(RuntimeError, match=r"ended early: .*no_such_module"):
        sample(fitted, laplace(fitted))


def test_chains_that_end_during_a_response_say_why(fitted, monkeypatch, tmp_path):
    pytest.importorskip("blackjax", reason="NUTS needs blackjax: pip install temjax[bayes]")
    (tmp_path / "short_lived.py").write_text(
        "import sys\nimport numpy as np\n"
        "from temjax.calibration.nuts_worker import Message, receive, send\n"
        "receive(sys.stdin.buffer)\n"
        "send(sys.stdout.buffer, Message.REQUEST, white=np.zeros((4, 3)))\n"
        "sys.exit('no more')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(nuts, "MODULE", "short_lived")
    respond = nuts.LogDensity.__call__

    def late(density, white):
        time.sleep(1.0)
        return respond(density, white)

    monkeypatch.setattr(nuts.LogDensity, "__call__", late)
    with pytest.raises(RuntimeError, match="ended early: no more"):
        sample(fitted, laplace(fitted))
