"""Validation of a run's input: every fault with its position and its remedy, all in one pass.

The functions return lists of :class:`~temjax.files.findings.Finding`; readers of files raise a
:class:`~temjax.files.findings.DataError` with all of them at once, before anything is compiled.
"""

from collections.abc import Callable, Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from temjax.files.findings import Finding, IndexText, finding_of_mask, nearest
from temjax.forcing import Forcing, Location
from temjax.parameters.files import parameter_set_names
from temjax.processes.radiation import SHORTWAVE_TO_CALORIES, gross_irradiance

MISSING_VALUE = -9999.0
# °C; beyond every monthly mean on Earth, and models' of the Antarctic plateau, down to -76
TEMPERATURE_RANGE = (-95.0, 70.0)
KELVIN = (150.0, 350.0)  # values above 70 that temperatures in kelvin take
LARGEST_PRECIPITATION = 3000.0  # mm month⁻¹
SHORTWAVE_MARGIN = (1.02, 2.0)  # factor and W m⁻² over the extraterrestrial mean
CO2_RANGE = (100.0, 5000.0)  # ppmv
TEXTURE_TOLERANCE = 1.0  # % points the three fractions may miss 100 by (rounded tables)
MONTH_NAMES = ("January February March April May June July August September October November "
               "December").split()  # fmt: skip


def check_location(
    location: Location, *, file: str = "location", cell_text: IndexText | None = None
) -> list[Finding]:
    """Latitude, elevation, texture and vegetation name of one or many cells."""
    cell_text = cell_text or _cell_text
    rules = (
        ("latitude", -90.0, 90.0, "Give degrees north, -90 to 90."),
        ("elevation", -500.0, 9000.0, "Give metres above sea level."),
        ("silt_plus_clay", 0.0, 1.0, "Give the mass fraction 0-1 (percent / 100)."),
    )
    findings = []
    for name, low, high, mend in rules:
        values = np.asarray(getattr(location, name), dtype=float)
        with np.errstate(invalid="ignore"):
            wrong = ~((values >= low) & (values <= high))
        findings += finding_of_mask(
            wrong,
            values,
            file,
            name,
            cell_text,
            lambda value, low=low, high=high: (
                f"value {value:g} is missing or outside {low:g} to {high:g}"
            ),
            mend,
        )
    if location.vegetation is not None:
        findings += check_vegetation(location.vegetation, file=file)
    return findings


def check_vegetation(name: str, *, file: str = "location", index: str = "") -> list[Finding]:
    """The vegetation type must name a parameter set."""
    if name in parameter_set_names():
        return []
    message = f"unknown vegetation type {name!r}"
    return [Finding(file, "vegetation", index, message, nearest(name, parameter_set_names()))]


def check_texture(
    sand: float, silt: float, clay: float, *, file: str = "location"
) -> list[Finding]:
    """Sand, silt and clay are percent by mass, not negative, and sum to 100."""
    findings = [
        Finding(file, name, "", f"value {value:g} is not a percentage", "Give 0-100 % by mass.")
        for name, value in (("sand", sand), ("silt", silt), ("clay", clay))
        if not 0 <= value <= 100
    ]
    total = sand + silt + clay
    if not findings and not abs(total - 100) <= TEXTURE_TOLERANCE:
        mend = "Give percent of the fine earth that sums to 100."
        if abs(total - 1) <= TEXTURE_TOLERANCE / 100:
            mend = "These look like fractions: multiply by 100."
        message = f"sand {sand:g} + silt {silt:g} + clay {clay:g} = {total:g} %, not 100"
        findings.append(Finding(file, "texture", "", message, mend))
    return findings


def check_forcing(
    forcing: Forcing,
    location: Location | None = None,
    *,
    file: str = "forcing",
    names: Mapping[str, str] | None = None,
    index_text: IndexText | None = None,
) -> list[Finding]:
    """Values and units of a monthly forcing.

    Args:
        forcing: arrays ``(year, 12, *cell)``.
        location: with it, shortwave is compared with the extraterrestrial mean of the month.
        file: what the findings call the source.
        names: the source's own name per variable (``{"air_temperature": "TA_F"}``).
        index_text: describes a (year row, month, *cell) position in the source's own terms
            (a row, a time stamp); by default calendar year, month and cell.
    """
    years = np.asarray(forcing.years)
    return check_climate(
        {
            name: np.asarray(getattr(forcing, name), dtype=float)
            for name in ("air_temperature", "precipitation", "shortwave", "co2")
        },
        latitude=None if location is None else np.asarray(location.latitude, dtype=float),
        file=file,
        names=names,
        index_text=index_text or (lambda at: _month_text(years, at)),
    ) + check_years(years, file=file)


def check_climate(
    variables: Mapping[str, np.ndarray],
    *,
    latitude: np.ndarray | float | None = None,
    extraterrestrial: np.ndarray | None = None,
    file: str = "forcing",
    names: Mapping[str, str] | None = None,
    index_text: IndexText | None = None,
) -> list[Finding]:
    """Values and units of plain arrays ``(year, 12, *cell)``, keyed as fields of ``Forcing``.

    Shortwave is compared with the extraterrestrial mean of ``latitude``, or with
    ``extraterrestrial`` (W m-2, ``(12, *cell)``) where that is known.
    """
    names = names or {}
    index_text = index_text or (lambda at: _month_text(np.arange(10**4), at))
    findings = []
    for name, values in variables.items():
        label = names.get(name, name)
        findings += _value_findings(name, values, label, file, index_text)
    known = latitude is not None and np.all(np.abs(latitude) <= 90)
    if known and extraterrestrial is None and "shortwave" in variables:
        degrees = jnp.asarray(latitude, dtype=float)
        extraterrestrial = np.asarray(gross_irradiance(degrees)) / SHORTWAVE_TO_CALORIES
    if extraterrestrial is not None and "shortwave" in variables:
        findings += _shortwave_findings(
            variables["shortwave"],
            extraterrestrial,
            names.get("shortwave", "shortwave"),
            file,
            index_text,
        )
    return findings


def check_years(years: Sequence[int] | np.ndarray, *, file: str = "forcing") -> list[Finding]:
    """Calendar years must follow each other without gap or repetition."""
    years = np.asarray(years)
    breaks = np.flatnonzero(np.diff(years) != 1)
    if not breaks.size:
        return []
    first, then = int(years[breaks[0]]), int(years[breaks[0] + 1])
    what = "is repeated or out of order" if then <= first else f"is followed by {then}"
    return [
        Finding(
            file,
            "time",
            f"year {first}",
            f"year {first} {what} ({breaks.size} such breaks)",
            "Give consecutive years, each once.",
        )
    ]


def check_months(
    months: Sequence[tuple[int, int]],
    *,
    file: str,
    variable: str = "time",
    index_text: Callable[[int], str] | None = None,
    gaps: bool = True,
) -> list[Finding]:
    """(year, month) records must be whole calendar years, in order, each month once.

    Args:
        months: month counted 1-12.
        gaps: absent months are a finding.
        index_text: describes record i of the source.
    """
    index_text = index_text or (lambda record: f"record {record}")
    findings = []
    for record, (year, month) in enumerate(months):
        if not 1 <= month <= 12:
            message = f"month {month} of year {year} does not exist"
            index = index_text(record)
            findings.append(Finding(file, variable, index, message, "Write YYYYMM, MM 01-12."))
    if findings or not months:
        return findings
    counted = [12 * year + month - 1 for year, month in months]
    order = [record for record in range(1, len(counted)) if counted[record] <= counted[record - 1]]
    if order:
        year, month = months[order[0]]
        message = f"{year}-{month:02d} is repeated or out of order ({len(order)} such records)"
        index = index_text(order[0])
        findings.append(Finding(file, variable, index, message, "Sort by time, each month once."))
    if not gaps:
        return findings
    first, last = min(counted) // 12 * 12, max(counted) // 12 * 12 + 12
    absent = sorted(set(range(first, last)) - set(counted))
    if absent:
        text = ", ".join(f"{month // 12}-{month % 12 + 1:02d}" for month in absent[:6])
        more = f" and {len(absent) - 6} more" if len(absent) > 6 else ""
        findings.append(
            Finding(
                file,
                variable,
                f"{absent[0] // 12}-{absent[0] % 12 + 1:02d}",
                f"months missing: {text}{more}",
                "Give every month of each calendar year, or leave the broken years out.",
            )
        )
    return findings


def check_overlap(
    years: Mapping[str, Sequence[int] | np.ndarray], *, variable: str = "time"
) -> list[Finding]:
    """Sources that are used together must share years; keys name the sources."""
    spans = {name: (int(np.min(values)), int(np.max(values))) for name, values in years.items()}
    start, stop = max(low for low, _ in spans.values()), min(high for _, high in spans.values())
    if start <= stop:
        return []
    latest = next(name for name, span in spans.items() if span[0] == start)
    text = ", ".join(f"{name} {low}-{high}" for name, (low, high) in spans.items())
    return [
        Finding(
            latest,
            variable,
            f"year {start}",
            f"years do not overlap ({text})",
            "Give sources that share at least one year.",
        )
    ]


def temperature_findings(
    values: np.ndarray, *, file: str, label: str, index_text: IndexText
) -> list[Finding]:
    """Temperatures that no month on Earth has, with what they look like; NaN is passed over."""
    low, high = TEMPERATURE_RANGE
    hot, cold = values > high, values < low
    kelvin = hot.any() and np.all((values[hot] > KELVIN[0]) & (values[hot] < KELVIN[1]))
    looks = "This looks like kelvin: subtract 273.15."
    other = "Give °C: check the unit, scale and offset, and missing-value codes."

    def finding(wrong: np.ndarray, mend: str) -> list[Finding]:
        text = f"is beyond {low:g} to {high:g} °C"
        return finding_of_mask(
            wrong, values, file, label, index_text, lambda value: f"{value:g} {text}", mend
        )

    return finding(hot, looks if kelvin else other) + finding(cold, other)


def _value_findings(
    name: str, values: np.ndarray, label: str, file: str, index_text: IndexText
) -> list[Finding]:
    """Missing codes, non-finite values and units of one variable."""
    missing = values == MISSING_VALUE
    fill = np.isfinite(values) & (np.abs(values) > 1e15)
    bad = ~np.isfinite(values)
    plain = ~(missing | fill | bad)

    def finding(
        wrong: np.ndarray | np.bool_, message: Callable[[float], str], mend: str
    ) -> list[Finding]:
        return finding_of_mask(wrong, values, file, label, index_text, message, mend)

    findings = finding(
        missing,
        lambda value: "missing value -9999",
        "Fill the gap or leave the year out.",
    )
    findings += finding(fill, lambda value: f"fill value {value:g}", "Mask or fill these cells.")
    findings += finding(bad, lambda value: f"value is {value}", "Fill the gap or mask the cell.")
    values = np.where(plain, values, 0.0)
    if name.endswith("temperature"):
        findings += temperature_findings(
            np.where(plain, values, np.nan), file=file, label=label, index_text=index_text
        )
    if name in ("precipitation", "shortwave"):
        findings += finding(
            plain & (values < 0),
            lambda value: f"negative value {value:g}",
            "Set it to 0 or mend the source.",
        )
    if name == "precipitation":
        findings += finding(
            plain & (values > LARGEST_PRECIPITATION),
            lambda value: f"{value:g} mm in a month is more than {LARGEST_PRECIPITATION:g}",
            "Give mm per month: check that metres, tenths of mm or daily totals were converted.",
        )
        yearly = values.sum(axis=1).mean(axis=0) if values.ndim > 1 else values
        rate = np.broadcast_to((yearly > 0) & (yearly < 0.1), values.shape[2:])
        findings += finding(
            np.broadcast_to(rate, values.shape) & (values > 0),
            lambda value: f"{value:g} mm in a month, under 0.1 mm in a whole year",
            "This looks like kg m-2 s-1: multiply by 86400 and the days of the month.",
        )
    if name == "co2":
        findings += finding(
            plain & ((values < CO2_RANGE[0]) | (values > CO2_RANGE[1])),
            lambda value: f"{value:g} is outside {CO2_RANGE[0]:g}-{CO2_RANGE[1]:g} ppmv",
            "Give the mole fraction in ppmv.",
        )
    return findings


def _shortwave_findings(
    shortwave: np.ndarray, top: np.ndarray, label: str, file: str, index_text: IndexText
) -> list[Finding]:
    """Shortwave of a month cannot pass what reaches the top of the atmosphere."""
    factor, margin = SHORTWAVE_MARGIN
    limit = np.broadcast_to(factor * top + margin, shortwave.shape)
    with np.errstate(invalid="ignore"):
        wrong = np.isfinite(shortwave) & (shortwave > limit) & (shortwave < 1e15)
    message = "above the extraterrestrial mean of this month and latitude"
    at = tuple(np.argwhere(wrong)[0]) if wrong.any() else ()
    return finding_of_mask(
        wrong,
        shortwave,
        file,
        label,
        index_text,
        lambda value: f"{value:g} W m-2 is {message} ({limit[at]:.0f} W m-2)",
        "Give monthly mean W m-2: check J, MJ, cal cm-2 d-1 or PAR units, and the latitude.",
    )


def _cell_text(at: tuple[int, ...]) -> str:
    if not at:
        return ""
    return f"cell {at[0]}" if len(at) == 1 else f"cell {at}"


def _month_text(years: np.ndarray, at: tuple[int, ...]) -> str:
    cell = _cell_text(at[2:])
    return f"year {years[at[0]]}, {MONTH_NAMES[at[1]]}" + (f", {cell}" if cell else "")
