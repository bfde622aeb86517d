"""Measured soil temperature profiles beside a fit: prior, estimate and its uncertainty."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from temjax.calibration.figures import BAND_COLOUR, PRIOR_COLOUR, DisplayFigure
from temjax.calibration.multistart import FitResult
from temjax.calibration.objective import Objective
from temjax.calibration.soil_profile import SOIL_PROFILE, fitted_profiles
from temjax.calibration.uncertainty import Laplace, linear_bands
from temjax.sites import Site
from temjax.sites.figures import OBSERVED_COLOUR, SIMULATED_COLOUR
from temjax.sites.profile_comparison import ProfileComparison


@dataclass(frozen=True, eq=False)
class ProfileFit:
    """A measured profile beside the run at the prior's centre and at the estimate.

    Attributes:
        site: name.
        prior: comparison at the prior's centre.
        fitted: comparison at the lowest loss.
        sd: of the fitted temperatures by the posterior of the parameters, K; NaN where the profile
            was held out.
        total_sd: with the errors of the measurement and of the model, K.
    """

    site: str
    prior: ProfileComparison
    fitted: ProfileComparison
    sd: np.ndarray
    total_sd: np.ndarray

    @property
    def line(self) -> str:
        """Day, errors before and after the fit, in words."""
        before, after = self.prior, self.fitted
        return (
            f"soil temperature profile of {after.profile.date} at {self.site} "
            f"({after.profile.depths.size} depths): RMSE {before.rmse:.2f} → {after.rmse:.2f} K, "
            f"bias {before.bias:+.2f} → {after.bias:+.2f} K"
            + (", held out" if np.isnan(self.sd).all() else "")
        )

    def record(self) -> dict:
        """Numbers as JSON values."""
        profile = self.fitted.profile
        columns = {
            "depth": profile.depths, "observed": profile.values, "prior": self.prior.simulated,
            "fitted": self.fitted.simulated, "parameter_sd": self.sd, "total_sd": self.total_sd,
        }  # fmt: skip
        return {
            "date": str(profile.date),
            "rmse": {"prior": self.prior.rmse, "fitted": self.fitted.rmse},
            "bias": {"prior": self.prior.bias, "fitted": self.fitted.bias},
            **{
                name: [None if np.isnan(value) else float(value) for value in values]
                for name, values in columns.items()
            },
        }


def profile_fits(
    site: Site, part: Objective, vector: np.ndarray, result: FitResult, posterior: Laplace
) -> tuple[ProfileFit, ...]:
    """Profiles of one site of a fit; none where they are no target.

    Args:
        site: its measurements.
        part: its objective.
        vector: its free vector at the lowest loss.
        result, posterior: of the whole fit.
    """
    if not part.profile_days:
        return ()
    points = jnp.stack([jnp.zeros(len(vector)), jnp.asarray(vector)], axis=1)
    outputs = jax.jit(lambda free: part.heat_outputs(free, (SOIL_PROFILE,))[0])(points)
    band = linear_bands(result, posterior)[f"{SOIL_PROFILE}@{part.name}"]
    profiles = fitted_profiles(site)
    ends = np.cumsum([one.depths.size for one in profiles])[:-1]
    simulated, sd, total = (
        np.split(np.asarray(array), ends)
        for array in (outputs[SOIL_PROFILE], band.parameter_sd, band.total_sd)
    )
    return tuple(
        ProfileFit(
            site.name,
            ProfileComparison(profile, simulated[i][:, 0]),
            ProfileComparison(profile, simulated[i][:, 1]),
            sd[i],
            total[i],
        )
        for i, profile in enumerate(profiles)
    )


def soil_profile_figure(title: str, fits: tuple[ProfileFit, ...]) -> Figure:
    """Measured profiles, the prior's and the fitted ones with their 90 % intervals, by depth."""
    figure = DisplayFigure(figsize=(4.4 * len(fits), 5.2), layout="constrained")
    axes = figure.subplots(1, len(fits), squeeze=False)[0]
    for axis, fit in zip(axes, fits, strict=True):
        profile, fitted = fit.fitted.profile, fit.fitted.simulated
        depths = profile.depths
        for sd, alpha, label in (
            (fit.total_sd, 0.25, "90 % with the errors"),
            (fit.sd, 0.7, "90 % of the parameters"),
        ):
            low, high = fitted - 1.645 * sd, fitted + 1.645 * sd
            axis.fill_betweenx(depths, low, high, color=BAND_COLOUR, alpha=alpha, lw=0, label=label)
        axis.plot(fit.prior.simulated, depths, color=PRIOR_COLOUR, lw=1.4, label="prior")
        axis.plot(fitted, depths, color=SIMULATED_COLOUR, lw=1.4, label="fitted")
        axis.errorbar(
            profile.values, depths, xerr=np.nan_to_num(profile.sd), fmt="o", ms=4,
            color=OBSERVED_COLOUR, label="observed",
        )  # fmt: skip
        axis.axvline(0, color="0.8", lw=0.8, zorder=0)
        axis.invert_yaxis()
        axis.set_xlabel("soil temperature (°C)")
        axis.set_title(
            f"{profile.date}: RMSE {fit.prior.rmse:.2f} → {fit.fitted.rmse:.2f} K", fontsize=9
        )
    axes[0].set_ylabel("depth (m)")
    axes[0].legend(frameon=False, fontsize=7)
    figure.suptitle(title, fontsize=10)
    return figure
