"""Conventions of the projects that results are exported to: names of files, time, grid, fill.

WIE-MIP: variable request (github.com/WIEMIP/wiemip-data-request) and the names of its archive.
ISIMIP3: patterns and definitions of github.com/ISI-MIP/isimip-protocol-3, as isimip-qc 4.1 checks
them. ILAMB: names and facets of CMIP6, as ilamb3 reads them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from temjax.outputs.intercomparison import Frequency

ProjectName = Literal["wiemip", "isimip", "ilamb"]
NO_PERMAFROST = "noPermafrost"
# first year of the round; 1601 in the others
_ISIMIP_ORIGINS = {"isimip3a": 1901, "isimip4a": 1901}
_BIAS_ADJUSTMENT = {  # rounds of observations name none
    "isimip2b": "ewembi", "isimip3b": "w5e5", "isimip3a": "", "isimip4b": "era5", "isimip4a": "",
}  # fmt: skip
_DEPTH_OF_ISIMIP = {
    "standard_name": "depth_below_surface",
    "long_name": "Depth of Vertical Layer Center Below Surface",
}


@dataclass(frozen=True)
class Label:
    """What the name of a file says of its content.

    Attributes:
        model: the land model.
        gcm: climate model.
        experiment: scenario.
        branch: ``S_T`` or ``S_R``.
        variable: the project's name.
        frequency: of the values.
        first, last: calendar years.
        region: of the run, or ``global``.
        width: of the cells, degrees; NaN on grids without axes.
        climate: kind of the climate of the experiment.
    """

    model: str
    gcm: str
    experiment: str
    branch: str
    variable: str
    frequency: Frequency
    first: int
    last: int
    region: str
    width: float
    climate: str


@dataclass(frozen=True)
class Project:
    """Conventions of a project.

    Attributes:
        title: its name in text.
        field: of ``IntercomparisonVariable`` with its names.
        fill: value of cells without one.
        calendar: CF attribute of the calendar without leap days.
        file_name: of a file.
        dims: names of dimensions where they are not those of the run.
        depth: attributes of the depth axis that differ.
        attributes: of the variable that are written; None for all.
        north_first: whether rows go from north to south.
        global_width: cells of the global grid on which the region is placed, degrees; None for the
            region's own grid.
        by_scenario: whether history and scenario are files of their own.
        allow_annual: whether soil temperature may be annual.
    """

    title: str
    field: str
    fill: np.float32
    calendar: str
    file_name: Callable[[Label], str]
    dims: dict[str, str]
    depth: dict[str, str]
    attributes: frozenset[str] | None = None
    north_first: bool = False
    global_width: float | None = None
    by_scenario: bool = False
    allow_annual: bool = True


def token(text: str) -> str:
    """Text without what separates the parts of a file name."""
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", text).strip("-") or "none"


def width_token(width: float) -> str:
    """Width of the cells as WIE-MIP writes it: 05 for 0.5°, 1 for 1°; ``own`` without axes."""
    return "own" if np.isnan(width) else f"{width:.4g}".replace(".", "")


def wiemip_name(label: Label) -> str:
    """Name in WIE-MIP: ``TEM_ukesm_cou_gpp_mon_05.nc``."""
    step = {"annual": "yr", "monthly": "mon"}[label.frequency]
    factorial = [NO_PERMAFROST] if label.branch == "S_R" else []
    parts = (label.model, label.gcm, label.experiment, label.variable, step)
    return "_".join([*map(token, parts), *factorial, width_token(label.width)]) + ".nc"


def isimip_name(label: Label) -> str:
    """Name in ISIMIP3: ``temjax_gfdl-esm4_w5e5_ssp370_nat_default_gpp-total_global_monthly_…``."""
    bias = _BIAS_ADJUSTMENT.get(label.climate, "nobasd")
    sensitivity = NO_PERMAFROST if label.branch == "S_R" else "default"
    parts = (
        label.model, label.gcm, *([bias] if bias else []), label.experiment, "nat", sensitivity,
        label.variable, label.region, label.frequency, f"{label.first:04d}", f"{label.last:04d}",
    )  # fmt: skip
    return "_".join(map(token, parts)).lower() + ".nc"


def ilamb_source(label: Label) -> str:
    """What ilamb3 takes for one model: land model, climate, scenario and branch."""
    branch = [NO_PERMAFROST] if label.branch == "S_R" else []
    return "-".join(token(part) for part in (label.model, label.gcm, label.experiment, *branch))


def ilamb_name(label: Label) -> str:
    """Name in the manner of CMIP6: ``gpp_Lmon_temjax-gfdl-ssp370_land_r1i1p1f1_gn_….nc``."""
    monthly = label.frequency == "monthly"
    years = (f"{label.first:04d}01", f"{label.last:04d}12")
    if not monthly:
        years = (f"{label.first:04d}", f"{label.last:04d}")
    parts = (
        label.variable, "Lmon" if monthly else "Lyr", ilamb_source(label), "land", "r1i1p1f1",
        "gn", "-".join(years),
    )  # fmt: skip
    return "_".join(parts) + ".nc"


def time_origin(project: Project, climate: str) -> int:
    """Year since whose beginning days are counted; ISIMIP asks for the first of the round."""
    return _ISIMIP_ORIGINS.get(climate, 1601) if project.by_scenario else 1601


PROJECTS: dict[ProjectName, Project] = {
    "wiemip": Project(
        "WIE-MIP", "wiemip", np.float32(-99999.0), "noleap", wiemip_name,
        {"lat": "latitude", "lon": "longitude", "depth": "nsoil"}, {},
    ),
    "isimip": Project(
        "ISIMIP3", "isimip3", np.float32(1e20), "365_day", isimip_name, {}, _DEPTH_OF_ISIMIP,
        frozenset(
            {"comment", "coordinates", "grid_mapping", "long_name", "missing_value",
             "standard_name", "units"}
        ),
        north_first=True, global_width=0.5, by_scenario=True,
    ),
    "ilamb": Project(
        "ILAMB", "ilamb", np.float32(1e20), "noleap", ilamb_name, {}, {}, allow_annual=False,
    ),
}  # fmt: skip
