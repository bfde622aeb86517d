"""Posterior sampling with NUTS (package blackjax), where Laplace's approximation is in doubt.

Chains sample free space whitened by Laplace's covariance, so one step size serves all directions.
They run in a separate process (``nuts_worker``) that requests log densities: with the model
compiled into the sampler's loops, XLA did not finish compiling. The gradient is that of the fit, by
forward mode through equilibrium and history; chains are evaluated as starts.
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

from temjax.calibration.multistart import FitResult
from temjax.calibration.nuts_worker import Message, receive, send
from temjax.calibration.parallel import ParallelStarts
from temjax.calibration.uncertainty import Laplace

FAILED = -1e30  # log density where the model fails: never accepted
CHAINS = 4
MODULE = "temjax.calibration.nuts_worker"
MINIMUM_DRAWS = 4  # of a chain: fewer cannot be compared between chains


@dataclass(frozen=True)
class PosteriorDraws:
    """Draws from the posterior.

    Attributes:
        names: of the parameters behind the free numbers.
        values: in units, ``(chain, draw, free)``.
        free: free numbers.
        log_density: ``(chain, draw)``, up to a constant.
        r_hat: potential scale reduction per parameter, ``(free,)``; below 1.05 the chains agree.
        effective: effective number of draws per parameter.
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
        """Central interval of each parameter in its unit."""
        tail = 50 * (1 - level)
        flat = self.values.reshape(-1, len(self.names))
        return np.percentile(flat, tail, axis=0), np.percentile(flat, 100 - tail, axis=0)

    def table(self) -> list[dict]:
        """Median, interval and diagnostics of every parameter, in units."""
        low, high = self.interval()
        middle = np.median(self.values.reshape(-1, len(self.names)), axis=0)
        columns = zip(self.names, middle, low, high, self.r_hat, self.effective, strict=True)
        keys = ("median", "low", "high", "r_hat", "effective_draws")
        return [
            {"name": name} | {key: float(x) for key, x in zip(keys, row, strict=True)}
            for name, *row in columns
        ]

    def record(self) -> dict:
        """Table and diagnostics as JSON values."""
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
    """Log posterior density of whitened points and its gradient, in NumPy.

    The prior is Gaussian in prior space; the density in free space has the logarithm of the
    Jacobian determinant of the transform added.
    """

    def __init__(self, result: FitResult, posterior: Laplace) -> None:
        self.transform = result.objective.free
        self.centre = np.asarray(result.free[:, result.best])
        _, slope = self.transform.shifts(self.centre)
        self.root = np.linalg.cholesky(posterior.covariance) / slope[:, None]
        self._evaluation = ParallelStarts(result.objective)
        self._log_determinant = jax.jit(jax.vmap(jax.value_and_grad(self._log_slopes)))

    def free_of(self, white: np.ndarray) -> np.ndarray:
        """Points in free space of whitened ones, ``(..., free)``."""
        return self.centre + white @ self.root.T

    def __call__(self, white: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log density and gradient of every chain.

        Args:
            white: ``(chain, free)``.

        Returns:
            ``(chain,)`` and ``(chain, free)``; ``FAILED`` and zero where the model fails.
        """
        free = self.free_of(white)
        linear = self._evaluation.linearise(free.T)
        determinant, determinant_gradient = (
            np.asarray(leaf) for leaf in self._log_determinant(jnp.asarray(free))
        )
        with np.errstate(invalid="ignore", over="ignore"):
            value = determinant - 0.5 * np.sum(linear.residuals**2, axis=0)
            loss_gradient = np.einsum("nfs,ns->sf", linear.jacobian, linear.residuals)
            gradient = (determinant_gradient - loss_gradient) @ self.root
        valid = np.isfinite(value) & linear.converged & np.all(np.isfinite(gradient), axis=-1)
        return np.where(valid, value, FAILED), np.where(valid[:, None], gradient, 0.0)

    def _log_slopes(self, free: jax.Array) -> jax.Array:
        """Log determinant of the (diagonal) Jacobian of the transform at a point."""
        slopes = jax.jvp(self.transform.prior_residuals, (free,), (jnp.ones_like(free),))[1]
        return jnp.sum(jnp.log(slopes))


def check_request(chains: int, draws: int) -> None:
    """Validate a request for draws before anything is computed.

    Raises:
        ImportError: the package blackjax is missing; install ``temjax[bayes]``.
        ValueError: fewer than two chains or four draws (then chains cannot be compared).
    """
    if chains < 2 or draws < MINIMUM_DRAWS:
        raise ValueError(
            f"{chains} chains of {draws} draws; give at least 2 of {MINIMUM_DRAWS}: chains can be "
            f"compared from at least {MINIMUM_DRAWS} draws each on"
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
) -> PosteriorDraws:
    """Draws from the posterior with NUTS.

    Args:
        result: a finished fit; chains start around its lowest loss.
        posterior: Laplace's approximation there, which whitens.
        chains: number of chains, evaluated together.
        draws: of each chain after the warm-up.
        warmup: draws of each chain in which the step size is set by dual averaging.
        seed: of the random numbers.
        progress: called with the draws done and all draws of a chain.

    Raises:
        ImportError: the package blackjax is missing; install ``temjax[bayes]``.
        ValueError: fewer than two chains or four draws (then chains cannot be compared).
    """
    check_request(chains, draws)
    from blackjax.diagnostics import effective_sample_size, potential_scale_reduction

    density, size = LogDensity(result, posterior), len(result.names)
    task = {"chains": chains, "size": size, "draws": draws, "warmup": warmup, "seed": seed}
    output = _run_worker(density, task, progress)
    free = density.free_of(output["white"])
    values = np.asarray(result.objective.values(jnp.asarray(free.reshape(-1, size).T)))
    return PosteriorDraws(
        names=result.names,
        values=values.T.reshape(free.shape),
        free=free,
        log_density=output["log_density"],
        r_hat=np.asarray(potential_scale_reduction(free)),
        effective=np.asarray(effective_sample_size(free)),
        divergent=int(output["divergent"]),
        acceptance=float(output["acceptance"]),
        step_size=float(output["step_size"]),
        gradients=int(output["requests"]) * chains,
    )


def _run_worker(
    density: LogDensity, task: dict[str, int], progress: Callable[[int, int], None] | None
) -> dict[str, np.ndarray]:
    """Run the worker process, answering its requests for log densities.

    Returns:
        The arrays of its ``DONE`` message.

    Raises:
        RuntimeError: the process ended early; the message has its last line on standard error.
    """
    command = [sys.executable, "-m", MODULE]
    paths = os.pathsep.join(filter(None, sys.path))
    # The model has the accelerator; the sampler's own arithmetic is a few hundred operations.
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": paths}
    with TemporaryFile() as stderr:
        worker = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
        )
        try:
            send(worker.stdin, Message.TASK, **task)
            while True:
                kind, arrays = receive(worker.stdout)
                if kind is Message.DONE:
                    return arrays
                if kind is Message.REQUEST:
                    value, gradient = density(arrays["white"])
                    send(worker.stdin, Message.RESPONSE, value=value, gradient=gradient)
                elif progress is not None:
                    progress(int(arrays["draw"]), task["warmup"] + task["draws"])
        except (EOFError, BrokenPipeError) as error:
            stderr.seek(0)
            last = stderr.read().decode(errors="replace").strip().splitlines()[-1:]
            raise RuntimeError(f"the chains of NUTS ended early: {''.join(last)}") from error
        finally:
            worker.kill()
            worker.wait()
            worker.stdout.close()
            with suppress(BrokenPipeError):  # of a response that was not read
                worker.stdin.close()
