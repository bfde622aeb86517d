"""Places: their forcing, what was observed there, and readers for both."""

from sites.fluxnet import read_fluxnet
from sites.history import global_co2, plateau_warming, site_forcing
from sites.observations import MonthlySeries, Observations, Skill, Stock, paired, skill
from sites.site import Site, load, names, read_site

__all__ = [
    "MonthlySeries",
    "Observations",
    "Site",
    "Skill",
    "Stock",
    "global_co2",
    "load",
    "names",
    "paired",
    "plateau_warming",
    "read_fluxnet",
    "read_site",
    "site_forcing",
    "skill",
]
