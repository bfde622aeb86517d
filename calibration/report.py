"""What a fit leaves behind: fitted parameters, figures, and the path it took."""

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from calibration.fit import FitResult
from sites import Site
from sites.compare import Comparison, compare
from sites.figures import OBSERVED_COLOUR, SIMULATED_COLOUR, mean_year_figure
from sites.provenance import forcing_hash, parameter_hash
from sites.run import SiteRun, run_site
from temjax import write_parameters
from temjax.parameters import REGISTRY


def parameter_table(result: FitResult) -> Table:
    """Start, estimate, spread and bounds of every parameter that moved."""
    table = Table(title="Fitted parameters", title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("parameter", "TEM", "unit", "start", "fitted", "sd", "bounds"):
        table.add_column(column)
    for name, start, best, sd in zip(
        result.names, result.start, result.best, result.standard_deviations, strict=True
    ):
        info = REGISTRY[name]
        spread = f"{sd:.0%}" if info.transform == "log" else f"{sd:.3g}"
        table.add_row(
            name,
            info.symbol,
            info.unit,
            f"{start:.4g}",
            f"{best:.4g}",
            spread,
            f"{info.bounds[0]:g} … {info.bounds[1]:g}",
        )
    return table


def misfit_rows(result: FitResult) -> list[tuple[str, str]]:
    """Share of each target in the loss, before and after."""
    rows = [
        (
            "loss (half the sum of squared, weighted distances)",
            f"{result.losses[0]:.2f} → {result.losses.min():.2f} in {len(result.losses)} steps; "
            f"{result.reason}",
        )
    ]
    for name, before in result.misfits["start"].items():
        rows.append(
            (
                f"misfit of {name.replace('_', ' ')}",
                f"{before:.2f} → {result.misfits['best'][name]:.2f}",
            )
        )
    return rows


def fitted_run(site: Site, result: FitResult) -> tuple[SiteRun, list[Comparison]]:
    """A fresh run with the fitted values and the default sub-steps, beside the observations.

    An optimiser can exploit the error of coarse sub-steps; the reported skill is this run's.
    """
    run = run_site(site, parameters=result.parameters, parameter_source="fitted")
    return run, compare(site, run.run)


def write_fit(
    site: Site, result: FitResult, rows: list[Comparison], out: Path, *, command: str
) -> dict[str, Path]:
    """Write the fitted set (TOML), the record of the fit (JSON) and two figures.

    Returns:
        Paths by what they are: ``parameters``, ``record``, ``mean_year``, ``loss``.
    """
    paths = {
        "parameters": out / f"{site.name}-fitted.toml",
        "record": out / f"{site.name}-fit.json",
        "mean_year": out / f"{site.name}_fitted.png",
        "loss": out / f"{site.name}_loss.png",
    }
    targets = [target.variable for target in result.objective.targets]
    write_parameters(
        result.parameters,
        paths["parameters"],
        name=f"{site.name}-fitted",
        title=f"{site.parameter_set} fitted to {site.title}",
        source=f"gradient fit to {', '.join(targets)}",
        provenance={
            "command": command,
            "base": site.parameter_set,
            "free": list(result.names),
            "loss": float(result.losses.min()),
            "forcing_hash": forcing_hash(site.forcing),
        },
    )
    record = {
        "site": site.name,
        "command": command,
        "targets": targets,
        "names": list(result.names),
        "start": result.start.tolist(),
        "best": result.best.tolist(),
        "standard_deviation_in_prior_space": result.standard_deviations.tolist(),
        "losses": result.losses.tolist(),
        "path": result.path.tolist(),
        "gradients": result.gradients.tolist(),
        "misfits": result.misfits,
        "reason": result.reason,
        "skill": {row.series.variable: vars(row.skill) for row in rows},
        "notes": list(site.notes),
        "parameter_hash": parameter_hash(result.parameters),
        "forcing_hash": forcing_hash(site.forcing),
    }
    paths["record"].write_text(json.dumps(record, indent=1), encoding="utf-8")
    mean_year_figure(f"{site.title}: after the fit", rows, paths["mean_year"])
    loss_figure(site, result, paths["loss"])
    return paths


def loss_figure(site: Site, result: FitResult, path: Path) -> Path:
    """Loss and parameters along the fit, as PNG."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = np.arange(len(result.losses))
    left.plot(steps, result.losses, color=SIMULATED_COLOUR)
    left.axvline(int(np.argmin(result.losses)), color=OBSERVED_COLOUR, lw=0.8, ls=":")
    left.set_xlabel("step")
    left.set_ylabel("loss (–)")
    start = result.path[0]
    is_log = np.array([REGISTRY[name].transform == "log" for name in result.names])
    sd = np.array([REGISTRY[name].prior_sd for name in result.names])
    safe = np.where(is_log, result.path / np.where(is_log, start, 1.0), 1.0)
    moved = np.where(is_log, np.log(safe), result.path - start) / sd
    styles = ("-", "--", "-.", ":")
    for index, name in enumerate(result.names):
        right.plot(steps, moved[:, index], styles[index % 4], label=name)
    right.set_xlabel("step")
    right.set_ylabel("shift (prior sd)")
    right.legend(frameon=False, fontsize=7)
    figure.suptitle(f"{site.title}: path of the fit")
    figure.savefig(path, dpi=150)
    return path
