"""Vegetation that cannot live in a climate: a run of bare ground, said in words."""

import jax.numpy as jnp
import numpy as np

from temjax.forcing import Forcing
from temjax.parameters.registry import Parameters
from temjax.runs.annual_map import LEAST_VEGETATION
from temjax.runs.equilibrium import LEAST_WARMEST_MONTH
from temjax.runs.result import Run
from temjax.sites.site import Site

LAST_YEARS = 10  # of a run, that tell whether vegetation lives
LEAST_PRODUCTION = 1.0  # g C m⁻² yr⁻¹; below, the ground is bare


def vegetation_fault(
    run: Run, site: Site, parameters: Parameters, *, parameter_set: str | None = None
) -> str:
    """Why a run is one of bare ground, a sentence; empty where vegetation lives.

    Bare is a run of whose last ten years one has less than 1 g C m⁻² of vegetation carbon, or
    whose GPP is less than 1 g C m⁻² a year.

    Args:
        run: of the site.
        site: its forcing and observations.
        parameters: of the run.
        parameter_set: their name; by default the site's set.
    """
    carbon = float(np.asarray(run.monthly.vegetation_carbon)[-LAST_YEARS:].mean(axis=1).min())
    monthly = np.asarray(run.monthly.gross_primary_production)[-LAST_YEARS:]
    production = float(monthly.sum(axis=1).mean())
    if carbon >= LEAST_VEGETATION and production >= LEAST_PRODUCTION:
        return ""
    parts = [
        f"the parameter set {parameter_set or site.parameter_set!r} cannot live in this climate: "
        f"vegetation carbon falls to {_amount(carbon)} g C m⁻² and GPP is {_amount(production)} "
        "g C m⁻² a year (bare ground)",
        *_climate(site.forcing, parameters),
    ]
    series = site.observations.monthly.get("gross_primary_production")
    if series is not None and np.isfinite(series.climatology()).any():
        observed = float(np.nanmean(series.climatology()) * 12)
        parts.append(f"observed GPP is {observed:.0f} g C m⁻² a year")
    return "; ".join([*parts, "choose a set of this vegetation ([vegetation] parameter_set)"])


def _amount(value: float) -> str:
    """Amount to two digits, 0 where it has none to speak of."""
    return f"{value:.2g}" if abs(value) >= 0.005 else "0"


def _climate(forcing: Forcing, parameters: Parameters) -> list[str]:
    """The climate's temperatures beside those the set lives in, and a lack of rain."""
    temperature = np.asarray(jnp.mean(forcing.air_temperature, axis=0))
    coldest, warmest = float(temperature.min()), float(temperature.max())
    low, high = float(parameters.temperature_minimum), float(parameters.temperature_maximum)
    parts = []
    if warmest < LEAST_WARMEST_MONTH:
        parts.append(f"the warmest month has {warmest:.1f} °C")
    elif np.isfinite(low) and np.isfinite(high):
        grows = int(((temperature > low) & (temperature < high)).sum())
        parts.append(
            f"it assimilates between {low:g} and {high:g} °C, the months have {coldest:.1f} to "
            f"{warmest:.1f} °C, {grows} of 12 inside"
        )
    yearly = float(np.asarray(forcing.precipitation).sum(axis=1).mean())
    if yearly < 10:
        parts.append(f"precipitation is {yearly:.1f} mm a year")
    return parts
