"""A tower with four years of history: the physics of a full fit at a fraction of its cost."""

import dataclasses

from temjax import ModelOptions, sites
from temjax.calibration import Objective
from temjax.forcing import select_years

OPTIONS = ModelOptions(substeps=8)
NAMES = ("cmax_scale", "respiration_rate_log", "kdc_scale", "disequilibrium_factor")
TARGETS = ("nep", "gpp", "reco", "soc")


def short_site() -> sites.Site:
    """The meadow from 2001 on."""
    site = sites.load("haibei-meadow")
    years = site.forcing.number_of_years
    return dataclasses.replace(site, forcing=select_years(site.forcing, years - 4, years))


def short_objective() -> Objective:
    """A fit of it in one piece: the disequilibrium factor acts at the start."""
    return Objective.of(short_site(), NAMES, TARGETS, disequilibrium="start", options=OPTIONS)
