"""State of a fitted place: the factor on soil organic matter, with its date, and its numbers.

The factor is no parameter of a vegetation type: grazing and other history left the place's soil
matter away from where the climate alone leaves it (docs/calibration.md). Nor are the numbers of
its rain gauge, snow and thermometer (``place_numbers``). They travel in the fitted set,
``[place]``, and act in runs of that place alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from temjax.files.findings import DataError
from temjax.files.toml import read_toml
from temjax.forcing import Forcing
from temjax.parameters.registry import Parameters
from temjax.sites.entry_tables import SiteTable
from temjax.sites.place_numbers import PLACE_NUMBERS, numbers_text, with_place_numbers
from temjax.sites.provenance import forcing_hash
from temjax.sites.schema_findings import schema_findings
from temjax.sites.site import Site

SAME_PLACE = 0.01  # degrees of latitude and longitude, as coordinates are rounded


@dataclass(frozen=True)
class PlaceState:
    """State of soil organic matter and numbers of the place of a fit.

    Attributes:
        place: name of the site.
        latitude, longitude: degrees; longitude NaN where unknown.
        soil_matter_factor: on soil organic carbon and nitrogen; None where it was not fitted.
        year: in whose January it acts.
        forcing_hash: of the climate of the fit.
        source: name of the fitted set's file.
        numbers: of ``PLACE_NUMBERS``, those that were fitted.
        left_out: not applied, by choice.
    """

    place: str
    latitude: float
    longitude: float
    soil_matter_factor: float | None
    year: int
    forcing_hash: str
    source: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    left_out: bool = False

    @property
    def _factor_text(self) -> str:
        """The factor on soil matter in words; empty without one."""
        if self.soil_matter_factor is None:
            return ""
        return (
            f"{self.soil_matter_factor:.4g} times the soil organic matter of the history from "
            f"January {self.year} on"
        )

    def __str__(self) -> str:
        return ", ".join(filter(None, (self._factor_text, numbers_text(self.numbers))))

    def is_of(self, site: Site) -> bool:
        """Whether a site is the place of the fit, by name and coordinates."""
        position = (float(site.location.latitude), site.longitude)
        away = np.abs(np.subtract(position, (self.latitude, self.longitude)))
        return site.name == self.place and not bool(np.any(away > SAME_PLACE))

    def note(self, site: Site, last_year: int | None = None, unlike_fit: Sequence[str] = ()) -> str:
        """What a run of a site makes of the state.

        Args:
            site: its place and climate.
            last_year: of the run, by default that of the forcing.
            unlike_fit: choices in which the run differs from fits, as nouns.
        """
        if not self.is_of(site):
            return (
                f"{self.source} was fitted at {self.place} with {self}: a state of that place, "
                f"not applied at {site.name}"
            )
        if self.left_out:
            return f"{self.source}: {self} is left out, so this run is not the fitted one"
        years = np.asarray(site.forcing.years)
        simulated = years if last_year is None else years[years <= last_year]
        applied = str(self)
        if self._factor_text and not bool(np.any(simulated == self.year)):
            outside = f"{self._factor_text} lies outside the years of this run and is not applied"
            if not self.numbers:
                return f"{self.source}: {outside}"
            applied = f"{outside}; {numbers_text(self.numbers)}"
        text = f"{self.source}: {applied}, as fitted"
        climate = [] if forcing_hash(site.forcing) == self.forcing_hash else ["climate"]
        if unlike := [*climate, *unlike_fit]:
            text += f"; this run is not the fitted one: other {' and '.join(unlike)}"
        return text

    def row(self, site: Site) -> int | None:
        """Row of the site's forcing in which the factor acts; None where it does not."""
        rows = np.flatnonzero(np.asarray(site.forcing.years) == self.year)
        acts = self.soil_matter_factor is not None and self.is_of(site) and not self.left_out
        return int(rows[0]) if acts and rows.size else None

    def adjusted(self, site: Site, parameters: Parameters) -> tuple[Parameters, Forcing]:
        """Parameters and forcing of a run of a site, with the numbers where it is the place."""
        acts = self.is_of(site) and not self.left_out
        return with_place_numbers(parameters, site.forcing, self.numbers if acts else {})


class _PlaceTable(SiteTable):
    """``[place]`` of a fitted set: what a run takes from it; what else it says is for readers."""

    model_config = SiteTable.model_config | {"extra": "ignore"}
    latitude: float | None = None
    longitude: float | None = None
    soil_matter_factor: float | None = Field(default=None, gt=0)
    year: int = 0
    precipitation_factor: float = Field(default=1.0, gt=0)
    snow_conductivity_factor: float = Field(default=1.0, gt=0)
    air_temperature_offset: float = 0.0


def read_place_state(path: str | Path) -> PlaceState | None:
    """State of the place in a fitted set; None where the file has none.

    Raises:
        DataError: a number of the place that cannot be one.
    """
    table = read_toml(path).get("place")
    if not isinstance(table, dict):
        return None
    try:
        _PlaceTable.model_validate(table)
    except ValidationError as error:
        faults = [{**fault, "loc": ("place", *fault["loc"])} for fault in error.errors()]
        raise DataError(schema_findings(str(path), faults, "docs/calibration.md")) from error
    numbers = {name: float(table[name]) for name in PLACE_NUMBERS if name in table}
    factor = table.get("soil_matter_factor")
    if factor is None and not numbers:
        return None
    return PlaceState(
        place=str(table.get("name", "")),
        latitude=float(table.get("latitude", np.nan)),
        longitude=float(table.get("longitude", np.nan)),
        soil_matter_factor=None if factor is None else float(factor),
        year=int(table.get("year", 0)),
        forcing_hash=str(table.get("forcing_hash", "")),
        source=Path(path).name,
        numbers=numbers,
    )
