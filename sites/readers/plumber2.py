"""PLUMBER2 NetCDF: half-hourly or hourly ``*_Met.nc`` and ``*_Flux.nc`` with ALMA names.

Made by FluxnetLSM (Ukkola et al. 2022, Earth System Science Data 14, 449-461). Names and units
follow its tables ``data/Output_variables_*.csv``, where ``GPP`` and ``Resp`` are the night-time
partition and ``GPP_DT`` the day-time one, NEE is positive towards the atmosphere (FLUXNET's
``NEE_VUT_REF``, whatever its ``standard_name`` says) and a time stamp is the start of its step, in
local standard time. Quality flags follow ``get_qc_flags`` in ``R/Utility_functions.R``: 0 measured
and, of FLUXNET2015 and La Thuile, 1 good-quality gap-filled; higher ones are medium, poor,
reanalysis and statistical filling, 101 post-processed. OzFlux has other flags, of which 0 is
measured; the file's ``QC_flag_descriptions`` says which.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from temjax.sites.readers.netcdf_series import (
    PointSeries,
    RecordPart,
    monthly_uncertainty,
    note_sparse_months,
    start_part,
    to_model_unit,
)
from temjax.sites.readers.record import CLIMATE, MonthlyValues, Partition, Reading

CLIMATE_NAMES = {
    "air_temperature": ("Tair",), "precipitation": ("Precip", "Rainf"), "shortwave": ("SWdown",),
    "co2": ("CO2air",),
}  # fmt: skip
SNOWFALL = "Snowf"
NEE, NEE_UNCERTAINTY = "NEE", "NEE_uc"
PARTITIONED: dict[str, dict[Partition, tuple[str, ...]]] = {
    "gross_primary_production": {"DT": ("GPP_DT",), "NT": ("GPP", "GPP_NT")},
    "ecosystem_respiration": {
        "DT": ("Resp_DT", "Reco_DT", "RECO_DT"),
        "NT": ("Resp", "Reco", "RECO", "Resp_NT", "Reco_NT"),
    },
}
FLUX_NAMES = (
    NEE,
    *(n for kinds in PARTITIONED.values() for names in kinds.values() for n in names),
)
QUALITY = "_qc"
_DATA = (*(n for names in CLIMATE_NAMES.values() for n in names), SNOWFALL, *FLUX_NAMES)
VARIABLES = frozenset({*_DATA, NEE_UNCERTAINTY, *(name + QUALITY for name in _DATA)})
_GOOD_FLAGS = re.compile(r"(?:Measured|Good-quality gap-?fill\w*):\s*(\d+)", re.IGNORECASE)


def read_climate(series: PointSeries, reading: Reading) -> RecordPart:
    """Monthly climate of a Met file; and why a variable is absent."""
    chosen = {
        variable: next((name for name in names if name in series.values), None)
        for variable, names in CLIMATE_NAMES.items()
    }
    columns = {name: series.values[name] for name in chosen.values() if name}
    if chosen["precipitation"] == "Rainf" and SNOWFALL in series.values:
        columns[SNOWFALL] = series.values[SNOWFALL]
    months = series.months(columns, reading.minimum_coverage)
    part = start_part(series, months, reading.minimum_coverage)
    quality = _quality(series, part, columns)
    for variable, name in chosen.items():
        if name is None:
            if variable in CLIMATE:
                part.absent[variable] = f"no such variable in {series.path.name}"
            continue
        values = to_model_unit(part, series, variable, name, months.means[name])
        source = name
        if name == "Rainf":
            source, values = _with_snow(series, part, months.means, values)
        if values is not None:
            note_sparse_months(part, months, name, reading.minimum_coverage)
            part.values[variable] = MonthlyValues(values, source, quality.get(name))
    return part


def _with_snow(
    series: PointSeries,
    part: RecordPart,
    means: Mapping[str, np.ndarray],
    rain: np.ndarray | None,
) -> tuple[str, np.ndarray | None]:
    """Rain and snow as precipitation; rain alone where the file has no snow."""
    if SNOWFALL not in means:
        part.notes.append(f"Rainf: taken as all precipitation, the file has no {SNOWFALL}")
        return "Rainf", rain
    snow = to_model_unit(part, series, "precipitation", SNOWFALL, means[SNOWFALL])
    return f"Rainf + {SNOWFALL}", None if rain is None or snow is None else rain + snow


def read_fluxes(series: PointSeries, reading: Reading) -> RecordPart:
    """Monthly carbon fluxes of a Flux file."""
    names: dict[str, tuple[str, Partition | None]] = {}
    if _has_value(series, NEE):
        names["net_ecosystem_production"] = (NEE, None)
    absent = {} if names else {"net_ecosystem_production": _reason(series, (NEE,))}
    for variable, kinds in PARTITIONED.items():
        asked: Sequence[Partition] = (reading.partition,) if reading.partition else ("DT", "NT")
        found = [(n, kind) for kind in asked for n in kinds[kind] if _has_value(series, n)]
        if found:
            names[variable] = found[0]
        else:
            absent[variable] = _reason(series, [n for kind in asked for n in kinds[kind]])
    columns = {name: series.values[name] for name, _ in names.values()}
    months = series.months(columns, reading.minimum_coverage)
    part = start_part(series, months, reading.minimum_coverage, absent)
    _note_threshold(series, part, reading)
    quality = _quality(series, part, columns)
    for variable, (name, partition) in names.items():
        values = to_model_unit(part, series, variable, name, months.means[name])
        if values is None:
            continue
        note_sparse_months(part, months, name, reading.minimum_coverage)
        sd, sd_source = None, ""
        if name == NEE and _has_value(series, NEE_UNCERTAINTY):
            errors, sd_source = monthly_uncertainty(series, NEE_UNCERTAINTY)
            sd = to_model_unit(part, series, variable, NEE_UNCERTAINTY, errors)
            part.notes.append(f"{NEE}: standard deviation from {sd_source}")
        part.values[variable] = MonthlyValues(
            -values if name == NEE else values,
            name,
            quality=quality.get(name, quality.get(NEE)),
            sd=sd,
            sd_source=sd_source,
            partition=partition,
        )
    return part


def _has_value(series: PointSeries, name: str) -> bool:
    return name in series.values and bool(np.isfinite(series.values[name]).any())


def _reason(series: PointSeries, names: Sequence[str]) -> str:
    """Why none of some variables is there: absent or without a value."""
    empty = [name for name in names if name in series.values]
    if empty:
        return f"{', '.join(empty)} of {series.path.name} has no value"
    return f"{series.path.name} has none of {', '.join(names)}"


def _note_threshold(series: PointSeries, part: RecordPart, reading: Reading) -> None:
    """Note where another friction-velocity threshold was asked for than the file has."""
    original = str(series.attributes.get(NEE, {}).get("Fluxnet_name", ""))
    if reading.threshold and reading.threshold not in original:
        held = original or "of a threshold that the file does not state"
        part.notes.append(f"NEE is {held}: --threshold {reading.threshold} has no effect")


def _quality(
    series: PointSeries, part: RecordPart, columns: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Share of each month's time with measured or good-quality filled values, by variable."""
    flagged = {n: v for n, v in columns.items() if n + QUALITY in series.values}
    if not flagged:
        return {}
    stated = {int(flag) for flag in _GOOD_FLAGS.findall(_description(series))}
    good = stated or {0} | ({1} if "ozflux" not in series.path.name.lower() else set())
    flags = ", ".join(str(flag) for flag in sorted(good))
    basis = "as the file states" if stated else "the file does not state its flags"
    part.notes.append(
        f"quality of {series.path.name}: share of time with flag {flags}, measured or filled well "
        f"({basis})"
    )
    shares = {
        name: np.where(np.isfinite(values), np.isin(series.values[name + QUALITY], list(good)), 0.0)
        for name, values in flagged.items()
    }
    return series.months(shares, 0.0).means


def _description(series: PointSeries) -> str:
    return str(series.globals.get("QC_flag_descriptions", ""))
