"""State of a fitted place: the factor on soil organic matter that a fit found, with its date.

The factor is no parameter of a vegetation type: grazing and other history left the place's soil
matter away from where the climate alone leaves it (docs/calibration.md). It travels in the fitted
set, ``[place]``, and acts in runs of that place alone.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from temjax.files.toml import read_toml
from temjax.sites.provenance import forcing_hash
from temjax.sites.site import Site

SAME_PLACE = 0.01  # degrees of latitude and longitude, as coordinates are rounded


@dataclass(frozen=True)
class PlaceState:
    """State of soil organic matter at the place of a fit.

    Attributes:
        place: name of the site.
        latitude, longitude: degrees; longitude NaN where unknown.
        soil_matter_factor: on soil organic carbon and nitrogen.
        year: in whose January it acts.
        forcing_hash: of the climate of the fit.
        source: name of the fitted set's file.
        left_out: not applied, by choice.
    """

    place: str
    latitude: float
    longitude: float
    soil_matter_factor: float
    year: int
    forcing_hash: str
    source: str
    left_out: bool = False

    def __str__(self) -> str:
        return (
            f"{self.soil_matter_factor:.4g} times the soil organic matter of the history from "
            f"January {self.year} on"
        )

    def is_of(self, site: Site) -> bool:
        """Whether a site is the place of the fit, by name and coordinates."""
        position = (float(site.location.latitude), site.longitude)
        away = np.abs(np.subtract(position, (self.latitude, self.longitude)))
        return site.name == self.place and not bool(np.any(away > SAME_PLACE))

    def note(self, site: Site, last_year: int | None = None) -> str:
        """What a run of a site, to a year or the last of its forcing, makes of the state."""
        if not self.is_of(site):
            return (
                f"{self.source} was fitted at {self.place} with {self}: a state of that place, "
                f"not applied at {site.name}"
            )
        if self.left_out:
            return f"{self.source}: {self} is left out, so this run is not the fitted one"
        years = np.asarray(site.forcing.years)
        simulated = years if last_year is None else years[years <= last_year]
        if not bool(np.any(simulated == self.year)):
            return f"{self.source}: {self} lies outside the years of this run and is not applied"
        text = f"{self.source}: {self}, as fitted"
        if forcing_hash(site.forcing) != self.forcing_hash:
            text += "; the climate is not that of the fit, so this run is not the fitted one"
        return text

    def row(self, site: Site) -> int | None:
        """Row of the site's forcing in which the state acts; None where it does not."""
        rows = np.flatnonzero(np.asarray(site.forcing.years) == self.year)
        return int(rows[0]) if self.is_of(site) and rows.size and not self.left_out else None


def place_state(site: Site, soil_matter_factor: float, year: int, source: str) -> PlaceState:
    """State of a site."""
    return PlaceState(
        place=site.name,
        latitude=float(site.location.latitude),
        longitude=site.longitude,
        soil_matter_factor=soil_matter_factor,
        year=year,
        forcing_hash=forcing_hash(site.forcing),
        source=source,
    )


def read_place_state(path: str | Path) -> PlaceState | None:
    """State of the place in a fitted set; None where the file has none."""
    table = read_toml(path).get("place")
    if not isinstance(table, dict) or "soil_matter_factor" not in table:
        return None
    return PlaceState(
        place=str(table.get("name", "")),
        latitude=float(table.get("latitude", np.nan)),
        longitude=float(table.get("longitude", np.nan)),
        soil_matter_factor=float(table["soil_matter_factor"]),
        year=int(table.get("year", 0)),
        forcing_hash=str(table.get("forcing_hash", "")),
        source=Path(path).name,
    )
