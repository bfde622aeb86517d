"""What a fit leaves behind: fitted sets (TOML), its record (JSON) and a page to read (HTML)."""

import base64
import dataclasses
import json
import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import jax
import jinja2
import numpy as np

from temjax import ModelOptions, Run, write_parameters
from temjax.calibration import figures
from temjax.calibration.fitting import FitResult, fingerprint
from temjax.calibration.nuts import Sampled
from temjax.calibration.profile import Profile, profile_rows
from temjax.calibration.scores import (
    Score,
    as_record,
    parameters_of,
    plain,
    score_site,
    single_run,
    site_free,
)
from temjax.calibration.targets import DEFAULT_ERRORS, ErrorModel
from temjax.calibration.uncertainty import Laplace, laplace, linear_bands
from temjax.files.atomic import write_text
from temjax.runtime.machine import package_versions
from temjax.sites import Site
from temjax.sites.page import page_style
from temjax.sites.provenance import forcing_hash, parameter_hash


@dataclass(frozen=True)
class FitReport:
    """A fit with its posterior, its run with fine sub-steps and their scores, site by site.

    Attributes:
        sites: places fitted.
        result: the fit.
        posterior: Laplace's approximation.
        runs: at the lowest loss with the default sub-steps.
        scores: of every monthly series.
        errors: error model of the fit.
        command: to repeat it.
        profiles: profile likelihoods by name, where asked for.
        sampled: draws of the posterior, where asked for.
    """

    sites: tuple[Site, ...]
    result: FitResult = field(repr=False)
    posterior: Laplace = field(repr=False)
    runs: tuple[Run, ...] = field(repr=False)
    scores: tuple[list[Score], ...]
    errors: ErrorModel
    command: str
    profiles: dict[str, Profile] = field(default_factory=dict, repr=False)
    sampled: Sampled | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        sites: tuple[Site, ...],
        result: FitResult,
        *,
        errors: ErrorModel = DEFAULT_ERRORS,
        command: str,
        options: ModelOptions = ModelOptions(),
        profiles: dict[str, Profile] | None = None,
        sampled: Sampled | None = None,
    ) -> "FitReport":
        """Run the optimum and the prior's centre again with fine sub-steps and score them."""
        runs, scores = [], []
        for number, (site, part) in enumerate(zip(sites, result.objective.parts, strict=True)):
            best = single_run(part, site_free(result, number), options)
            centre = single_run(part, np.zeros(len(part.free.names)), options)
            runs.append(best)
            scores.append(score_site(site, part, best, centre))
        return cls(
            tuple(sites), result, laplace(result), tuple(runs), tuple(scores), errors, command,
            profiles or {}, sampled,
        )  # fmt: skip

    def stocks(self, site: int) -> list[dict]:
        """Observed and simulated stocks of a site at the end of its run."""
        rows = []
        for name, stock in self.sites[site].observations.stocks.items():
            simulated = float(getattr(self.runs[site].state, name))
            rows.append(
                {
                    "variable": name,
                    "unit": stock.unit,
                    "observed": stock.value,
                    "sd": stock.sd,
                    "simulated": simulated,
                    "within_sd": abs(simulated - stock.value) <= stock.sd,
                    "assumed": stock.assumed,
                }
            )
        return rows

    def warnings(self) -> list[str]:
        """What a reader must know before using the numbers."""
        lines = []
        result = self.result
        if result.dropped:
            lines.append(
                f"{len(result.dropped)} of {result.losses.shape[1]} starts were dropped: "
                + "; ".join(f"start {i}: {result.reasons[i]}" for i in result.dropped)
            )
        ratio = result.spread_ratio
        if ratio > 1.2:
            lines.append(
                f"Residuals are {ratio:.1f} times the stated errors (root mean square): the error "
                "model is too tight for this model and these data, and the intervals are too "
                "narrow by about that factor."
            )
        against = self.posterior.at_bounds()
        if against:
            lines.append(
                f"{', '.join(against)}: the optimum lies against a bound. That speaks of the "
                "model's structure or the data, not of the parameter; its interval means little."
            )
        for site, scores in zip(self.sites, self.scores, strict=True):
            for score in scores:
                base = score.other_years
                if score.months == "held out" and base is not None:
                    if score.model.nash_sutcliffe < base.nash_sutcliffe:
                        lines.append(
                            f"{site.name}: in the held-out months the climatology of the fitted "
                            f"years beats the model for {score.variable.replace('_', ' ')} (NSE "
                            f"{base.nash_sutcliffe:.2f} against {score.model.nash_sutcliffe:.2f})."
                        )
                cycle = score.own_cycle
                if score.months == "fitted" and cycle is not None:
                    if score.model.nash_sutcliffe > cycle.nash_sutcliffe:
                        lines.append(
                            f"{site.name}: fitted {score.variable.replace('_', ' ')} scores above "
                            "the data's own mean seasonal cycle: check that forcing and target "
                            "are independent."
                        )
        return lines

    def record(self) -> dict:
        """Everything as plain numbers."""
        result, posterior = self.result, self.posterior
        low, high = posterior.interval()
        return {
            "sites": [site.name for site in self.sites],
            "command": self.command,
            "fingerprint": fingerprint(
                result.objective, result.method, result.seed, result.losses.shape[1]
            ),
            "method": result.method,
            "seed": result.seed,
            "names": list(result.names),
            "prior_centre": result.start_values.tolist(),
            "estimate": result.values.tolist(),
            "interval_90": [low.tolist(), high.tolist()],
            "parameters": posterior.table(),
            "covariance_in_prior_sd": posterior.covariance.tolist(),
            "free": result.free[:, result.best].tolist(),
            "eigenvalues": posterior.eigenvalues.tolist(),
            "directions": posterior.directions.tolist(),
            "correlation": posterior.correlation.tolist(),
            "unconstrained": posterior.unconstrained(),
            "profiles": profile_rows(self.profiles),
            "sampled": None if self.sampled is None else self.sampled.record(),
            "losses": plain(result.losses),
            "path": plain(result.path),
            "gradients": plain(result.gradients),
            "best_start": result.best,
            "start_losses": plain(result.loss),
            "reasons": list(result.reasons),
            "dropped": list(result.dropped),
            "seconds_per_step": result.seconds.tolist(),
            "evaluations": result.evaluations,
            "residuals_over_errors": result.spread_ratio,
            "misfit": {"prior_centre": result.first_misfit, "estimate": result.misfit},
            "scores": {
                site.name: [as_record(score) for score in scores]
                for site, scores in zip(self.sites, self.scores, strict=True)
            },
            "stocks": {site.name: self.stocks(i) for i, site in enumerate(self.sites)},
            "data": {p.name: [dict(row) for row in p.data] for p in result.objective.parts},
            "notes": {part.name: list(part.notes) for part in result.objective.parts},
            "error_model": dataclasses.asdict(self.errors),
            "warnings": self.warnings(),
            "environment": environment(result),
        }

    def write(self, out: Path) -> dict[str, Path]:
        """Write sets, record and page into a folder.

        Returns:
            Paths: ``report``, ``record`` and ``parameters`` (of the first site), and
            ``parameters@SITE`` of each.
        """
        out.mkdir(parents=True, exist_ok=True)
        stem = "-".join(site.name for site in self.sites)
        paths = {"record": out / f"{stem}-fit.json", "report": out / f"{stem}-fit.html"}
        record = self.record()
        write_text(paths["record"], json.dumps(record, indent=1, allow_nan=False))
        write_text(paths["report"], self._page(record))
        for number, site in enumerate(self.sites):
            path = out / f"{site.name}-fitted.toml"
            write_set(self, number, path)
            paths[f"parameters@{site.name}"] = path
        paths["parameters"] = paths[f"parameters@{self.sites[0].name}"]
        return paths

    def _page(self, record: dict) -> str:
        result, posterior = self.result, self.posterior
        bands = linear_bands(result, posterior)
        after = record["misfit"]["estimate"]
        count = result.losses.shape[1]
        used = sum(row["used"] for rows in record["data"].values() for row in rows)
        encoded = {
            "loss": figures.loss_figure(result),
            "parameters": figures.parameter_figure(posterior),
            "spectrum": figures.spectrum_figure(posterior),
            "correlation": figures.correlation_figure(posterior),
        }
        if self.profiles:
            encoded["profiles"] = figures.profile_figure(self.profiles, posterior)
        return _template().render(
            style=page_style(),
            title="Fit of " + " and ".join(site.title for site in self.sites),
            summary=(
                f"{len(result.names)} numbers fitted to {used} "
                f"observations; loss {result.losses[0, 0]:.2f} at the prior's centre, "
                f"{result.loss[result.best]:.2f} at the optimum. The data inform "
                f"{posterior.informed} of {len(result.names)} directions. Skill is that of a run "
                "with the default, finer sub-steps."
            ),
            warnings=record["warnings"],
            scores=record["scores"],
            stocks=record["stocks"],
            site_figures=[
                _encoded(figures.series_figure(site, part, run, bands))
                for site, part, run in zip(
                    self.sites, result.objective.parts, self.runs, strict=True
                )
            ],
            parameters=record["parameters"],
            figures={name: _encoded(figure) for name, figure in encoded.items()},
            unconstrained=record["unconstrained"],
            profiles=record["profiles"],
            sampled=record["sampled"],
            descent=(
                f"{result.method}, {count} starts, {len(result.losses)} steps, "
                f"{result.evaluations} model runs with Jacobian in {result.seconds.sum():.0f} s "
                f"(compilation included); {result.agreeing()} starts end within 1 % of the lowest "
                "loss."
            ),
            misfits=[(name, value, after[name]) for name, value in result.first_misfit.items()],
            starts=[
                {"start": i, "loss": loss, "reason": reason}
                for i, (loss, reason) in enumerate(
                    zip(record["start_losses"], result.reasons, strict=True)
                )
            ],
            data=record["data"],
            notes=record["notes"],
            error_model=str(self.errors),
            command=self.command,
            environment=record["environment"],
        )


def write_set(report: FitReport, number: int, path: Path) -> None:
    """Write the fitted set of one site, with what made it."""
    result, site = report.result, report.sites[number]
    part = result.objective.parts[number]
    parameters, factor = parameters_of(part, site_free(result, number))
    rows = {row["name"]: row for row in report.posterior.table()}
    own = [result.names[column] for column in result.objective.columns[number]]
    targets = [target.label for target in part.targets]
    write_parameters(
        parameters,
        path,
        name=f"{site.name}-fitted",
        title=f"{site.parameter_set} fitted to {site.title}",
        source=f"gradient fit to {', '.join(targets)}",
        provenance={
            "command": report.command,
            "base": site.parameter_set,
            "fitted": list(own),
            "interval_90": {name: [rows[name]["low"], rows[name]["high"]] for name in own},
            "shrinkage": {name: rows[name]["shrinkage"] for name in own},
            "against_bounds": [name for name in own if rows[name]["at_bound"]],
            "disequilibrium_factor": factor,
            "residuals_over_errors": result.spread_ratio,
            "loss": float(result.loss[result.best]),
            "loss_at_prior_centre": float(result.losses[0, 0]),
            "forcing_hash": forcing_hash(site.forcing),
            "data_hash": fingerprint(
                result.objective, result.method, result.seed, result.losses.shape[1]
            ),
            "parameter_hash": parameter_hash(parameters),
            "temjax_version": version("temjax"),
        },
    )


def environment(result: FitResult) -> dict[str, str]:
    """What the fit ran on."""
    return package_versions() | {
        "device": f"{jax.devices()[0].platform}, {platform.machine()}",
        "precision": "float64" if jax.config.jax_enable_x64 else "float32",
        "model_options": str(result.objective.parts[0].options),
    }


def _template() -> jinja2.Template:
    surroundings = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    surroundings.filters |= {
        "two": lambda x: "–" if x is None else f"{x:.2f}",
        "signed": lambda x: "–" if x is None else f"{x:+.2f}",
        "short": _short,
        "words": lambda text: text.replace("_", " "),
    }
    page = files("temjax.calibration") / "templates" / "report.html"
    return surroundings.from_string(page.read_text(encoding="utf-8"))


def _short(value: float | None) -> str:
    """Four digits; large numbers by thousands, not by powers of ten."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}"


def _encoded(figure) -> str:
    return base64.b64encode(figures.png(figure)).decode("ascii")
