"""Faults of a tower's observed values: codes, units, signs, errors, quality.

Each fault is one finding with the first place and a count. Thresholds were held against the nine
FLUXNET2015 towers of the tests: monthly GPP up to 10 g C m⁻² d⁻¹, NEP against GPP - RECO with r of
0.55 to 1.00 and, night-time partition, slopes of 0.98 to 1.01.
"""

import re
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from temjax.conventions.units import CARBON_MASS, CO2_MASS
from temjax.files.findings import Finding, finding_of_mask
from temjax.runs.validation import temperature_findings
from temjax.sites.observations import LARGEST_FLUX
from temjax.sites.readers.codes import missing_codes
from temjax.sites.readers.record import MonthlyValues, TowerRecord, days_of_months

FLUXES = {
    "net_ecosystem_production": "NEE",
    "gross_primary_production": "GPP",
    "ecosystem_respiration": "RECO",
}
LARGEST_OTHER = 200.0  # g C m⁻² d⁻¹; beyond, single months are means with codes in them
REVERSED = -0.5  # g C m⁻² d⁻¹; median of the largest quarter of a flux whose sign is reversed
LEAST_CORRELATION = -0.7  # of NEP and GPP - RECO, below which the sign of NEE is reversed
MONTHS = 12  # least to judge a series by
SAME_UNIT = (1 / 3, 3.0)  # slopes of NEP over GPP - RECO where both may have one unit
RANGE = re.compile(r"range|_(75|84)\b")  # an error over thresholds, 0 where these agree
ROUNDING = 1e-6  # of a share
FACTORS = {
    CO2_MASS / CARBON_MASS: "g CO2 beside g C",
    365.25 / 12: "sums of the month beside means per day",
    365.25: "sums of the year beside means per day",
    1000.0: "kg beside g, or g beside mg",
}


def daily_rates(record: TowerRecord, name: str) -> np.ndarray:
    """Observed flux as a mean per day, ``(year, 12)``, g C m⁻² d⁻¹; NEE for NEP."""
    rate = record.observed[name].values / days_of_months(record.years)
    return -rate if name == "net_ecosystem_production" else rate


def check_codes(record: TowerRecord) -> tuple[list[Finding], dict[str, np.ndarray]]:
    """Codes of missing values and values that are not finite, of climate and observations.

    Returns:
        Findings, and per variable the months that have them.
    """
    findings, masks = [], {}
    days = days_of_months(record.years)
    for name, variable in {**record.climate, **record.observed}.items():
        sign = -1 if name == "net_ecosystem_production" else 1
        codes = missing_codes(sign * variable.values, days)
        masks[name] = np.isfinite(codes) | np.isinf(variable.values)
        shown = np.where(np.isfinite(codes), codes, sign * variable.values)
        findings += _found(
            record, variable, masks[name], shown,
            lambda value: f"{value:g} is a code of missing values, not a number of the variable",
            "Leave these months empty, or write -9999.",
        )  # fmt: skip
    return findings, masks


def check_observations(record: TowerRecord, masks: dict[str, np.ndarray]) -> list[Finding]:
    """Findings of the observed variables.

    Args:
        record: of the tower.
        masks: months with codes, which have findings of their own (``check_codes``).
    """
    findings = []
    signs, of_units = _signs(record, masks)
    reversed_columns = {finding.variable for finding in signs}
    for name, variable in record.observed.items():
        masked = masks.get(name, np.zeros(variable.values.shape, dtype=bool))
        if name == "soil_temperature":
            findings += temperature_findings(
                np.where(masked, np.nan, variable.values),
                file=record.file,
                label=variable.source,
                index_text=record.month_text,
            )
        elif name in FLUXES:
            findings += _size(record, name, masked, averages_only=bool(of_units))
        turned = variable.source in reversed_columns and RANGE.search(variable.sd_source)
        if not turned:  # a range of the other sign is the same fault
            findings += _errors(record, variable)
        findings += _quality(record, variable)
    for name, variable in record.climate.items():
        findings += _quality(record, variable)
        if name == "shortwave":
            findings += _dark(record, variable)
    return [*findings, *signs, *of_units]


def _found(
    record: TowerRecord,
    variable: MonthlyValues,
    wrong: np.ndarray,
    values: np.ndarray,
    message: Callable[[float], str],
    mend: str,
) -> list[Finding]:
    """One finding of the months of a mask, in the words of the record."""
    return finding_of_mask(
        wrong, values, record.file, variable.source, record.month_text, message, mend
    )


def _size(record: TowerRecord, name: str, masked: np.ndarray, averages_only: bool) -> list[Finding]:
    """Fluxes that no ecosystem has: averaged codes or, unless ``averages_only``, another unit."""
    variable, rate = record.observed[name], daily_rates(record, name)
    size = np.where(masked | ~np.isfinite(rate), 0.0, np.abs(rate))
    beyond = size > LARGEST_FLUX
    count = int(np.isfinite(rate).sum())
    averaged = beyond & (rate < -LARGEST_OTHER) & (beyond.sum() < count / 2)

    def text(value: float) -> str:
        unit = "g C m-2 d-1 (mean of the month)"
        return f"{FLUXES[name]} {value:.5g} {unit} is beyond ±{LARGEST_FLUX:g}"

    findings = _found(
        record, variable, averaged, rate, text,
        "These look like means with codes such as -9999 in them: leave the codes out first.",
    )  # fmt: skip
    if averages_only:
        return findings
    mend = "Give g C m-2 d-1: check the unit (a sum over the month?) and codes of missing values."
    if beyond.sum() >= count / 4 and np.median(size[beyond]) < LARGEST_FLUX * 31:
        mend = "These look like sums over the month where means per day belong: check the unit."
    return findings + _found(record, variable, beyond & ~averaged, rate, text, mend)


def _errors(record: TowerRecord, variable: MonthlyValues) -> list[Finding]:
    """Standard deviations of which none is positive; a range of thresholds may be 0."""
    sd = variable.sd
    if sd is None or not np.isfinite(sd).any() or (sd > 0).any():
        return []
    if not (sd < 0).any() and RANGE.search(variable.sd_source):
        return []
    at = tuple(int(i) for i in np.argwhere(np.isfinite(sd))[0])
    source = variable.sd_source or f"standard deviation of {variable.source}"
    message = f"standard deviation {sd[at]:g}: none is positive ({np.isfinite(sd).sum()} months)"
    mend = "Give standard deviations above 0, or leave them out."
    return [Finding(record.file, source, record.month_text(at), message, mend)]


def _dark(record: TowerRecord, shortwave: MonthlyValues) -> list[Finding]:
    """Years without any shortwave: a radiometer that was off, no place has them."""
    dark = np.broadcast_to((shortwave.values == 0).all(axis=1)[:, None], shortwave.values.shape)
    return _found(
        record, shortwave, dark, shortwave.values,
        lambda value: "0 W m-2 in every month of a year",
        "Write -9999 where it was not measured.",
    )  # fmt: skip


QualityForm = Literal["share", "percent", "flags", "unknown"]


def quality_form(quality: np.ndarray) -> QualityForm:
    """Whether qualities are shares, percent, flags 0-3 of single steps, or something else."""
    values = quality[np.isfinite(quality)]
    if not values.size or (values.min() >= 0 and values.max() <= 1 + ROUNDING):
        return "share"
    if values.min() < 0 or values.max() > 100:
        return "unknown"
    if values.max() <= 3 and np.all(values == np.round(values)):
        return "flags"
    return "percent"


def _quality(record: TowerRecord, variable: MonthlyValues) -> list[Finding]:
    """Qualities that are no share of the month."""
    quality = variable.quality
    if quality is None or quality_form(quality) in ("share", "percent"):
        return []
    flags = quality_form(quality) == "flags"
    words = "is a flag of single steps, not a share" if flags else "is no share"
    return finding_of_mask(
        (quality < 0) | (quality > 1), quality, record.file, f"quality of {variable.source}",
        record.month_text, lambda value: f"{value:g} {words}",
        "Give the share of measured data, 0-1 or percent.",
    )  # fmt: skip


class Balance(NamedTuple):
    """NEP held against GPP - RECO over the months that have all three."""

    months: int
    correlation: float
    slope: float
    scatter: float  # of NEP about slope times GPP - RECO, over its standard deviation
    pairs: np.ndarray = np.zeros((0, 12), dtype=bool)  # those months, (year, 12)


def carbon_balance(record: TowerRecord, masks: dict[str, np.ndarray] | None = None) -> Balance:
    """NEP against GPP - RECO; against GPP alone where there is no RECO; NaN with too few months."""
    masks = masks or {}
    rates = {
        name: np.where(masks.get(name, False), np.nan, daily_rates(record, name))
        for name in FLUXES
        if name in record.observed
    }
    nothing = Balance(0, np.nan, np.nan, np.nan)
    if not {"net_ecosystem_production", "gross_primary_production"} <= rates.keys():
        return nothing
    nep = -rates["net_ecosystem_production"]
    difference = rates["gross_primary_production"] - rates.get("ecosystem_respiration", 0.0)
    both = np.isfinite(nep) & np.isfinite(difference)
    a, b = nep[both], difference[both]
    if a.size < MONTHS or np.ptp(a) == 0 or np.ptp(b) == 0:
        return nothing
    slope = float(a @ b / (b @ b))
    scatter = float(np.sqrt(np.mean((a - slope * b) ** 2)) / np.std(a))
    return Balance(int(a.size), float(np.corrcoef(a, b)[0, 1]), slope, scatter, both)


def factor_words(slope: float) -> str:
    """Units whose ratio a slope is, in words; empty where no pair has it."""
    ratio = max(slope, 1 / slope)
    return next((text for factor, text in FACTORS.items() if abs(ratio / factor - 1) < 0.03), "")


def _signs(
    record: TowerRecord, masks: dict[str, np.ndarray]
) -> tuple[list[Finding], list[Finding]]:
    """Findings of signs, of GPP and RECO first and then of NEE against both, and of units."""
    findings = []
    for name in ("gross_primary_production", "ecosystem_respiration"):
        if name not in record.observed:
            continue
        rate = daily_rates(record, name)
        rate = rate[np.isfinite(rate) & ~masks.get(name, np.zeros(rate.shape, dtype=bool))]
        size = np.abs(rate)
        if rate.size < MONTHS:
            continue
        large = float(np.median(rate[size >= np.quantile(size, 0.75)]))
        if large < REVERSED and rate.sum() < 0:
            label, source = FLUXES[name], record.observed[name].source
            message = f"{label} is negative, {large:.2g} g C m-2 d-1 in the season: the other sign"
            mend = f"Give {label} positive: multiply the column by -1."
            findings.append(Finding(record.file, source, "", message, mend))
    if findings:
        return findings, []
    balance = carbon_balance(record, masks)
    if np.isnan(balance.slope):
        return [], []
    source = record.observed["net_ecosystem_production"].source
    partner = "GPP - RECO" if "ecosystem_respiration" in record.observed else "GPP"
    if balance.correlation < LEAST_CORRELATION:
        message = (
            f"NEE rises with {partner} (r {-balance.correlation:.2f}, {balance.months} months): "
            "the sign of NEE is reversed"
        )
        mend = "Give NEE negative where carbon is taken up: multiply the column by -1."
        return [Finding(record.file, source, "", message, mend)], []
    low, high = SAME_UNIT
    if partner == "GPP" or balance.scatter > 0.1 or low <= balance.slope <= high:
        return [], []
    words = factor_words(balance.slope)
    first = record.month_text(tuple(np.argwhere(balance.pairs)[0]))
    message = f"NEP is {balance.slope:.3g} times GPP - RECO in {balance.months} months"
    mend = (
        f"The units of the columns differ{f' ({words})' if words else ''}: give one unit, as "
        "g C m-2 d-1."
    )
    return [], [Finding(record.file, source, first, message, mend)]
