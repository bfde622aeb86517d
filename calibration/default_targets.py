"""Targets of a fit that names none: what the site has, and why it lacks the others."""

import numpy as np

from temjax.calibration.soil_profile import SOIL_PROFILE, fitted_profiles
from temjax.calibration.targets import (
    ALIASES,
    DEFAULT_TARGETS,
    DEFAULT_TYPE_STOCKS,
    months_fault,
    overlap,
)
from temjax.calibration.type_stocks import observed_stocks
from temjax.sites import MonthlySeries, Site
from temjax.sites.account import absent_reason


def default_targets(
    site: Site, holdout: tuple[int, ...] = ()
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Every target that a site has, and of each other one the reason, a clause.

    Stocks of the vegetation type, thaw depth and soil temperature profiles count where the site
    file gives them; few do, so their absence is no news.

    Args:
        site: its observations and forcing.
        holdout: calendar years kept back.
    """
    targets, absent = [], {}
    for name in DEFAULT_TARGETS:
        variable = ALIASES.get(name, name)
        series = site.observations.monthly.get(variable)
        if series is not None:
            fault = months_fault(_months_left(series, np.asarray(site.forcing.years), holdout))
        else:
            present = variable in site.observations.stocks
            fault = "" if present else absent_reason(site, variable)
        if fault:
            absent[name] = fault
        else:
            targets.append(name)
    if fitted_profiles(site):
        targets.append(SOIL_PROFILE)
    stocks = observed_stocks(site)
    targets += [name for name in (*DEFAULT_TYPE_STOCKS, "alt") if ALIASES[name] in stocks]
    return tuple(targets), absent


def _months_left(series: MonthlySeries, years: np.ndarray, holdout: tuple[int, ...]) -> int:
    """Usable months of a series within a run and outside the years kept back."""
    if series.is_climatology:
        return int(series.usable.sum())
    first, last = overlap(series, years)
    counted = (series.years >= first) & (series.years <= last) & ~np.isin(series.years, holdout)
    return int(series.usable[counted].sum())
