"""Measured soil temperature profiles beside a run of heat at the same days and depths."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float
from rich import box
from rich.table import Table

from temjax.forcing import Forcing, Location
from temjax.heat.profiles import ProfileDay, profile_day, temperature_profiles
from temjax.options import ModelOptions
from temjax.parameters.registry import Parameters
from temjax.runtime.terminal import number_text
from temjax.sites.soil_profiles import SoilProfile
from temjax.state import SoilHeatState


@dataclass(frozen=True)
class ProfileComparison:
    """A measured profile and the simulated one.

    Attributes:
        profile: measured.
        simulated: °C, at its day and depths.
    """

    profile: SoilProfile
    simulated: np.ndarray

    @property
    def rmse(self) -> float:
        """Root mean square error over the depths, K."""
        return float(np.sqrt(np.mean((self.simulated - self.profile.values) ** 2)))

    @property
    def bias(self) -> float:
        """Mean of simulated less measured over the depths, K."""
        return float(np.mean(self.simulated - self.profile.values))

    @property
    def line(self) -> str:
        """Day, depths, error and bias in words."""
        depths = self.profile.depths
        return (
            f"soil temperature profile of {self.profile.date} ({depths.size} depths, "
            f"{depths[0]:.2g}-{depths[-1]:.3g} m): RMSE {self.rmse:.2f} K, bias {self.bias:+.2f} K"
        )


def days_of(profiles: Sequence[SoilProfile], first_year: int) -> tuple[ProfileDay, ...]:
    """Days and depths of profiles for a forcing that begins in a year."""
    return tuple(
        profile_day(
            one.date.year - first_year, one.date.month, one.date.day, tuple(one.depths.tolist())
        )
        for one in profiles
    )


def inside(profiles: Sequence[SoilProfile], years: tuple[int, int]) -> tuple[SoilProfile, ...]:
    """Profiles of days in the first to last year."""
    return tuple(one for one in profiles if years[0] <= one.date.year <= years[1])


def compare_profiles(
    profiles: Sequence[SoilProfile],
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    heat: SoilHeatState,
    snowpack: Float[Array, ""],
    options: ModelOptions,
    last_year: int,
) -> tuple[ProfileComparison, ...]:
    """Measured profiles beside a run of heat alone; those outside its years are left out.

    Args:
        profiles: measured.
        parameters: of the run.
        location: of the place.
        forcing: whole forcing.
        heat: state before its first January.
        snowpack: before it, mm.
        options: heat sub-steps and iterations.
        last_year: of the run.
    """
    chosen = inside(profiles, (int(forcing.years[0]), last_year))
    if not chosen:
        return ()
    simulated = temperature_profiles(
        parameters, location, forcing, heat, snowpack,
        days_of(chosen, int(forcing.years[0])), options=options,
    )  # fmt: skip
    return tuple(
        ProfileComparison(one, np.asarray(values))
        for one, values in zip(chosen, simulated, strict=True)
    )


def profile_table(comparison: ProfileComparison) -> Table:
    """Table of one profile for the terminal: depth, measured, simulated, difference."""
    title = f"Soil temperature on {comparison.profile.date} (°C)"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("depth (m)", "observed", "simulated", "difference"):
        table.add_column(name, justify="right", no_wrap=True)
    profile = comparison.profile
    for depth, observed, simulated in zip(
        profile.depths, profile.values, comparison.simulated, strict=True
    ):
        table.add_row(
            f"{depth:.3g}", number_text(observed), number_text(simulated),
            number_text(simulated - observed, signed=True),
        )  # fmt: skip
    table.caption = f"RMSE {comparison.rmse:.2f} K, bias {comparison.bias:+.2f} K."
    return table
