"""Figures of a fit, for notebooks and the report."""

import base64
import io

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from temjax import Run
from temjax.calibration.multistart import FitResult
from temjax.calibration.objective import Objective
from temjax.calibration.profile_likelihood import ProfileLikelihood
from temjax.calibration.tunables import parameter_info
from temjax.calibration.uncertainty import INFORMED, Band, Laplace
from temjax.sites import Site, paired
from temjax.sites.compare import simulated_months
from temjax.sites.figures import AXIS, OBSERVED_COLOUR, SIMULATED_COLOUR

BAND_COLOUR = "#fdba74"
PRIOR_COLOUR = "#94a3b8"


class DisplayFigure(Figure):
    """Figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Figure) -> bytes:
    """PNG bytes of a figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def png_base64(figure: Figure) -> str:
    """PNG of a figure, encoded to be embedded in a page."""
    return base64.b64encode(png(figure)).decode("ascii")


def series_figure(site: Site, objective: Objective, run: Run, bands: dict[str, Band]) -> Figure:
    """Observed and simulated months with the posterior predictive band, and the residuals."""
    monthly = list(site.observations.monthly.values())
    figure = DisplayFigure(figsize=(10, 2.5 * len(monthly)), layout="constrained")
    axes = figure.subplots(len(monthly), 2, squeeze=False, gridspec_kw={"width_ratios": [2.4, 1]})
    for (left, right), series in zip(axes, monthly, strict=True):
        observed, simulated = paired(
            series, simulated_months(run, series), np.asarray(run.years), usable_only=False
        )
        time = series.period[0] + (np.arange(observed.size) + 0.5) / 12
        suspect = np.isfinite(observed) & series.suspect[: observed.shape[0]]
        usable = np.where(suspect, np.nan, observed).ravel()
        band = bands.get(f"{series.variable}@{objective.name}")
        if band is not None:
            half_width = 1.645 * band.total_sd.ravel()
            centre = simulated.ravel()
            left.fill_between(
                time,
                centre - half_width,
                centre + half_width,
                color=BAND_COLOUR,
                alpha=0.45,
                lw=0,
                label="90 % predictive band",
            )
            held_out = np.asarray(band.target.held_out).ravel() > 0
            if held_out.any():
                x, y = time[held_out], usable[held_out]
                left.plot(x, y, "o", ms=5, mfc="none", color="#2563eb", label="held out")
        left.plot(time, simulated.ravel(), color=SIMULATED_COLOUR, lw=1.2, label="simulated")
        left.plot(time, usable, "o", ms=2.8, color=OBSERVED_COLOUR, label="observed")
        if suspect.any():
            left.plot(
                time[suspect.ravel()],
                observed[suspect],
                "x",
                ms=4,
                color="#64748b",
                label="known fault, left out",
            )
        left.set_ylabel(AXIS.get(series.variable, series.variable), fontsize=8)
        left.legend(frameon=False, fontsize=7, ncols=2)
        right.axhline(0, color="0.7", lw=0.8)
        months = np.tile(np.arange(1, 13), observed.shape[0])
        right.plot(months, simulated.ravel() - usable, "o", ms=3, color=SIMULATED_COLOUR)
        right.set_xticks(range(1, 13))
        right.tick_params(labelsize=7)
        right.set_ylabel("simulated − observed", fontsize=8)
        one_year = observed.shape[0] == 1
        if one_year:
            left.set_xticks(time, [str(month) for month in range(1, 13)])
    axes[-1][0].set_xlabel("month" if one_year else "year")
    axes[-1][1].set_xlabel("month")
    figure.suptitle(f"{site.title}: observed and simulated months")
    return figure


def loss_figure(result: FitResult) -> Figure:
    """Lowest loss so far of every start."""
    figure = DisplayFigure(figsize=(6, 3.4), layout="constrained")
    axis = figure.subplots()
    steps = np.arange(len(result.losses))
    for start in range(result.losses.shape[1]):
        losses = np.where(np.isfinite(result.losses[:, start]), result.losses[:, start], np.inf)
        lowest = np.minimum.accumulate(losses)
        if not np.isfinite(lowest).any():
            continue
        lowest = np.where(np.isfinite(lowest), lowest, np.nan)
        best = start == result.best
        axis.plot(
            steps,
            lowest,
            color=SIMULATED_COLOUR if best else PRIOR_COLOUR,
            lw=1.8 if best else 0.8,
            zorder=3 if best else 1,
        )
    axis.set_yscale("log")
    axis.set_xlabel("step")
    axis.set_ylabel("loss: half the sum of squares (–)")
    dropped = f", {len(result.dropped)} dropped" if result.dropped else ""
    axis.set_title(f"{result.losses.shape[1]} starts{dropped}; the best in colour", fontsize=9)
    return figure


def parameter_figure(posterior: Laplace) -> Figure:
    """Shift and 90 % interval of every parameter, in prior standard deviations."""
    rows = len(posterior.names)
    figure = DisplayFigure(figsize=(7, 0.8 + 0.3 * rows), layout="constrained")
    axis = figure.subplots()
    half_width = 1.645 * posterior.sd
    best, low, high = posterior.centre, posterior.centre - half_width, posterior.centre + half_width
    at = np.arange(rows)[::-1]
    axis.hlines(at, -1.645, 1.645, color=PRIOR_COLOUR, lw=6, alpha=0.4, label="prior, 90 %")
    axis.hlines(at, low, high, color=SIMULATED_COLOUR, lw=2, label="posterior, 90 %")
    axis.plot(best, at, "o", color=SIMULATED_COLOUR, ms=4)
    axis.set_yticks(at, [label(name) for name in posterior.names], fontsize=7)
    axis.set_xlabel("shift from the prior's centre (prior sd)")
    axis.axvline(0, color="0.7", lw=0.8)
    axis.margins(y=0.5 / rows)  # the outermost bars whole
    figure.legend(frameon=False, fontsize=7, loc="outside upper right", ncols=2)
    return figure


def profile_figure(profiles: dict[str, ProfileLikelihood], posterior: Laplace) -> Figure:
    """Profile likelihoods beside the parabola of Laplace's approximation."""
    columns = min(4, len(profiles))
    rows = -(-len(profiles) // columns)
    figure = DisplayFigure(figsize=(2.6 * columns, 0.4 + 2.2 * rows), layout="constrained")
    panels = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for axis, (name, one) in zip(panels, profiles.items(), strict=False):
        row = posterior.names.index(name)
        distance = (one.shift - posterior.centre[row]) / posterior.sd[row]
        rise = one.loss - np.nanmin(one.loss)
        fine = np.linspace(distance[0], distance[-1], 50)
        axis.plot(fine, 0.5 * fine**2, color=PRIOR_COLOUR, lw=1, label="Laplace")
        axis.plot(distance, rise, "o-", color=SIMULATED_COLOUR, ms=3, lw=1.2, label="profile")
        axis.axhline(0.5 * 1.645**2, color=OBSERVED_COLOUR, lw=0.8, ls=":")
        axis.set_ylim(0, 4)
        axis.set_title(label(name), fontsize=8)
        axis.tick_params(labelsize=7)
    for axis in panels[len(profiles) :]:
        axis.set_axis_off()
    panels[0].legend(frameon=False, fontsize=7)
    figure.supxlabel("distance from the optimum (posterior sd)", fontsize=8)
    figure.supylabel("rise of the loss (–)", fontsize=8)
    return figure


def spectrum_figure(posterior: Laplace) -> Figure:
    """Eigenvalues: information of the data over that of the prior by direction."""
    figure = DisplayFigure(figsize=(5, 3.2), layout="constrained")
    axis = figure.subplots()
    at = np.arange(1, posterior.eigenvalues.size + 1)
    axis.semilogy(at, np.maximum(posterior.eigenvalues, 1e-8), "o-", color=SIMULATED_COLOUR, ms=4)
    axis.axhline(INFORMED, color=OBSERVED_COLOUR, lw=0.8, ls=":")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("direction")
    axis.set_ylabel("data / prior information (–)")
    axis.set_title(f"{posterior.informed} of {at.size} directions informed by the data", fontsize=9)
    return figure


def correlation_figure(posterior: Laplace) -> Figure:
    """Posterior correlations."""
    size = len(posterior.names)
    figure = DisplayFigure(figsize=(2.6 + 0.3 * size, 2.2 + 0.3 * size), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(posterior.correlation, cmap="RdBu_r", vmin=-1, vmax=1)
    names = [label(name) for name in posterior.names]
    axis.set_xticks(range(size), names, rotation=90, fontsize=7)
    axis.set_yticks(range(size), names, fontsize=7)
    figure.colorbar(image, ax=axis, shrink=0.7, label="correlation (–)")
    return figure


def label(name: str) -> str:
    """Short name for a plot: TEM's symbol where there is one, and the site."""
    parameter, _, site = name.partition("@")
    short = parameter_info(parameter).symbol or parameter.replace("_", " ")
    return f"{short} {site}" if site else short
