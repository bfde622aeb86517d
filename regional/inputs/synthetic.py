"""Synthetic Qinghai-Tibetan Plateau: domain and pseudo-GCM climate from closed formulas.

SYNTHETIC: every number here is invented so that published aggregates of the plateau's permafrost
region (area, class shares, mean climate, warming) are met. Agreement with those aggregates is
calibration, not validation, and no product made from it may be shown without the word.

Source: docs/specification/plateau.md B (domain, B1 time, B2 statistics). All sines take radians.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import Finding
from temjax.regional.inputs.climate import VARIABLES, Segment
from temjax.sites.history import plateau_warming

Scenario = Literal["rcp45", "rcp85"]
PseudoGcm = Literal["A", "B", "C", "D"]

LABEL = "SYNTHETIC"
PSEUDO_GCMS: tuple[str, ...] = ("A", "B", "C", "D")
SCENARIOS: tuple[str, ...] = ("rcp45", "rcp85")
FIRST_YEAR, LAST_HISTORICAL_YEAR, LAST_YEAR = 1861, 2005, 2099
COMMON_UNTIL = 1995  # the scenarios' precipitation trends part after this year

# warming and precipitation factors of the four pseudo-GCMs (f_T, f_P); an invented spread
_FACTORS = {"A": (0.80, 0.6), "B": (0.95, 1.4), "C": (1.10, 0.8), "D": (1.20, 1.2)}
_PRECIPITATION_TREND = {"rcp45": 0.00115, "rcp85": 0.0014}  # per year after 1995
_PRECIPITATION_SHARES = np.array(
    [0.004, 0.006, 0.020, 0.040, 0.110, 0.180, 0.210, 0.220, 0.155, 0.045, 0.008, 0.002]
)
_SEED = 20220128
_MONTHS = np.arange(12)

WARMEST_PERMAFROST_MEAN = -3.7  # °C: cells with a colder 1986-2005 mean are the domain


@dataclass(frozen=True)
class Plateau:
    """Location, soil, vegetation and mean climate of the cells, ``(cell,)`` unless stated.

    Attributes:
        resolution: degrees.
        longitude, latitude: degrees, cell centres.
        row, column: position on the full ``shape`` grid (row 0 is the southernmost).
        shape: (latitudes, longitudes) of the box 30.5-37.5 N, 77-101 E.
        elevation: m.
        mean_temperature: mean annual air temperature of 1986-2005, °C.
        half_range: half of the annual temperature range, K.
        annual_precipitation: mm.
        annual_shortwave: W m⁻².
        sand, silt, clay: percent.
        vegetation: parameter-set names.
        area: km².
    """

    resolution: float
    longitude: NDArray
    latitude: NDArray
    row: NDArray
    column: NDArray
    shape: tuple[int, int]
    elevation: NDArray
    mean_temperature: NDArray
    half_range: NDArray
    annual_precipitation: NDArray
    annual_shortwave: NDArray
    sand: NDArray
    silt: NDArray
    clay: NDArray
    vegetation: NDArray
    area: NDArray

    def select(self, cells: NDArray) -> "Plateau":
        """Select cells by index or mask."""
        per_cell = {
            name: value[cells]
            for name, value in vars(self).items()
            if isinstance(value, np.ndarray)
        }
        return Plateau(resolution=self.resolution, shape=self.shape, **per_cell)


def grid_axes(resolution: float) -> tuple[NDArray, NDArray]:
    """Latitudes (south to north) and longitudes of the cell centres, degrees."""
    rows, columns = round(7 / resolution), round(24 / resolution)
    latitude = 30.5 + resolution * (np.arange(rows) + 0.5)
    longitude = 77.0 + resolution * (np.arange(columns) + 0.5)
    return latitude, longitude


def plateau(resolution: float = 0.5, *, forest: bool = True, everywhere: bool = False) -> Plateau:
    """Build the cells of the synthetic domain.

    Args:
        resolution: 0.5 (424 cells) or 0.1 degrees (10 578 cells); any divisor of 7 and 24 works.
        forest: use the wider forest rule (elevation < 4600 m), which puts the sixth vegetation
            type inside the permafrost mask (5 cells at 0.5°, 59 at 0.1°); the narrow rule
            (< 4350 m), with which the published shares were computed, leaves it empty.
        everywhere: all cells of the box, not only those cold enough for permafrost.
    """
    latitudes, longitudes = grid_axes(resolution)
    lat, lon = (a.ravel() for a in np.meshgrid(latitudes, longitudes, indexing="ij"))
    row, column = (a.ravel() for a in np.indices((latitudes.size, longitudes.size)))

    x, y = (lon - 89) / 12, (lat - 34) / 3.5
    wave = 2 * np.pi
    elevation = (
        4920
        - 330 * x**2
        - 230 * y**2
        - 260 * x
        - 170 * y
        + 190 * np.sin(wave * (lon / 5.3 + lat / 4.1))
        + 150 * np.sin(wave * (lon / 3.1 - lat / 2.3) + 1)
        + 110 * np.sin(wave * (lon / 1.7 + lat / 1.3) + 2)
    )
    permafrost_limit = 3650 * np.exp(-0.003 * (lat - 25.37) ** 2) + 1428
    mean_temperature = -2.0 - 0.0055 * (elevation - permafrost_limit)
    wetness = np.clip(0.75 * (lon - 76) / 26 + 0.25 * (38 - lat) / 8.5, 0, 1)
    precipitation = 50 + 550 * wetness**1.2 * (1 + 0.10 * np.sin(wave * (lon / 4.7 - lat / 3.9)))
    sand = np.clip(72 - 28 * wetness + 8 * np.sin(wave * (lon / 2.9 + lat / 3.7)), 25, 85)
    clay = np.clip(8 + 14 * wetness, 5, 30)

    box = Plateau(
        resolution=resolution,
        longitude=lon,
        latitude=lat,
        row=row,
        column=column,
        shape=(latitudes.size, longitudes.size),
        elevation=elevation,
        mean_temperature=mean_temperature,
        half_range=9.6 + 0.40 * (lat - 30.5) + 0.06 * np.maximum(0, 95 - lon),
        annual_precipitation=precipitation,
        annual_shortwave=240 - 0.06 * precipitation - (lat - 33),
        sand=sand,
        silt=100 - sand - clay,
        clay=clay,
        vegetation=_vegetation(precipitation, elevation, 4600 if forest else 4350),
        area=(111.19 * resolution) ** 2 * np.cos(np.radians(lat)),
    )
    return box if everywhere else box.select(mean_temperature <= WARMEST_PERMAFROST_MEAN)


def _vegetation(precipitation: NDArray, elevation: NDArray, forest_limit: float) -> NDArray:
    """Parameter-set names by rules in order; a later rule overrides."""
    desert = precipitation < 120
    names = np.full(precipitation.shape, "alpine-steppe", dtype="<U17")
    names[precipitation >= 295] = "alpine-meadow"
    names[desert] = "alpine-desert"
    names[(elevation > 5180) & ~desert] = "alpine-cushion"
    names[(precipitation >= 400) & (elevation < 4620)] = "alpine-shrubland"
    names[(precipitation >= 440) & (elevation < forest_limit)] = "alpine-forest"
    return names


@dataclass(frozen=True)
class Noise:
    """Interannual noise, common to all cells except for the east-west gradient ``tilt``.

    Attributes:
        temperature, tilt: K, ``(year,)``.
        monthly_temperature: K, ``(year, 12)``.
        precipitation: log factor, ``(year,)``.
        shortwave: relative, ``(year, 12)``.
    """

    temperature: NDArray
    tilt: NDArray
    monthly_temperature: NDArray
    precipitation: NDArray
    shortwave: NDArray


def _noise_part(gcm: PseudoGcm, part: int, years: int) -> Noise:
    rng = np.random.default_rng([_SEED, PSEUDO_GCMS.index(gcm), part])

    def red(sd: float, correlation: float = 0.3) -> NDArray:
        white = rng.standard_normal(years)
        series = np.empty(years)
        series[0] = sd * white[0]
        for i in range(1, years):
            innovation = sd * np.sqrt(1 - correlation**2) * white[i]
            series[i] = correlation * series[i - 1] + innovation
        return series

    return Noise(
        temperature=red(0.45),
        tilt=red(0.25),
        monthly_temperature=0.7 * rng.standard_normal((years, 12)),
        precipitation=0.12 * rng.standard_normal(years),
        shortwave=0.03 * rng.standard_normal((years, 12)),
    )


def noise(gcm: PseudoGcm, scenario: Scenario) -> Noise:
    """Draw the seeded noise of 1861-2099; the scenarios of a pseudo-GCM share 1861-2005."""
    past = _noise_part(gcm, 0, LAST_HISTORICAL_YEAR - FIRST_YEAR + 1)
    future = _noise_part(gcm, 1 + SCENARIOS.index(scenario), LAST_YEAR - LAST_HISTORICAL_YEAR)
    return Noise(**{k: np.concatenate([v, getattr(future, k)]) for k, v in vars(past).items()})


@dataclass(frozen=True)
class PlateauClimate:
    """Monthly climate ``(year, 12, cell)``: °C, mm month⁻¹, W m⁻²; ``years`` 1861-2099."""

    years: NDArray
    air_temperature: NDArray
    precipitation: NDArray
    shortwave: NDArray


def climate(
    cells: Plateau, gcm: PseudoGcm, scenario: Scenario, *, with_noise: bool = True
) -> PlateauClimate:
    """Compute the climate of cells for one pseudo-GCM and scenario.

    Source: docs/specification/plateau.md B1.

    The pseudo-GCMs A-D are an invented spread, not the four ISIMIP models.

    Raises:
        ValueError: unknown pseudo-GCM or scenario.
    """
    if gcm not in PSEUDO_GCMS or scenario not in SCENARIOS:
        raise ValueError(
            f"no synthetic member {gcm!r} with {scenario!r}; "
            f"choose from {', '.join(PSEUDO_GCMS)} and {', '.join(SCENARIOS)}"
        )
    years = np.arange(FIRST_YEAR, LAST_YEAR + 1)
    warming_factor, precipitation_factor = _FACTORS[gcm]
    warming = plateau_warming(years, scenario)
    warming = np.where(warming > 0, warming_factor * warming, warming)
    month_shape = 1 + 0.12 * np.cos(2 * np.pi * _MONTHS / 12)

    season = np.cos(2 * np.pi * (_MONTHS + 0.5 - 6.65) / 12)
    temperature = (
        cells.mean_temperature
        + cells.half_range * season[None, :, None]
        + (warming[:, None] * month_shape)[..., None]
    )
    trend = _PRECIPITATION_TREND[scenario] * precipitation_factor
    precipitation = (
        cells.annual_precipitation
        * _PRECIPITATION_SHARES[None, :, None]
        * (1 + trend * np.maximum(years - COMMON_UNTIL, 0))[:, None, None]
    )
    insolation = 1 - 0.29 * np.cos(2 * np.pi * (_MONTHS + 0.8) / 12)
    shortwave = np.broadcast_to(
        cells.annual_shortwave * insolation[None, :, None], temperature.shape
    )
    if with_noise:
        n = noise(gcm, scenario)
        gradient = (cells.longitude - 89) / 12
        temperature = (
            temperature
            + (n.temperature[:, None] + n.monthly_temperature)[..., None]
            + n.tilt[:, None, None] * gradient
        )
        precipitation = precipitation * np.exp(n.precipitation - 0.0072)[:, None, None]
        shortwave = shortwave * (1 + n.shortwave)[..., None]
    return PlateauClimate(years, temperature, precipitation, np.ascontiguousarray(shortwave))


@dataclass(frozen=True)
class SyntheticPlateauClimate:
    """Climate of a pseudo-GCM, computed for the cells that are loaded; see ``Climate``."""

    cells: Plateau
    member: str
    scenario: str
    years: NDArray
    co2: NDArray
    segments: tuple[Segment, ...]
    findings: dict[int, list[Finding]] = field(default_factory=dict)
    common_until: int | None = COMMON_UNTIL
    notes: tuple[str, ...] = ()
    repairs: dict[str, float] = field(default_factory=dict)
    kept: str = ""

    def load(self, cells: NDArray) -> dict[str, NDArray]:
        """See ``Climate.load``."""
        monthly = climate(self.cells.select(cells), self.member, self.scenario)
        return {name: getattr(monthly, name) for name in VARIABLES}
