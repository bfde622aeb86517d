"""Starts of a fit: a Sobol sequence through the prior."""

import warnings

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import ndtri
from scipy.stats import qmc

from temjax.calibration.transforms import FreeParameters

FARTHEST = 2.5  # from the prior's centre, prior standard deviations
MARGIN = 0.02  # distance kept from a bound, share of its range
# A limit that does not act about its prior's centre has no derivative there: its starts lie all
# over its range, so that some are where it acts.
WHOLE_RANGE = ("temperature_optimum_minimum",)


def prior_starts(free: FreeParameters, count: int, seed: int) -> Float[Array, "free start"]:
    """Sobol points of the Gaussian prior, the first at its centre.

    They lie within ``FARTHEST`` standard deviations and inside the bounds, those of ``WHOLE_RANGE``
    anywhere inside the bounds.

    Args:
        free: the transform.
        count: number of starts.
        seed: of the scrambled Sobol sequence.

    Raises:
        ValueError: fewer than one start.
    """
    if count < 1:
        raise ValueError(f"{count} starts; a fit needs at least one")
    size = len(free.names)
    low, high = (side[:, None] for side in free.shift_bounds(MARGIN))
    normal = np.zeros((size, count))
    if count > 1:
        with warnings.catch_warnings():
            # A count that is no power of two unbalances the sequence a little: harmless here.
            warnings.simplefilter("ignore", UserWarning)
            uniform = qmc.Sobol(size, rng=np.random.default_rng(seed)).random(count - 1)
        normal[:, 1:] = np.clip(ndtri(uniform.T), -FARTHEST, FARTHEST)
        wide = [name.partition("@")[0] in WHOLE_RANGE for name in free.names]
        normal[wide, 1:] = (low + (high - low) * uniform.T)[wide]
    return jnp.asarray(free.from_shifts(np.clip(normal, low, high))).at[:, 0].set(0.0)
