"""The posterior by sampling, where Laplace's Gaussian is in doubt: NUTS of the package blackjax.

Chains move in free space whitened by Laplace's covariance, so one step size serves all directions.
They live in a process of their own (``nuts_chains``) that asks for log densities: the sampler's
loops, were the model compiled into them, would be one program that XLA does not finish.
The gradient is that of the fit, by forward mode through equilibrium and history; chains run side by
side as starts.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from tempfile import TemporaryFile

import jax
import jax.numpy as jnp
import numpy as np

from temjax.calibration.fitting import FitResult
from temjax.calibration.nuts_chains import Kind, receive, send
from temjax.calibration.side_by_side import SideBySide
from temjax.calibration.uncertainty import Laplace

FAILED = -1e30  # log density where the model fails: never accepted
CHAINS = 4
MODULE = "temjax.calibration.nuts_chains"
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


class LogDensity:
    """Log posterior of whitened points and its gradient, in NumPy.

    The prior is Gaussian in prior space; the logistic map to free space brings its logarithmic
    slope in.
    """

    def __init__(self, result: FitResult, posterior: Laplace) -> None:
        self.transform = result.objective.free
        self.centre = np.asarray(result.free[:, result.best])
        _, stretch = self.transform.shifts(self.centre)
        self.root = np.linalg.cholesky(posterior.covariance) / stretch[:, None]
        self._model = SideBySide(result.objective)
        self._volume = jax.jit(jax.vmap(jax.value_and_grad(self._stretching)))

    def free_of(self, white: np.ndarray) -> np.ndarray:
        """Points in free space, ``(..., free)``."""
        return self.centre + white @ self.root.T

    def __call__(self, white: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Density and gradient of every chain.

        Args:
            white: ``(chain, free)``.

        Returns:
            ``(chain,)`` and ``(chain, free)``; ``FAILED`` and zero where the model fails.
        """
        free = self.free_of(white)
        linear = self._model.linearised(free.T)
        volume, lean = (np.asarray(leaf) for leaf in self._volume(jnp.asarray(free)))
        with np.errstate(invalid="ignore", over="ignore"):
            value = volume - 0.5 * np.sum(linear.residuals**2, axis=0)
            down = -np.einsum("nfs,ns->sf", linear.jacobian, linear.residuals)
            gradient = (down + lean) @ self.root
        good = np.isfinite(value) & linear.converged & np.all(np.isfinite(gradient), axis=-1)
        return np.where(good, value, FAILED), np.where(good[:, None], gradient, 0.0)

    def _stretching(self, free: jax.Array) -> jax.Array:
        """Logarithm of the volume that prior space takes per free space at a point."""
        ones = jnp.ones_like(free)
        stretched = jax.jvp(self.transform.prior_residuals, (free,), (ones,))[1]
        return jnp.sum(jnp.log(stretched))


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
    from blackjax.diagnostics import effective_sample_size, potential_scale_reduction

    density, size = LogDensity(result, posterior), len(result.names)
    told = {"chains": chains, "size": size, "draws": draws, "warmup": warmup, "seed": seed}
    answered = _serve(density, told, progress)
    free = density.free_of(answered["white"])
    values = np.asarray(density.transform.values(jnp.asarray(free.reshape(-1, size).T)))
    return Sampled(
        names=result.names,
        values=values.T.reshape(free.shape),
        free=free,
        log_density=answered["log_density"],
        r_hat=np.asarray(potential_scale_reduction(free)),
        effective=np.asarray(effective_sample_size(free)),
        divergent=int(answered["divergent"]),
        acceptance=float(answered["acceptance"]),
        step_size=float(answered["step_size"]),
        gradients=int(answered["asked"]) * chains,
    )


def _serve(
    density: LogDensity, told: dict[str, int], progress: Callable[[int, int], None] | None
) -> dict[str, np.ndarray]:
    """Start the chains, answer what they ask, and return what they found.

    Raises:
        RuntimeError: the chains' process ended early; its last words are in the message.
    """
    command = [sys.executable, "-m", MODULE]
    paths = os.pathsep.join(filter(None, sys.path))
    # The model has the accelerator; the sampler's own arithmetic is a few hundred operations.
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": paths}
    with TemporaryFile() as words:
        chains = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            env=environment,
        )
        try:
            send(chains.stdin, Kind.TASK, **told)
            while True:
                kind, arrays = receive(chains.stdout)
                if kind is Kind.DONE:
                    return arrays
                if kind is Kind.ASK:
                    value, gradient = density(arrays["white"])
                    send(chains.stdin, Kind.ANSWER, value=value, gradient=gradient)
                elif progress is not None:
                    progress(int(arrays["draw"]), told["warmup"] + told["draws"])
        except (EOFError, BrokenPipeError) as error:
            words.seek(0)
            last = words.read().decode(errors="replace").strip().splitlines()[-1:]
            raise RuntimeError(f"the chains of NUTS ended early: {''.join(last)}") from error
        finally:
            chains.kill()
            chains.wait()
            chains.stdout.close()
            with suppress(BrokenPipeError):  # of an answer nobody read
                chains.stdin.close()
