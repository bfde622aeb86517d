"""Posterior of the parameters of a type and its places from that of the free numbers.

A fit moves deviations of places; what is reported, drawn and written are the parameters behind
them. About the optimum these depend linearly on the free numbers, so their posterior is Gaussian
as well (delta method).
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from temjax.calibration.joint import JointObjective
from temjax.calibration.multistart import FitResult
from temjax.calibration.uncertainty import Laplace


def reported_posterior(result: FitResult, posterior: Laplace) -> Laplace:
    """Posterior of the reported parameters; the same where no parameter is pooled.

    A place's parameter is measured in standard deviations of its own prior, √(1 + τ²) times those
    of the type; directions and their information stay those of the free numbers.

    Args:
        result: the fit.
        posterior: of its free numbers, at the best start.
    """
    objective = result.objective
    if objective.pooling is None:
        return posterior
    centre, slopes = reported_slopes(objective, posterior.centre)
    types, places = (list(side) for side in (objective.pooling.types, objective.pooling.places))
    # residuals depend on a place's parameter through its deviation, and on that of the type
    # by what is left when the place's parameters stay
    jacobian = posterior.jacobian.copy()
    jacobian[:, places] /= slopes[places, places]
    through = jacobian[:, places] * slopes[places, types]
    for column, of_type in enumerate(types):
        jacobian[:, of_type] -= through[:, column]
    own = np.setdiff1d(np.arange(len(centre)), places)
    jacobian[:, own] /= np.diag(slopes)[own]
    return replace(
        posterior,
        names=objective.reported.names,
        free=objective.reported,
        centre=centre,
        covariance=slopes @ posterior.covariance @ slopes.T,
        jacobian=jacobian,
        direction_names=posterior.names,
    )


def reported_slopes(objective: JointObjective, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reported parameters at shifts of the free numbers, and their derivatives.

    Args:
        objective: with pooling.
        shift: of the free numbers in standard deviations of their prior, ``(free,)``.

    Returns:
        Shifts of the parameters in standard deviations of their own prior, ``(free,)``, and
        derivatives with respect to those of the free numbers, ``(parameter, free)``.
    """
    free, reported = objective.free, objective.reported

    def parameters(point):
        inner = jnp.asarray(free.centre) + jnp.asarray(free.prior_sd) * point
        moved = objective.pooling.parameters(free, inner)
        return (moved - jnp.asarray(reported.centre)) / jnp.asarray(reported.prior_sd)

    point = jnp.asarray(shift)
    return np.asarray(parameters(point)), np.asarray(jax.jacfwd(parameters)(point))
