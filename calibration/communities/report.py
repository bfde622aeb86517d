"""Report of a fit to target values: parameter set (TOML), record (JSON) and page (HTML)."""

import json
import platform
from pathlib import Path

import jax
import numpy as np

from temjax.calibration import figures
from temjax.calibration.communities.fit import CommunityFit
from temjax.calibration.fitted_file import (
    FORMAT,
    descent_record,
    fit_provenance,
    posterior_file_name,
    posterior_table,
    write_posterior,
)
from temjax.calibration.report import environment, template
from temjax.calibration.scores import finite_or_none
from temjax.files.atomic import write_text
from temjax.parameters.files import FIT_OPTIONS, write_parameters
from temjax.sites.page import page_style
from temjax.sites.provenance import forcing_hash


def write_community_fit(fitted: CommunityFit, out: Path) -> dict[str, Path]:
    """Write set, posterior, record and page of a community into a folder.

    Returns:
        Paths: ``parameters``, ``posterior``, ``record`` and ``report``.

    Raises:
        OSError: the folder cannot be written to.
    """
    out.mkdir(parents=True, exist_ok=True)
    name = fitted.community.name
    paths = {
        "parameters": out / f"{name}-fitted.toml",
        "posterior": out / posterior_file_name(fitted),
        "record": out / f"{name}-fit.json",
        "report": out / f"{name}-fit.html",
    }
    write_fitted_community(fitted, paths["parameters"])
    write_posterior(fitted, paths["posterior"])
    record = community_record(fitted)
    write_text(paths["record"], json.dumps(record, indent=1, allow_nan=False))
    write_text(paths["report"], community_page(fitted, record))
    return paths


def write_fitted_community(fitted: CommunityFit, path: Path) -> None:
    """Write the fitted set of a community; its place is the climate alone, and has no state."""
    community, result, part, site = fitted.community, fitted.result, fitted.part, fitted.site
    names = list(result.names)
    targets = [row.target.name for row in fitted.rows]
    place = {
        "name": community.name,
        "title": site.title,
        "climate": fitted.climate,
        "latitude": float(site.location.latitude),
        "elevation": float(site.location.elevation),
        "forcing_hash": forcing_hash(part.forcing),
        **({} if np.isnan(site.longitude) else {"longitude": site.longitude}),
    }
    write_parameters(
        fitted.parameters,
        path,
        name=f"{community.name}-fitted",
        title=f"{community.parameter_set} fitted to target values of {community.title}",
        source=f"gradient fit to {', '.join(targets)}; targets: {community.source}",
        tables={
            "format": FORMAT,
            "place": place,
            "options": {name: getattr(part.options, name) for name in FIT_OPTIONS},
            "posterior": posterior_table(fitted, list(range(len(names))), names, {}),
            "fit": {
                "command": fitted.command,
                "targets": targets,
                "target_values": [row.record() for row in fitted.rows],
                "notes": list(part.notes),
                "without_effect": list(result.without_effect),
                "descent_options": str(part.options),
                **descent_record(result),
            },
        },
        provenance=fit_provenance(fitted, community.parameter_set, names, fitted.parameters)
        | {"forcing_hash": forcing_hash(part.forcing)},
    )


def community_record(fitted: CommunityFit) -> dict:
    """Record of a fit to target values as JSON values."""
    result, posterior = fitted.result, fitted.posterior
    return {
        "community": fitted.community.name,
        "climate": fitted.climate,
        "command": fitted.command,
        "method": result.method,
        "seed": result.seed,
        "targets": [row.record() for row in fitted.rows],
        "parameters": posterior.table(),
        "covariance_in_prior_sd": posterior.covariance.tolist(),
        "eigenvalues": posterior.eigenvalues.tolist(),
        "directions": posterior.directions.tolist(),
        "unconstrained": posterior.unconstrained(),
        "losses": finite_or_none(result.losses),
        "start_losses": finite_or_none(result.loss),
        "reasons": list(result.reasons),
        "seconds_per_step": result.seconds.tolist(),
        "misfit": {"prior_centre": result.first_misfit, "estimate": result.misfit},
        "residuals_over_errors": result.residual_ratio,
        "account": fitted.account(),
        "warnings": fitted.warnings(),
        "environment": environment(result) | {
            "device": f"{jax.devices()[0].platform}, {platform.machine()}"
        },
    }  # fmt: skip


def community_page(fitted: CommunityFit, record: dict) -> str:
    """HTML page of a fit to target values."""
    result, posterior = fitted.result, fitted.posterior
    drawn = {
        "parameters": figures.parameter_figure(posterior),
        "loss": figures.loss_figure(result),
        "spectrum": figures.spectrum_figure(posterior),
        "correlation": figures.correlation_figure(posterior),
    }
    return template("community.html").render(
        style=page_style(),
        title=f"Fit of {fitted.site.title}",
        summary=(
            f"{len(result.names)} parameters fitted to {len(fitted.rows)} target values; loss "
            f"{result.losses[0, 0]:.2f} at the prior's centre, {result.loss[result.best]:.2f} at "
            f"the optimum. The targets inform {posterior.informed} of {len(result.names)} "
            "directions. Simulated values are those of a steady state with the default, finer "
            "sub-steps."
        ),
        figures={name: figures.png_base64(figure) for name, figure in drawn.items()},
        starts=list(enumerate(zip(record["start_losses"], result.reasons, strict=True))),
        **{key: record[key] for key in (
            "targets", "parameters", "unconstrained", "account", "warnings", "command",
            "environment",
        )},
    )  # fmt: skip
