"""Sites: forcing and observations of single places, and readers for both."""

from typing import TYPE_CHECKING

from temjax.runtime.lazy import lazy_names as _lazy_names

if TYPE_CHECKING:
    from temjax.sites.fluxnet import read_fluxnet
    from temjax.sites.history import global_co2, plateau_warming, site_forcing
    from temjax.sites.observations import (
        MonthlySeries,
        Observations,
        Skill,
        Stock,
        paired,
        skill,
    )
    from temjax.sites.readers.record import Reading
    from temjax.sites.site import Site, load, names, read_site
    from temjax.sites.sources import open_site
    from temjax.sites.tower import read_tower

__getattr__, __dir__ = _lazy_names(
    __name__,
    {
        "fluxnet": ("read_fluxnet",),
        "history": ("global_co2", "plateau_warming", "site_forcing"),
        "observations": ("MonthlySeries", "Observations", "Skill", "Stock", "paired", "skill"),
        "site": ("Site", "load", "names", "read_site"),
        "readers.record": ("Reading",),
        "sources": ("open_site",),
        "tower": ("read_tower",),
    },
)

__all__ = [
    "MonthlySeries",
    "Observations",
    "Reading",
    "Site",
    "Skill",
    "Stock",
    "global_co2",
    "load",
    "names",
    "open_site",
    "paired",
    "plateau_warming",
    "read_fluxnet",
    "read_site",
    "read_tower",
    "site_forcing",
    "skill",
]
