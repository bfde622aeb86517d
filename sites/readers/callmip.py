"""CalLMIP NetCDF: daily fluxes in ``<site>_daily_aggregated_<y0>-<y1>_<source>_Flux.nc``.

Calibration data of the land-model calibration intercomparison (phase 1, from FLUXNET2015;
repository ``callmip-org/Phase1``): ``NEE_daily`` with ``NEE_uc_daily`` (also met as
``NEE_daily_uc``) and energy fluxes, gC m-2 d-1, 1e20 where missing. Its forcing is the PLUMBER2 Met
file of the tower. NEE is positive towards the atmosphere.
"""

import numpy as np

from temjax.sites.readers.netcdf_series import (
    PointSeries,
    RecordPart,
    monthly_uncertainty,
    note_sparse_months,
    start_part,
    to_model_unit,
)
from temjax.sites.readers.record import MonthlyValues, Partition, Reading

# variable -> (name before ``_daily``, partition)
FLUXES: dict[str, tuple[tuple[str, Partition | None], ...]] = {
    "net_ecosystem_production": (("NEE", None),),
    "gross_primary_production": (("GPP_DT", "DT"), ("GPP", "NT"), ("GPP_NT", "NT")),
    "ecosystem_respiration": (
        ("Resp_DT", "DT"), ("Reco_DT", "DT"), ("Resp", "NT"), ("Reco", "NT"), ("Resp_NT", "NT"),
        ("Reco_NT", "NT"),
    ),
}  # fmt: skip
_STEMS = tuple(stem for kinds in FLUXES.values() for stem, _ in kinds)
FLUX_NAMES = tuple(f"{stem}_daily" for stem in _STEMS)


def _uncertainties(stem: str) -> tuple[str, str]:
    return f"{stem}_uc_daily", f"{stem}_daily_uc"


VARIABLES = frozenset({*FLUX_NAMES, *(name for stem in _STEMS for name in _uncertainties(stem))})


def read_fluxes(series: PointSeries, reading: Reading) -> RecordPart:
    """Monthly carbon fluxes of a daily file."""
    chosen, absent = {}, {}
    for variable, kinds in FLUXES.items():
        asked = [(s, k) for s, k in kinds if reading.partition in (None, k) or k is None]
        held = [(s, k) for s, k in asked if f"{s}_daily" in series.values]
        full = [(s, k) for s, k in held if np.isfinite(series.values[f"{s}_daily"]).any()]
        if full:
            chosen[variable] = full[0]
        elif held:
            absent[variable] = f"{held[0][0]}_daily of {series.path.name} has no value"
        else:
            names = ", ".join(f"{stem}_daily" for stem, _ in asked)
            absent[variable] = f"{series.path.name} has none of {names}"
    columns = {f"{s}_daily": series.values[f"{s}_daily"] for s, _ in chosen.values()}
    months = series.months(columns, reading.minimum_coverage)
    part = start_part(series, months, reading.minimum_coverage, absent)
    for variable, (stem, partition) in chosen.items():
        name = f"{stem}_daily"
        values = to_model_unit(part, series, variable, name, months.means[name])
        if values is None:
            continue
        note_sparse_months(part, months, name, reading.minimum_coverage)
        sd, sd_source = _uncertainty(series, part, variable, stem)
        part.values[variable] = MonthlyValues(
            -values if variable == "net_ecosystem_production" else values,
            name,
            sd=sd,
            sd_source=sd_source,
            partition=partition,
        )
    return part


def _uncertainty(
    series: PointSeries, part: RecordPart, variable: str, stem: str
) -> tuple[np.ndarray | None, str]:
    """Standard deviation of the monthly sum and its source; None where the file has none."""
    name = next((n for n in _uncertainties(stem) if n in series.values), None)
    if name is None:
        return None, ""
    errors, source = monthly_uncertainty(series, name)
    sd = to_model_unit(part, series, variable, name, errors)
    part.notes.append(f"{stem}_daily: standard deviation from {source}")
    return sd, source
