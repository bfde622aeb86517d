"""Time series of one point in a NetCDF file: intervals, values and units, and their months."""

import dataclasses
import hashlib
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from temjax.conventions.units import QUANTITIES, UNDERSTOOD, unit_with_time
from temjax.files.findings import Finding
from temjax.runs.validation import MISSING_VALUE
from temjax.sites.readers.aggregate import MonthlyMeans, monthly_means, overlapping_rows
from temjax.sites.readers.record import MonthlyValues, days_of_months

# what the NetCDF libraries raise for damaged files and other formats
_UNREADABLE = (OSError, ValueError, RuntimeError, KeyError, TypeError, OverflowError)
FILL_FROM = 1e19  # CalLMIP fills with 1e20, netCDF with 9.97e36, some without an attribute
DAY = np.timedelta64(1, "D")
REAL_CALENDARS = ("standard", "gregorian", "proleptic_gregorian")
LEAPLESS = ("noleap", "365_day")
Fault = Callable[..., Finding]  # of variable, message, mend and index
_PLACE = {
    "latitude": ("latitude", "lat"), "longitude": ("longitude", "lon"),
    "elevation": ("elevation",),
}  # fmt: skip
# FluxnetLSM writes the vegetation as variables of characters
_FACTS = {"title": ("site_name",), "igbp": ("IGBP_veg_short", "IGBP", "igbp")}


@dataclass(frozen=True)
class PointSeries:
    """Variables of one point.

    Attributes:
        path: of the file.
        begin, end: interval of each record, datetime64[m], ``(record,)``.
        values: name -> ``(record,)``, NaN where missing.
        attributes: name -> attributes of the variable.
        globals: attributes of the file.
        location: those of ``latitude``, ``longitude`` (degrees), ``elevation`` (m) in the file.
        notes: choices made while reading, as sentences.
        facts: those of ``title``, ``igbp`` that the file states.
    """

    path: Path
    begin: np.ndarray
    end: np.ndarray
    values: Mapping[str, np.ndarray]
    attributes: Mapping[str, Mapping]
    globals: Mapping[str, object]
    location: Mapping[str, float]
    notes: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Name and hash of the file."""
        return f"{self.path.name} (sha256 {hashlib.sha256(self.path.read_bytes()).hexdigest()})"

    def months(self, columns: Mapping[str, np.ndarray], minimum_coverage: float) -> MonthlyMeans:
        """Means of columns over calendar months; present are those the file covers enough."""
        columns = {"": np.ones(len(self.begin)), **columns}
        months = monthly_means(self.begin, self.end, columns, minimum_coverage)
        share = months.coverage[""]
        return dataclasses.replace(months, present=(share > 0) & (share >= minimum_coverage))

    def finding(self, variable: str, message: str, mend: str, index: str = "") -> Finding:
        """Fault of a variable of the file."""
        return Finding(str(self.path), variable, index, message, mend)


@dataclass
class RecordPart:
    """What one file gives to a record.

    Attributes:
        years: calendar years, consecutive.
        present: months of which enough is in the file, ``(year, 12)``.
        values: variable -> monthly values in the model's unit.
        absent: variable -> reason, a clause.
        notes: choices, as sentences.
        findings: faults.
    """

    years: np.ndarray
    present: np.ndarray
    values: dict[str, MonthlyValues] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read_series(
    path: Path, wanted: Collection[str]
) -> tuple[PointSeries | None, list[str], list[Finding]]:
    """Series of the wanted variables that a file has.

    Args:
        path: of the file.
        wanted: names of variables; others are not read.

    Returns:
        The series, None with findings; the names of all variables of the file; the findings.
    """

    def fault(variable: str, message: str, mend: str, index: str = "") -> Finding:
        return Finding(str(path), variable, index, message, mend)

    if not path.is_file():
        return None, [], [fault("file", "no such file", "Check the path.")]
    try:
        with warnings.catch_warnings():
            # two fill values that differ: both are masked, which is what is wanted
            warnings.simplefilter("ignore", xr.SerializationWarning)
            with xr.open_dataset(path, decode_times=False, engine="netcdf4") as file:
                names = [str(name) for name in file.variables]
                chosen = [name for name in names if name in wanted]
                if not chosen:
                    return None, names, []
                begin, end, notes, findings = _intervals(file, fault)
                values = {}
                for name in chosen:
                    array, wrong = _point(file[name], fault)
                    findings += wrong
                    if array is not None:
                        values[name] = array
                series = PointSeries(
                    path,
                    begin,
                    end,
                    values,
                    {name: dict(file[name].attrs) for name in values},
                    dict(file.attrs),
                    _location(file),
                    tuple(notes),
                    _facts(file),
                )
    except _UNREADABLE:
        mend = "Give a whole NetCDF file: this one is truncated, damaged or of another format."
        return None, [], [fault("file", "cannot be read as NetCDF", mend)]
    return (None if findings else series), names, findings


def _point(array: xr.DataArray, fault: Fault) -> tuple[np.ndarray | None, list[Finding]]:
    """Values along time, NaN where missing; None with a finding where it is not one point's."""
    name = str(array.name)
    if "time" not in array.dims:
        return None, [fault(name, "has no time dimension", "Give a time series of the tower.")]
    many = [
        f"{size} along {dim}" for dim, size in array.sizes.items() if dim != "time" and size > 1
    ]
    if many:
        message = f"has more than one point: {', '.join(many)}"
        return None, [fault(name, message, "Give a file of one tower (one point).")]
    values = array.values.reshape(-1)
    if not np.issubdtype(values.dtype, np.number):
        return None, [fault(name, "is not numeric", "Give numbers, -9999 where missing.")]
    values = values.astype(float)
    missing = ~(np.abs(values) < FILL_FROM) | (values == MISSING_VALUE)
    return np.where(missing, np.nan, values), []


def _location(file: xr.Dataset) -> dict[str, float]:
    """Coordinates of the tower, from variables or else from attributes of the file."""
    location = {}
    for key, names in _PLACE.items():
        for name in names:
            held = file[name].values if name in file.variables else file.attrs.get(name)
            number = pd.to_numeric(pd.Series(np.ravel(held)), errors="coerce").to_numpy(float)
            if number.size == 1 and abs(number[0]) < -MISSING_VALUE:
                location[key] = float(number[0])
                break
    return location


def _facts(file: xr.Dataset) -> dict[str, str]:
    """Words on the site, from variables of characters or else from attributes of the file."""
    facts = {}
    for key, names in _FACTS.items():
        for name in names:
            held = file[name].values if name in file.variables else file.attrs.get(name, "")
            parts = (p.decode("utf-8", "replace") if isinstance(p, bytes) else str(p)
                     for p in np.ravel(held))  # fmt: skip
            text = "".join(parts).replace("\0", "").strip()
            if text:
                facts.setdefault(key, text)
    return facts


def _intervals(
    file: xr.Dataset, fault: Fault
) -> tuple[np.ndarray, np.ndarray, list[str], list[Finding]]:
    """Interval of each record, notes and findings."""
    nothing = np.empty(0, "datetime64[m]")
    stamps, notes, findings = _stamps(file, fault)
    if findings:
        return nothing, nothing, notes, findings
    order = np.sort(np.unique(stamps))
    if order.size < 2:
        mend = "Give a series of half-hours, hours or days."
        return nothing, nothing, notes, [fault("time", "has fewer than two times", mend)]
    step = np.median(np.diff(order).astype(int)).astype("timedelta64[m]")
    if step > DAY:
        message = f"the step is {step / DAY:g} days"
        mend = "Give half-hourly, hourly or daily data."
        return nothing, nothing, notes, [fault("time", message, mend)]
    stated = str(file["time"].attrs.get("info", "")).lower()
    if step == DAY:
        begin = stamps.astype("datetime64[D]").astype("datetime64[m]")
    elif "end" in stated.split():
        begin = stamps - step
        notes.append(f"{_name(file)}: time stamps are the ends of the steps, as the file states")
    elif "start" not in stated and _are_ends(order, step):
        begin = stamps - step
        notes.append(
            f"{_name(file)}: time stamps taken as the ends of the steps (whole days follow then)"
        )
    else:
        begin = stamps  # FluxnetLSM: "Time stamp indicates start time"
    end = begin + step
    shared = overlapping_rows(begin, end)
    if shared.size:
        message = f"{shared.size} records cover time that another covers"
        where = f"record {shared[0] + 1} ({stamps[shared[0]]})"
        findings = [fault("time", message, "Give each time once, at an even step.", where)]
    return begin, end, notes, findings


def _are_ends(order: np.ndarray, step: np.timedelta64) -> bool:
    """Whether the first stamp is one step after midnight and the last at midnight."""
    first, last = order[0] - order[0].astype("datetime64[D]"), order[-1]
    return first == step and last == last.astype("datetime64[D]")


def _stamps(file: xr.Dataset, fault: Fault) -> tuple[np.ndarray, list[str], list[Finding]]:
    """Time stamps to the minute, notes and findings."""
    nothing = np.empty(0, "datetime64[m]")
    mend = "Give CF times, for example 'seconds since 2004-01-01 00:00:00'."
    if "time" not in file.variables or file["time"].dims != ("time",):
        return nothing, [], [fault("time", "no time axis", mend)]
    units, calendar = (str(file["time"].attrs.get(n, "")) for n in ("units", "calendar"))
    calendar = calendar.lower() or "standard"
    if calendar not in (*REAL_CALENDARS, *LEAPLESS):
        message = f"calendar {calendar!r}: a tower measures in the standard calendar"
        return nothing, [], [fault("time", message, "Give times in the standard calendar.")]
    if " since " not in units:
        message = f"unit {units!r} is no time since a date" if units else "has no units"
        return nothing, [], [fault("time", message, mend)]
    try:
        axis = xr.Dataset(coords={"time": file["time"].variable})
        decoded = xr.decode_cf(axis)["time"].values
        if decoded.dtype == object:  # another calendar than numpy's: the dates themselves are kept
            parts = [(t.year, t.month, t.day, t.hour, t.minute, t.second) for t in decoded]
            names = ["year", "month", "day", "hour", "minute", "second"]
            decoded = pd.to_datetime(pd.DataFrame(parts, columns=names)).to_numpy()
    except _UNREADABLE:
        return nothing, [], [fault("time", f"cannot be decoded from {units!r}", mend)]
    absent = np.flatnonzero(np.isnat(decoded))
    if absent.size:
        where = f"record {absent[0] + 1}"
        return nothing, [], [fault("time", f"{absent.size} missing times", mend, where)]
    notes = []
    if calendar in LEAPLESS:
        notes.append(f"{_name(file)}: calendar {calendar}, no 29 February in any year")
    minute = np.timedelta64(30, "s")  # days as real numbers miss the minute by less than this
    return (decoded.astype("datetime64[s]") + minute).astype("datetime64[m]"), notes, []


def _name(file: xr.Dataset) -> str:
    return Path(file.encoding.get("source", "file")).name


def to_model_unit(
    part: RecordPart, series: PointSeries, variable: str, name: str, means: np.ndarray
) -> np.ndarray | None:
    """Monthly means of a variable of the file in the model's unit; None with a finding."""
    text, quantity = str(series.attributes[name].get("units", "")), QUANTITIES[variable]
    unit = unit_with_time(text, quantity)
    if unit is None:
        message = f"unit {text!r} is not understood" if text else "has no units attribute"
        mend = f"Give one of: {', '.join(UNDERSTOOD[quantity])}."
        part.findings.append(series.finding(name, message, mend))
        return None
    month = days_of_months(part.years)
    factor = unit.monthly_factor(month, year=month.sum(axis=1, keepdims=True))
    return means * factor + unit.offset


def start_part(
    series: PointSeries, months: MonthlyMeans, least: float, absent: dict[str, str] | None = None
) -> RecordPart:
    """Part of a record without values, with a note of the months that the file holds in part."""
    part = RecordPart(months.years, months.present, absent=absent or {})
    partial = (months.coverage[""] > 0) & ~months.present
    if partial.any():
        stamps = [f"{months.years[year]}-{month + 1:02d}" for year, month in np.argwhere(partial)]
        more = f" and {len(stamps) - 6} more" if len(stamps) > 6 else ""
        part.notes.append(
            f"{series.path.name}: months of which less than {100 * least:g} % is in the file: "
            f"{', '.join(stamps[:6])}{more}"
        )
    return part


def note_sparse_months(part: RecordPart, months: MonthlyMeans, name: str, least: float) -> None:
    """Note of the months of a variable that too few values cover."""
    sparse = months.present & (months.coverage[name] > 0) & np.isnan(months.means[name])
    if sparse.any():
        year, month = np.argwhere(sparse)[0]
        part.notes.append(
            f"{name}: {sparse.sum()} months with values for less than {100 * least:g} % of their "
            f"time, left out (first {part.years[year]}-{month + 1:02d})"
        )


def monthly_uncertainty(series: PointSeries, name: str) -> tuple[np.ndarray, str]:
    """Standard deviation of the monthly mean, ``(year, 12)``, from that of each record; its rule.

    Random errors (FLUXNET's RANDUNC) are independent. Others count as independent within a day and
    as fully correlated over the days of a month: what is random averages out over a day, what the
    friction-velocity threshold and the filling of gaps bring is common to days. An upper bound.
    """
    random = str(series.attributes[name].get("Fluxnet_name", "")).endswith("RANDUNC")
    unit = "datetime64[M]" if random else "datetime64[D]"
    values = series.values[name]
    valid = values > 0
    period, at = np.unique(series.begin[valid].astype(unit), return_inverse=True)
    count = np.bincount(at, minlength=period.size)
    sd = np.sqrt(np.bincount(at, values[valid] ** 2, minlength=period.size)) / count
    periods = np.unique(series.begin.astype(unit))
    column = np.full(periods.size, np.nan)
    column[np.searchsorted(periods, period)] = sd
    rule = "random error, independent" if random else "correlated over a month, an upper bound"
    return monthly_means(periods, periods + 1, {name: column}, 0.0).means[name], f"{name}, {rule}"
