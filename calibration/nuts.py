"""The posterior by sampling, where Laplace's Gaussian is in doubt: NUTS of the package blackjax.

Chains move in free space whitened by Laplace's covariance, so one step size serves all directions.
The gradient is that of the fit, by forward mode through equilibrium and history; chains run side by
side as starts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec

import jax
import jax.numpy as jnp
import numpy as np

from calibration.fit import FitResult
from calibration.uncertainty import Laplace

FAILED = -1e30  # log density where the model fails: never accepted
TARGET_ACCEPTANCE = 0.8
FIRST_STEP = 0.5
MOST_DOUBLINGS = 5
CHAINS = 4
LEAST_DRAWS = 4  # fewer cannot be compared between chains


@dataclass(frozen=True)
class Sampled:
    """Draws of the posterior.

    Attributes:
        names: of the numbers.
        values: in units, ``(chain, draw, free)``.
        free: the same in free space.
        log_density: ``(chain, draw)``, up to a constant.
        r_hat: potential scale reduction per number, ``(free,)``; below 1.05 the chains agree.
        effective: effective number of draws per number.
        divergent: number of divergent transitions.
        acceptance: mean acceptance rate.
        step_size: of the whitened leapfrog.
        gradients: model runs with Jacobian spent, warm-up included.
    """

    names: tuple[str, ...]
    values: np.ndarray = field(repr=False)
    free: np.ndarray = field(repr=False)
    log_density: np.ndarray = field(repr=False)
    r_hat: np.ndarray
    effective: np.ndarray
    divergent: int
    acceptance: float
    step_size: float
    gradients: int

    def interval(self, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Central interval of each number in its unit."""
        tail = 50 * (1 - level)
        flat = self.values.reshape(-1, len(self.names))
        return np.percentile(flat, tail, axis=0), np.percentile(flat, 100 - tail, axis=0)

    def table(self) -> list[dict]:
        """Rows of median, interval and diagnostics, in units."""
        low, high = self.interval()
        middle = np.median(self.values.reshape(-1, len(self.names)), axis=0)
        columns = zip(self.names, middle, low, high, self.r_hat, self.effective, strict=True)
        keys = ("median", "low", "high", "r_hat", "effective_draws")
        return [
            {"name": name} | {key: float(x) for key, x in zip(keys, row, strict=True)}
            for name, *row in columns
        ]

    def record(self) -> dict:
        """Table and diagnostics as plain numbers."""
        return {
            "chains": self.values.shape[0],
            "draws": self.values.shape[1],
            "divergent": self.divergent,
            "acceptance": self.acceptance,
            "step_size": self.step_size,
            "runs_with_jacobian": self.gradients,
            "parameters": self.table(),
        }


def log_density(result: FitResult, posterior: Laplace) -> tuple[Callable, Callable]:
    """Log posterior of a whitened point ``(free,)``, and the map of such points to free space.

    The prior is Gaussian in prior space; the logistic map to free space brings its logarithmic
    slope in. Differentiable in reverse mode, and mapped over chains in one call of the model.
    """
    objective, transform = result.objective, result.objective.free
    centre = jnp.asarray(result.free[:, result.best])
    _, stretch = transform.shifts(np.asarray(centre))
    root = jnp.asarray(np.linalg.cholesky(posterior.covariance) / stretch[:, None])

    def free_of(white):
        return centre + white @ root.T

    def slope(free):
        """Logarithm of the volume that prior space takes per free space."""
        ones = jnp.ones_like(free)
        stretched = jax.jvp(lambda x: transform.prior_residuals(x.T).T, (free,), (ones,))[1]
        return jnp.sum(jnp.log(stretched), axis=-1)

    def chains(white):
        free = free_of(white)
        linear = objective.linearised(free.T)
        loss = 0.5 * jnp.sum(linear.residuals**2, axis=0)
        down = -jnp.einsum("nfs,ns->sf", linear.jacobian, linear.residuals)
        volume, lean = slope(free), jax.grad(lambda x: jnp.sum(slope(x)))(free)
        value, gradient = volume - loss, (down + lean) @ root
        good = jnp.isfinite(value) & linear.converged & jnp.all(jnp.isfinite(gradient), axis=-1)
        return jnp.where(good, value, FAILED), jnp.where(good[:, None], gradient, 0.0)

    @jax.custom_batching.custom_vmap
    def single(white):
        value, gradient = chains(white[None])
        return value[0], gradient[0]

    @single.def_vmap
    def _(size, batched, white):
        return chains(white), (True, True)

    @jax.custom_vjp
    def density(white):
        return single(white)[0]

    density.defvjp(single, lambda gradient, cotangent: (cotangent * gradient,))
    return density, free_of


def check_request(chains: int, draws: int) -> None:
    """Refuse what ``sample`` cannot do.

    Raises:
        ImportError: the package blackjax is missing; install ``temjax[bayes]``.
        ValueError: fewer than two chains or four draws (then chains cannot be compared).
    """
    if chains < 2 or draws < LEAST_DRAWS:
        raise ValueError(
            f"{chains} chains of {draws} draws; give at least 2 of {LEAST_DRAWS}: chains can be "
            f"compared from at least {LEAST_DRAWS} draws each on"
        )
    if find_spec("blackjax") is None:
        raise ImportError("NUTS needs the package blackjax: pip install temjax[bayes]")


def sample(
    result: FitResult,
    posterior: Laplace,
    *,
    chains: int = CHAINS,
    draws: int = 250,
    warmup: int = 50,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Sampled:
    """Draw from the posterior with NUTS.

    Args:
        result: a finished fit; chains start around its lowest loss.
        posterior: Laplace's approximation there, which whitens.
        chains: side by side.
        draws: of each chain, kept.
        warmup: draws before them, in which the step size is set by dual averaging.
        seed: of the random numbers.
        progress: called with the draws done and all draws of a chain.

    Raises:
        ImportError: the package blackjax is missing; install ``temjax[bayes]``.
        ValueError: fewer than two chains or four draws (then chains cannot be compared).
    """
    check_request(chains, draws)
    import blackjax
    from blackjax.adaptation.step_size import dual_averaging_adaptation

    density, free_of = log_density(result, posterior)
    size = len(result.names)
    unit = jnp.ones(size)
    kernel = blackjax.nuts.build_kernel()

    @jax.jit
    def advance(keys, states, step_size):
        def one(key, state):
            return kernel(key, state, density, step_size, unit, max_num_doublings=MOST_DOUBLINGS)

        states, info = jax.vmap(one)(keys, states)
        return states, info.acceptance_rate, info.is_divergent, info.num_integration_steps

    key, begin = jax.random.split(jax.random.key(seed))
    states = jax.jit(jax.vmap(lambda white: blackjax.nuts.init(white, density)))(
        0.5 * jax.random.normal(begin, (chains, size))
    )
    start, update, final = dual_averaging_adaptation(TARGET_ACCEPTANCE)
    adapted, step_size = start(FIRST_STEP), FIRST_STEP
    kept, density_of, divergent, accepted, spent = [], [], 0, [], chains
    for draw in range(warmup + draws):
        key, *keys = jax.random.split(key, chains + 1)
        states, rate, broke, leaps = advance(jnp.stack(keys), states, step_size)
        spent += int(jnp.max(leaps)) * chains
        if draw < warmup:
            adapted = update(adapted, jnp.mean(rate))
            last = draw == warmup - 1
            step_size = final(adapted) if last else jnp.exp(adapted.log_step_size)
        else:
            kept.append(np.asarray(free_of(states.position)))
            density_of.append(np.asarray(states.logdensity))
            divergent += int(jnp.sum(broke))
            accepted.append(float(jnp.mean(rate)))
        if progress is not None:
            progress(draw + 1, warmup + draws)
    free = np.stack(kept, axis=1)
    values = np.asarray(result.objective.free.values(jnp.asarray(free.reshape(-1, size).T)))
    return Sampled(
        names=result.names,
        values=values.T.reshape(free.shape),
        free=free,
        log_density=np.stack(density_of, axis=1),
        r_hat=np.asarray(blackjax.diagnostics.potential_scale_reduction(free)),
        effective=np.asarray(blackjax.diagnostics.effective_sample_size(free)),
        divergent=divergent,
        acceptance=float(np.mean(accepted)),
        step_size=float(step_size),
        gradients=spent,
    )
