"""Report of a calibration: parameter sets (TOML), record (JSON), page (HTML), notebook display."""

import dataclasses
import json
import math
import platform
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import jinja2
import pandas as pd
from matplotlib.figure import Figure

from temjax.calibration import figures
from temjax.calibration.checkpoint import fingerprint
from temjax.calibration.fitted_file import (
    posterior_file_name,
    write_fitted_set,
    write_posterior,
)
from temjax.calibration.multistart import FitResult
from temjax.calibration.part_figure import part_figure
from temjax.calibration.part_sets import write_part_sets
from temjax.calibration.part_table import PartTable
from temjax.calibration.profile_fit import soil_profile_figure
from temjax.calibration.profile_likelihood import profile_records
from temjax.calibration.scores import finite_or_none, merged_scores, score_record
from temjax.calibration.type_set import write_type_set
from temjax.calibration.uncertainty import linear_bands
from temjax.files.atomic import write_text
from temjax.runtime.machine import package_versions
from temjax.sites.account import observation_attributes
from temjax.sites.page import page_style

if TYPE_CHECKING:
    from temjax.calibration.result import Calibration

SHOWN_ROWS = 60  # of single data of a part, on the page


def write_report(calibration: "Calibration", out: Path) -> dict[str, Path]:
    """Write parameter sets, posterior, record and page into a folder.

    Returns:
        Paths: ``report``, ``record``, ``posterior``, ``pulls``, ``parameters`` (of the first site),
        ``parameters@SITE`` of each; ``type`` and ``left_out`` where these were asked for.

    Raises:
        OSError: the folder cannot be written to.
    """
    out.mkdir(parents=True, exist_ok=True)
    stem = "-".join(site.name for site in calibration.sites)
    paths = {"record": out / f"{stem}-fit.json", "report": out / f"{stem}-fit.html"}
    record = calibration_record(calibration)
    write_text(paths["record"], json.dumps(record, indent=1, allow_nan=False))
    write_text(paths["report"], report_page(calibration, record))
    for index, site in enumerate(calibration.sites):
        path = out / f"{site.name}-fitted.toml"
        write_fitted_set(calibration, index, path)
        paths[f"parameters@{site.name}"] = path
    paths["pulls"] = out / f"{stem}-pulls.csv"
    write_text(paths["pulls"], pd.DataFrame(calibration.pulls.rows()).to_csv(index=False))
    if calibration.left_out is not None:
        paths["left_out"] = out / f"{stem}-left-out.csv"
        write_text(paths["left_out"], pd.DataFrame(calibration.left_out.rows).to_csv(index=False))
    if calibration.hierarchy is not None:
        paths["type"] = out / f"{calibration.hierarchy.name}-fitted.toml"
        write_type_set(calibration, paths["type"])
    paths |= write_part_sets(calibration, out)
    for table in calibration.tables:
        paths[table.name] = out / f"{stem}-{table.name}.csv"
        write_text(paths[table.name], table.csv())
    paths["posterior"] = out / posterior_file_name(calibration)
    write_posterior(calibration, paths["posterior"])
    paths["parameters"] = paths[f"parameters@{calibration.sites[0].name}"]
    return paths


def calibration_record(calibration: "Calibration") -> dict:
    """Record of a calibration as JSON values."""
    result, posterior = calibration.result, calibration.posterior
    low, high = posterior.interval()
    return {
        "sites": [site.name for site in calibration.sites],
        "command": calibration.command,
        "fingerprint": fingerprint(
            result.objective, result.method, result.seed, result.losses.shape[1]
        ),
        "method": result.method,
        "seed": result.seed,
        "names": list(result.names),
        "prior_centre": result.prior_centre.tolist(),
        "estimate": result.values.tolist(),
        "interval_90": [low.tolist(), high.tolist()],
        "parameters": posterior.table(),
        "covariance_in_prior_sd": posterior.covariance.tolist(),
        "free": result.free[:, result.best].tolist(),
        "eigenvalues": posterior.eigenvalues.tolist(),
        "directions": posterior.directions.tolist(),
        "correlation": posterior.correlation.tolist(),
        "unconstrained": posterior.unconstrained(),
        "profiles": profile_records(calibration.profiles),
        "sampled": None if calibration.draws is None else calibration.draws.record(),
        "losses": finite_or_none(result.losses),
        "path": finite_or_none(result.path),
        "gradients": finite_or_none(result.gradients),
        "best_start": result.best,
        "start_losses": finite_or_none(result.loss),
        "reasons": list(result.reasons),
        "dropped": list(result.dropped),
        "seconds_per_step": result.seconds.tolist(),
        "evaluations": result.evaluations,
        "residuals_over_errors": result.residual_ratio,
        "residual_scales": None if calibration.scales is None else calibration.scales.record(),
        "base_sets": calibration.bases.record(),
        "pulls": calibration.pulls.record(),
        "left_out": None if calibration.left_out is None else calibration.left_out.record(),
        "hierarchy": None if calibration.hierarchy is None else calibration.hierarchy.record(),
        "without_effect": list(result.without_effect),
        "account": calibration.account(),
        "misfit": {"prior_centre": result.first_misfit, "estimate": result.misfit},
        "scores": {
            site.name: [score_record(score) for score in scores]
            for site, scores in zip(calibration.sites, calibration.site_scores, strict=True)
        },
        "stocks": {site.name: calibration.stocks(i) for i, site in enumerate(calibration.sites)},
        "soil_profiles": {
            site.name: [one.record() for one in fits]
            for site, fits in zip(calibration.sites, calibration.soil_profiles, strict=True)
        },
        "other_data": {table.name: table.record() for table in calibration.tables},
        "data": {p.name: [dict(row) for row in p.data] for p in result.objective.parts},
        "absent": {part.name: dict(part.absent) for part in result.objective.parts},
        "observations": {site.name: observation_attributes(site) for site in calibration.sites},
        "notes": {part.name: list(part.notes) for part in result.objective.parts},
        "error_model": dataclasses.asdict(calibration.errors),
        "warnings": calibration.warnings(),
        "environment": environment(result),
    }


def report_page(calibration: "Calibration", record: dict) -> str:
    """HTML page of a calibration.

    Args:
        calibration: of one or more sites.
        record: from ``calibration_record``.
    """
    result, posterior = calibration.result, calibration.posterior
    bands = linear_bands(result, posterior)
    after = record["misfit"]["estimate"]
    count = result.losses.shape[1]
    used = sum(row["used"] for rows in record["data"].values() for row in rows)
    return template("report.html").render(
        style=page_style(),
        title="Fit of " + " and ".join(site.title for site in calibration.sites),
        summary=(
            f"{len(result.names)} parameters fitted to {used} "
            f"observations; loss {result.losses[0, 0]:.2f} at the prior's centre, "
            f"{result.loss[result.best]:.2f} at the optimum with the errors as stated. "
            f"The data inform {posterior.informed} of {len(result.names)} directions, that is, "
            "combinations of parameters. "
            "Skill is that of a run with the default, finer sub-steps."
        ),
        warnings=record["warnings"],
        account=record["account"],
        scores={
            site.name: [score_record(score) for score in merged_scores(scores)]
            for site, scores in zip(calibration.sites, calibration.site_scores, strict=True)
        },
        stocks=record["stocks"],
        left_out=record["left_out"],
        pulls=record["pulls"],
        other_data=other_data(calibration.tables),
        site_figures=[
            figures.png_base64(figures.series_figure(site, part, run, bands))
            for site, part, run in zip(
                calibration.sites, result.objective.site_parts, calibration.runs, strict=True
            )
            if site.observations.monthly
        ],
        soil_figures=[
            figures.png_base64(soil_profile_figure(site.title, fits))
            for site, fits in zip(calibration.sites, calibration.soil_profiles, strict=True)
            if fits
        ],
        parameters=record["parameters"],
        figures={name: figures.png_base64(figure) for name, figure in _drawn(calibration).items()},
        unconstrained=record["unconstrained"],
        profiles=record["profiles"],
        sampled=record["sampled"],
        descent=(
            f"{result.method}, {count} starts, {len(result.losses)} steps, "
            f"{result.evaluations} model runs with Jacobian in {result.seconds.sum():.0f} s "
            f"(compilation included); {result.starts_within()} starts end within 1 % of the "
            "lowest loss."
        ),
        misfits=[(name, value, after[name]) for name, value in result.first_misfit.items()],
        starts=[
            {"start": i, "loss": loss, "reason": reason}
            for i, (loss, reason) in enumerate(
                zip(record["start_losses"], result.reasons, strict=True)
            )
        ],
        data=record["data"],
        absent=record["absent"],
        observations=record["observations"],
        notes=record["notes"],
        error_model=str(calibration.errors),
        command=calibration.command,
        environment=record["environment"],
    )


def _drawn(calibration: "Calibration") -> dict[str, Figure]:
    """Figures of the page, by name."""
    kinds = ["loss", "parameters", "spectrum", "correlation"]
    kinds += ["pulls"] if calibration.pulls.strongest() else []
    kinds += ["profiles"] if calibration.profiles else []
    return {kind: calibration.plot(kind) for kind in kinds}


def other_data(tables: Sequence[PartTable]) -> list[dict]:
    """Data of parts besides the sites for the page: sentences, figure, and the first rows."""
    return [
        {
            "name": table.name,
            "lines": table.lines,
            "figure": figures.png_base64(part_figure(table)),
            "columns": list(table.rows[0]),
            "rows": [list(row.values()) for row in table.rows[:SHOWN_ROWS]],
            "more": max(len(table.rows) - SHOWN_ROWS, 0),
        }
        for table in tables
    ]


def environment(result: FitResult) -> dict[str, str]:
    """Package versions, device, precision and model options of a fit."""
    return package_versions() | {
        "device": f"{jax.devices()[0].platform}, {platform.machine()}",
        "precision": "float64" if jax.config.jax_enable_x64 else "float32",
        "model_options": str(result.objective.parts[0].options),
    }


def result_html(calibration: "Calibration") -> str:
    """HTML of a calibration for a notebook."""
    return template("result.html").render(**_summary(calibration))


def result_text(calibration: "Calibration") -> str:
    """Plain text of a calibration for a terminal."""
    summary = _summary(calibration)
    width = max(len(row["name"]) for row in summary["parameters"])
    lines = [summary["title"], summary["fit"], "", "parameters: prior → estimate (90 % interval)"]
    for row in summary["parameters"]:
        lines.append(
            f"  {row['name']:{width}}  {row['prior']:.4g} → {row['estimate']:.4g} "
            f"({row['low']:.4g} … {row['high']:.4g}) {row['unit']}"
            + (", at a bound" if row["at_bound"] else "")
        )
    lines += ["", "Nash–Sutcliffe efficiency: before → after the fit"]
    for row in summary["scores"]:
        before = row["nash_sutcliffe_before"]
        lines.append(
            f"  {row['site']} {row['variable']} ({row['months']}): {before:.2f} → "
            f"{row['nash_sutcliffe']:.2f}"
        )
    if summary["unconstrained"]:
        lines += ["", "not constrained by the data:"]
        lines += [f"  {line}" for line in summary["unconstrained"]]
    lines += ["", *summary["account"]] if summary["account"] else []
    if summary["warnings"]:
        lines += ["", "warnings:", *(f"  {line}" for line in summary["warnings"])]
    return "\n".join(lines)


def _summary(calibration: "Calibration") -> dict:
    """Contents of the notebook and terminal displays."""
    result, posterior = calibration.result, calibration.posterior
    return {
        "title": "Calibration of " + " and ".join(site.title for site in calibration.sites),
        "fit": (
            f"loss {result.losses[0, 0]:.2f} → {result.loss[result.best]:.2f} in "
            f"{len(result.losses)} steps of {result.losses.shape[1]} starts ({result.method}); "
            f"the data inform {posterior.informed} of {len(result.names)} directions"
        ),
        "parameters": posterior.table(),
        "scores": calibration.scores().to_dict("records"),
        "unconstrained": posterior.unconstrained(),
        "account": calibration.account(),
        "warnings": calibration.warnings(),
    }


def template(name: str) -> jinja2.Template:
    """Page template of the package."""
    jinja = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    jinja.filters |= {
        "two": lambda x: "–" if x is None or math.isnan(x) else f"{x:.2f}",
        "signed": lambda x: "–" if x is None or math.isnan(x) else f"{x:+.2f}",
        "short": _four_digits,
        "words": lambda text: text.replace("_", " "),
    }
    page = files("temjax.calibration") / "templates" / name
    return jinja.from_string(page.read_text(encoding="utf-8"))


def _four_digits(value: float | None) -> str:
    """Four significant digits; from 10 000 on with a thousands separator, not an exponent."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}"
