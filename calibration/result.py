"""Result of a calibration: parameters, posterior, runs and scores of one or more sites."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from temjax import ModelOptions, Parameters, Run
from temjax.calibration import figures
from temjax.calibration.base_sets import BaseComparison
from temjax.calibration.gross_flux import counted_as
from temjax.calibration.hierarchy import Hierarchy
from temjax.calibration.history import HistoryRun
from temjax.calibration.left_out import LeftOut
from temjax.calibration.multistart import FitResult
from temjax.calibration.nuts import PosteriorDraws
from temjax.calibration.part_table import PartTable
from temjax.calibration.pooled_posterior import reported_posterior
from temjax.calibration.profile_fit import ProfileFit, profile_fits, soil_profile_figure
from temjax.calibration.profile_likelihood import ProfileLikelihood
from temjax.calibration.pull_figure import pull_figure
from temjax.calibration.pulls import Pulls, data_pulls
from temjax.calibration.report import result_html, result_text, write_report
from temjax.calibration.residual_scale import ResidualScales, scaled_posterior
from temjax.calibration.scores import (
    Score,
    centre_run,
    parameters_at,
    run_at,
    score_rows,
    score_site,
    score_warning,
    scoring_options,
    site_vector,
)
from temjax.calibration.stock_rows import stock_rows
from temjax.calibration.targets import DEFAULT_ERRORS, ErrorModel
from temjax.calibration.tunables import no_effect_text
from temjax.calibration.uncertainty import Laplace, linear_bands
from temjax.sites import Site

Plot = Literal[
    "months", "parameters", "loss", "spectrum", "correlation", "profiles", "soil_profile", "pulls"
]
TOO_TIGHT = 1.2  # residuals over stated errors above which the report warns


@dataclass(frozen=True, repr=False)
class Calibration:
    """Calibrated parameters of one or more sites, with everything needed to judge them.

    In a notebook the object shows parameters with their 90 % intervals, scores before and after
    the fit, what the data do not constrain, and warnings.

    Attributes:
        sites: fitted sites.
        result: the fit of all starts.
        posterior: Laplace's approximation at the lowest loss.
        histories: runs at the lowest loss with fine sub-steps, one per site.
        site_scores: of every monthly series, one list per site.
        errors: error model of the fit.
        command: that repeats the calibration.
        profiles, draws: profile likelihoods and draws from the posterior, if requested.
        scales: residual scales, if estimated.
        bases: base sets that were compared.
        soil_profiles: fitted soil temperature profiles, those of one site a tuple.
        hierarchy: the type that the sites are places of, if one was fitted.
        left_out: scores of each place by the fit of the others, if requested.
        tables: data of parts besides the sites, beside the model.
    """

    sites: tuple[Site, ...]
    result: FitResult
    posterior: Laplace
    histories: tuple[HistoryRun, ...]
    site_scores: tuple[list[Score], ...]
    errors: ErrorModel
    command: str
    profiles: Mapping[str, ProfileLikelihood] = field(default_factory=dict)
    draws: PosteriorDraws | None = None
    scales: ResidualScales | None = None
    bases: BaseComparison = field(default_factory=BaseComparison)
    soil_profiles: tuple[tuple[ProfileFit, ...], ...] = ()
    hierarchy: Hierarchy | None = None
    left_out: LeftOut | None = None
    tables: tuple[PartTable, ...] = ()

    @classmethod
    def of(
        cls,
        sites: Sequence[Site],
        result: FitResult,
        *,
        errors: ErrorModel = DEFAULT_ERRORS,
        command: str,
        options: ModelOptions | None = None,
        profiles: Mapping[str, ProfileLikelihood] | None = None,
        draws: PosteriorDraws | None = None,
        prior_runs: Sequence[Run] = (),
        scales: ResidualScales | None = None,
        bases: BaseComparison | None = None,
        hierarchy: Hierarchy | None = None,
    ) -> "Calibration":
        """Calibration of a finished fit: runs and scores at its optimum and the prior's centre.

        Args:
            sites: of the fit, in its order.
            result: of ``fit``.
            errors: error model of the objective.
            command: that repeats the calibration.
            options: of the runs that are scored; by default ``scoring_options`` of the fit.
            profiles: profile likelihoods.
            draws: from the posterior.
            prior_runs: of ``centre_run``, one per site; by default they are made here.
            scales, bases, hierarchy: see the class.

        Raises:
            DataError: a run is not finite.
            FitError: the vegetation of a site cannot live there.
        """
        parts = result.objective.site_parts
        if not prior_runs:
            prior_runs = [centre_run(*pair, options) for pair in zip(sites, parts, strict=True)]
        posterior = reported_posterior(result, scaled_posterior(result, scales))
        histories, scores, soil = [], [], []
        for number, (site, part) in enumerate(zip(sites, parts, strict=True)):
            vector = site_vector(result, number)
            histories.append(run_at(part, vector, options or scoring_options(part)))
            scores.append(score_site(site, part, histories[-1].run, prior_runs[number]))
            soil.append(profile_fits(site, part, vector, result, posterior))
        tables = (
            part.compare(site_vector(result, number))
            for number, part in enumerate(result.objective.parts)
        )
        return cls(
            tuple(sites), result, posterior, tuple(histories), tuple(scores), errors, command,
            profiles or {}, draws, scales, bases or BaseComparison(), tuple(soil), hierarchy,
            tables=tuple(filter(None, tables)),
        )  # fmt: skip

    @property
    def runs(self) -> tuple[Run, ...]:
        """Run of each site at the lowest loss."""
        return tuple(history.run for history in self.histories)

    @property
    def pulls(self) -> Pulls:
        """Which data pull a parameter where."""
        return data_pulls(self.result)

    @property
    def names(self) -> tuple[str, ...]:
        """Free parameters; ``name@site`` in joint fits where each site has its own."""
        return self.result.names

    def account(self) -> list[str]:
        """What was counted how and what was chosen, as sentences."""
        several = len(self.sites) > 1
        lines = self.bases.lines()
        lines += [] if self.hierarchy is None else self.hierarchy.lines()
        lines += [] if self.scales is None else self.scales.lines()
        for part in self.result.objective.site_parts:
            counted = counted_as(part.targets)
            lines += [f"{part.name}: {counted}" if several else counted] if counted else []
            if part.heat_suffices:
                lines.append(f"{part.name}: the fit ran soil heat alone, which decides its targets")
        lines += [one.line for fits in self.soil_profiles for one in fits]
        lines += [] if self.left_out is None else self.left_out.lines()
        lines += [line for table in self.tables for line in table.lines]
        flat = no_effect_text(self.result.without_effect)
        return [*lines, flat] if flat else lines

    @property
    def parameters(self) -> Parameters:
        """Calibrated parameter set, ready for ``temjax.simulate``.

        Raises:
            ValueError: several sites were fitted; ask ``site_parameters``.
        """
        return self.site_parameters()

    def site_parameters(self, site: str | None = None) -> Parameters:
        """Calibrated parameter set of a site.

        Args:
            site: its name; not needed where one site was fitted.

        Raises:
            ValueError: no such site, or none given of several.
        """
        return self.at_optimum(self.site_index(site))[0]

    def disequilibrium_factor(self, site: str | None = None) -> float:
        """Fitted factor on soil organic matter, 1 where it was not free; no parameter carries it.

        Raises:
            ValueError: no such site, or none given of several.
        """
        return self.at_optimum(self.site_index(site))[1]

    def at_optimum(self, index: int) -> tuple[Parameters, float]:
        """Parameters and disequilibrium factor of a site, by number, at the lowest loss."""
        return parameters_at(
            self.result.objective.site_parts[index], site_vector(self.result, index)
        )

    def run(self, site: str | None = None) -> Run:
        """Run at the lowest loss, from the year in which the disequilibrium factor acts.

        Raises:
            ValueError: no such site, or none given of several.
        """
        return self.runs[self.site_index(site)]

    def table(self) -> pd.DataFrame:
        """Prior, estimate and 90 % interval of every free parameter, in units."""
        return pd.DataFrame(self.posterior.table()).set_index("name")

    def scores(self) -> pd.DataFrame:
        """Skill of every monthly series by group of months, before and after the fit.

        Groups are fitted, held out or not fitted, and besides all usable and all observed months;
        groups of the same months share a row, such as ``fitted, usable, all``. Columns ending in
        ``_before`` are those of the prior's centre; ``other_years`` is the Nash–Sutcliffe
        efficiency of the leave-one-year-out climatology.
        """
        pairs = zip(self.sites, self.site_scores, strict=True)
        return pd.DataFrame([row for site, own in pairs for row in score_rows(site.name, own)])

    def plot(self, kind: Plot = "months", site: str | None = None) -> Figure:
        """Figure of the calibration.

        Args:
            kind: ``months`` observed and simulated with the 90 % predictive band, ``parameters``,
                ``loss`` of every start, eigenvalue ``spectrum``, posterior ``correlation``,
                ``profiles`` (of the likelihood), ``soil_profile`` by depth, or ``pulls`` of the
                data on the parameters.
            site: of ``months`` and ``soil_profile``; not needed where one site was fitted.

        Raises:
            ValueError: unknown kind, nothing of that kind, no such site, or none of several.
        """
        if kind == "months":
            index = self.site_index(site)
            if not self.sites[index].observations.monthly:
                raise ValueError("no monthly series was observed")
            bands = linear_bands(self.result, self.posterior)
            part = self.result.objective.site_parts[index]
            return figures.series_figure(self.sites[index], part, self.runs[index], bands)
        if kind == "soil_profile":
            index = self.site_index(site)
            if not self.soil_profiles[index]:
                raise ValueError("no soil temperature profile was fitted")
            return soil_profile_figure(self.sites[index].title, self.soil_profiles[index])
        if kind == "profiles" and not self.profiles:
            raise ValueError("no profile likelihoods; give calibrate(…, profiles=('all',))")
        draw = {
            "parameters": lambda: figures.parameter_figure(self.posterior),
            "loss": lambda: figures.loss_figure(self.result),
            "spectrum": lambda: figures.spectrum_figure(self.posterior),
            "correlation": lambda: figures.correlation_figure(self.posterior),
            "profiles": lambda: figures.profile_figure(self.profiles, self.posterior),
            "pulls": lambda: pull_figure(self.pulls),
        }
        if kind not in draw:
            raise ValueError(f"unknown plot {kind!r}; choose months, {', '.join(draw)}")
        return draw[kind]()

    def save(self, folder: str | Path) -> dict[str, Path]:
        """Write fitted parameter sets (TOML), record (JSON) and report (HTML), as the command does.

        Returns:
            Paths: ``report``, ``record``, ``parameters`` (of the first site) and
            ``parameters@SITE`` of each.

        Raises:
            OSError: the folder cannot be written to.
        """
        return write_report(self, Path(folder))

    def stocks(self, index: int) -> list[dict]:
        """Observed stocks of a site, by number, beside the simulated ones.

        Those of the place are at the end of its run, those of its vegetation type before the
        disequilibrium factor acts.
        """
        return stock_rows(self.sites[index], self.histories[index])

    def warnings(self) -> list[str]:
        """Reasons for caution with the estimates, as sentences."""
        lines = []
        result = self.result
        if result.dropped:
            lines.append(
                f"{len(result.dropped)} of {result.losses.shape[1]} starts were dropped: "
                + "; ".join(f"start {i}: {result.reasons[i]}" for i in result.dropped)
            )
        ratio = result.residual_ratio
        if self.scales is None and ratio > TOO_TIGHT:
            lines.append(
                f"Residuals are {ratio:.1f} times the stated errors (root mean square): the error "
                "model is too tight for this model and these data, and the intervals are too "
                "narrow by about that factor."
            )
        at_bounds = self.posterior.at_bounds()
        if at_bounds:
            lines.append(
                f"{', '.join(at_bounds)}: the optimum lies against a bound. That speaks of the "
                "model's structure or the data, not of the parameter; its interval means little."
            )
        for site, scores in zip(self.sites, self.site_scores, strict=True):
            lines += filter(None, (score_warning(site, score) for score in scores))
        return lines

    def site_index(self, site: str | None = None) -> int:
        """Number of a site among those fitted.

        Raises:
            ValueError: no such site, or none given of several.
        """
        names = [one.name for one in self.sites]
        if site is None and len(names) == 1:
            return 0
        if site not in names:
            raise ValueError(f"site {site!r}; fitted were {', '.join(names)}")
        return names.index(site)

    def __repr__(self) -> str:
        return result_text(self)

    def _repr_html_(self) -> str:
        return result_html(self)
