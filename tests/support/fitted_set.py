"""A made fitted set with a posterior: input for what reads fitted sets."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from temjax.parameters.files import load_parameters, replace_parameters, write_parameters
from temjax.parameters.registry import REGISTRY


def write_fitted_set(
    path: Path,
    base: str,
    sd: Mapping[str, float],
    correlation: float = 0.0,
    values: Mapping[str, float] | None = None,
    names: Mapping[str, str] | None = None,
    arrays: str | None = None,
) -> Path:
    """Write a set whose parameters have one correlation with each other.

    Args:
        path: of the file.
        base: bundled set.
        sd: posterior standard deviation in prior space by parameter.
        correlation: of all pairs.
        values: fitted values, in place of those of the base.
        names: in the posterior, in place of the parameters' own.
        arrays: file of the joint posterior beside.
    """
    parameters = replace_parameters(load_parameters(base), **(values or {}))
    spread = np.array(list(sd.values()))
    shape = np.full((spread.size, spread.size), correlation)
    np.fill_diagonal(shape, 1.0)
    infos = [REGISTRY[name] for name in sd]
    space = [np.log if info.transform == "log" else float for info in infos]
    posterior = {
        "names": [(names or {}).get(name, name) for name in sd],
        "transform": [info.transform for info in infos],
        "lower": [float(f(i.bounds[0])) for f, i in zip(space, infos, strict=True)],
        "upper": [float(f(i.bounds[1])) for f, i in zip(space, infos, strict=True)],
        "mean": [float(f(float(getattr(parameters, n)))) for f, n in zip(space, sd, strict=True)],
        "covariance": (shape * np.outer(spread, spread)).tolist(),
    }
    if arrays:
        posterior["arrays"] = arrays
    write_parameters(parameters, path, name=path.stem, tables={"posterior": posterior})
    return path
