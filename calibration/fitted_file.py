"""Fitted sets as files: parameters, state of the place, posterior, and what the fit used.

TOML, because a person reads and compares it and every language has a parser; the covariance of a
fit (some 10 x 10 numbers) is in it. Draws, and the posterior of a joint fit over all its places,
are arrays of another size and go into one NetCDF file beside it, which the TOML names
(docs/calibration.md, "The fitted set").
"""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from temjax.calibration.checkpoint import fingerprint
from temjax.calibration.gross_flux import counted_as
from temjax.calibration.multistart import FitResult
from temjax.calibration.scores import place_numbers_at, site_vector
from temjax.calibration.tunables import DISEQUILIBRIUM
from temjax.files.atomic import atomic_write
from temjax.parameters.files import FIT_OPTIONS, write_parameters
from temjax.parameters.registry import Parameters
from temjax.sites.provenance import forcing_hash, parameter_hash

if TYPE_CHECKING:
    from temjax.calibration.communities.fit import CommunityFit
    from temjax.calibration.result import Calibration

FORMAT = "temjax fitted set 1"


def posterior_file_name(calibration: "Calibration | CommunityFit") -> str:
    """Name of the NetCDF file with the posterior of a fit."""
    return "-".join(site.name for site in calibration.sites) + "-posterior.nc"


def write_fitted_set(calibration: "Calibration", index: int, path: Path) -> None:
    """Write the fitted set of one site, by number."""
    result, site = calibration.result, calibration.sites[index]
    part = result.objective.site_parts[index]
    parameters, factor = calibration.at_optimum(index)
    columns = list(result.objective.columns[index])
    fitted = [result.names[column] for column in columns]
    targets = [target.label for target in part.targets]
    year = int(np.asarray(site.forcing.years)[part.first_row])
    numbers = place_numbers_at(part, site_vector(result, index))
    place = {
        "name": site.name,
        "title": site.title,
        "latitude": float(site.location.latitude),
        "elevation": float(site.location.elevation),
        "forcing_hash": forcing_hash(site.forcing),
        **({} if np.isnan(site.longitude) else {"longitude": site.longitude}),
    }
    if DISEQUILIBRIUM in part.free.names:
        place |= {"soil_matter_factor": factor, "year": year}
    place |= numbers
    write_parameters(
        parameters,
        path,
        name=f"{site.name}-fitted",
        title=f"{site.parameter_set} fitted to {site.title}",
        source=f"gradient fit to {', '.join(targets)}",
        tables={
            "format": FORMAT,
            "place": place,
            "options": {name: getattr(part.options, name) for name in FIT_OPTIONS},
            "posterior": posterior_table(
                calibration, columns, fitted, _residual_scales(calibration, site.name)
            ),
            "fit": {
                "command": calibration.command,
                "targets": targets,
                "left_out": [f"{name}: {reason}" for name, reason in part.absent],
                "data": [_toml_row(dict(row)) for row in part.data],
                "counted": counted_as(part.targets),
                "error_model": str(calibration.errors),
                "residual_scales": _residual_scales(calibration, site.name),
                "base_sets": calibration.bases.record(),
                "without_effect": [name for name in result.without_effect if name in fitted],
                "tied": _tied(calibration, index),
                **_type_record(calibration),
                "descent_options": str(part.options),
                **descent_record(result),
            },
        },
        provenance=fit_provenance(calibration, site.parameter_set, fitted, parameters)
        | {"disequilibrium_factor": factor, **numbers, "forcing_hash": forcing_hash(site.forcing)},
    )


def descent_record(result: FitResult) -> dict:
    """Method, starts and seed of a fit, for the table ``[fit]``."""
    return {
        "method": result.method,
        "starts": int(result.losses.shape[1]),
        "seed": result.seed,
    }


def fit_provenance(
    calibration: "Calibration | CommunityFit", base: str, names: list[str], parameters: Parameters
) -> dict:
    """Table ``[provenance]`` of a fitted set.

    Args:
        calibration: the fit.
        base: parameter set that the fit began from.
        names: fitted parameters of the set.
        parameters: fitted values.
    """
    result = calibration.result
    rows = {row["name"]: row for row in calibration.posterior.table()}
    starts = result.losses.shape[1]
    return {
        "command": calibration.command,
        "base": base,
        "fitted": names,
        "interval_90": {name: [rows[name]["low"], rows[name]["high"]] for name in names},
        "shrinkage": {name: rows[name]["shrinkage"] for name in names},
        "against_bounds": [name for name in names if rows[name]["at_bound"]],
        "residuals_over_errors": result.residual_ratio,
        "loss": float(result.loss[result.best]),
        "loss_at_prior_centre": float(result.losses[0, 0]),
        "data_hash": fingerprint(result.objective, result.method, result.seed, starts),
        "parameter_hash": parameter_hash(parameters),
        "temjax_version": version("temjax"),
    }


def _residual_scales(calibration: "Calibration | CommunityFit", site: str) -> dict[str, float]:
    """Residual scales of a site by target; empty where the errors count as stated."""
    return {} if calibration.scales is None else calibration.scales.at(site)


def _tied(calibration: "Calibration", index: int) -> list[str]:
    """Free parameters that a site shares with others."""
    objective = calibration.result.objective
    columns = objective.columns[: len(objective.site_parts)]
    others = {column for number, own in enumerate(columns) if number != index for column in own}
    return [calibration.result.names[column] for column in columns[index] if column in others]


def _type_record(calibration: "Calibration") -> dict:
    """Type around which the place was fitted; empty without one."""
    return {} if calibration.hierarchy is None else calibration.hierarchy.record()


def _toml_row(row: dict) -> dict:
    """Row without empty values, which TOML does not have."""
    return {name: value for name, value in row.items() if value is not None}


def posterior_table(
    calibration: "Calibration | CommunityFit",
    columns: list[int],
    names: list[str],
    scales: dict[str, float],
) -> dict:
    """Gaussian posterior of some parameters of a fit, in prior space, as a table of TOML.

    Args:
        calibration: the fit.
        columns: of the parameters among those of the fit.
        names: of the parameters.
        scales: residual scales that the posterior contains.
    """
    mean, covariance = prior_space_posterior(calibration)
    free = calibration.posterior.free
    table = {
        "names": names,
        "transform": ["log" if free.is_log[column] else "identity" for column in columns],
        "prior_mean": [float(free.centre[column]) for column in columns],
        "prior_sd": [float(free.prior_sd[column]) for column in columns],
        "lower": [float(free.lower[column]) for column in columns],
        "upper": [float(free.upper[column]) for column in columns],
        "mean": mean[columns].tolist(),
        "covariance": covariance[np.ix_(columns, columns)].tolist(),
        "residual_scales": scales,
        "arrays": posterior_file_name(calibration),
    }
    if calibration.draws is not None:
        table["draws"] = int(np.prod(np.shape(calibration.draws.values)[:2]))
    return table


def prior_space_posterior(
    calibration: "Calibration | CommunityFit",
) -> tuple[np.ndarray, np.ndarray]:
    """Mean ``(free,)`` and covariance ``(free, free)`` of the posterior in prior space."""
    free, posterior = calibration.posterior.free, calibration.posterior
    sd = np.asarray(free.prior_sd)
    mean = np.asarray(free.centre) + sd * posterior.centre
    return mean, posterior.covariance * np.outer(sd, sd)


def posterior_dataset(calibration: "Calibration | CommunityFit") -> xr.Dataset:
    """Posterior of a fit over all its places, with the draws where there are any."""
    free = calibration.posterior.free
    mean, covariance = prior_space_posterior(calibration)
    names = list(calibration.result.names)
    data = {
        "mean": ("parameter", mean, {"long_name": "posterior mean in prior space"}),
        "covariance": (
            ("parameter", "parameter_2"), covariance,
            {"long_name": "posterior covariance in prior space"},
        ),
        "prior_mean": ("parameter", np.asarray(free.centre)),
        "prior_sd": ("parameter", np.asarray(free.prior_sd)),
        "lower": ("parameter", np.asarray(free.lower), {"long_name": "bound in prior space"}),
        "upper": ("parameter", np.asarray(free.upper), {"long_name": "bound in prior space"}),
        "is_log": (
            "parameter", np.asarray(free.is_log, dtype="i1"),
            {"long_name": "1 where prior space is the natural logarithm of the value"},
        ),
    }  # fmt: skip
    if calibration.draws is not None:
        data["draws"] = (
            ("chain", "draw", "parameter"), calibration.draws.values,
            {"long_name": "draws from the posterior (NUTS) in the parameters' units"},
        )  # fmt: skip
    return xr.Dataset(
        data,
        coords={"parameter": names, "parameter_2": names},
        attrs={
            "title": "posterior of a fit of " + ", ".join(s.name for s in calibration.sites),
            "format": FORMAT,
            "command": calibration.command,
            "source": f"temjax {version('temjax')}",
            **_pooling_attributes(calibration),
        },
    )


def _pooling_attributes(calibration: "Calibration | CommunityFit") -> dict[str, str | float]:
    """Attributes that say which parameters vary around those of a type."""
    if calibration.hierarchy is None:
        return {}
    return {
        "type": calibration.hierarchy.name,
        "pooled": ", ".join(calibration.hierarchy.pooled),
        "pooling_strength": calibration.hierarchy.strength,
    }


def write_posterior(calibration: "Calibration | CommunityFit", path: Path) -> None:
    """Write the posterior of a fit as NetCDF."""
    with atomic_write(path) as temporary:
        posterior_dataset(calibration).to_netcdf(temporary)
