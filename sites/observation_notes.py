"""What is unusual in a tower's observed values and yet accepted or left out, in words."""

from pathlib import Path

import numpy as np

from temjax.conventions.units import CARBON_MASS
from temjax.sites.observation_checks import carbon_balance, daily_rates
from temjax.sites.readers.record import MonthlyValues, TowerRecord, days_of_months

STUCK_MONTHS = 12  # on end with one value; that many are no chance
NEGATIVE_GPP = -1.0  # g C m⁻² d⁻¹; night-time noise makes months down to here
MICROMOL = CARBON_MASS * 1e-6 * 86400  # g C m⁻² d⁻¹ per µmol m⁻² s⁻¹


def month_ranges(years: np.ndarray, mask: np.ndarray) -> str:
    """Months of a mask ``(year, 12)`` as stamps and ranges of stamps."""
    months = np.flatnonzero(mask)
    runs = np.split(months, np.flatnonzero(np.diff(months) != 1) + 1)

    def stamp(month: int) -> str:
        return f"{years[month // 12]}-{month % 12 + 1:02d}"

    return ", ".join(
        stamp(run[0]) if run.size == 1 else f"{stamp(run[0])} to {stamp(run[-1])}"
        for run in runs
        if run.size
    )


def _forms(record: TowerRecord, variable: MonthlyValues) -> list[np.ndarray]:
    """Values, and of what is a sum over the month also the mean per day."""
    if variable is record.observed.get("soil_temperature"):
        return [variable.values]
    return [variable.values, variable.values / days_of_months(record.years)]


def constant_months(record: TowerRecord, variable: MonthlyValues) -> np.ndarray:
    """Months inside a run of at least ``STUCK_MONTHS`` of one value, or of one mean per day."""
    constant = np.zeros(variable.values.shape, dtype=bool)
    for values in _forms(record, variable):
        flat = values.ravel()
        with np.errstate(invalid="ignore"):
            changes = ~np.isclose(flat[1:], flat[:-1], rtol=1e-9, atol=0.0)
        run = np.concatenate([[0], np.cumsum(changes)])
        long = np.bincount(run)[run] >= STUCK_MONTHS
        constant |= (long & np.isfinite(flat)).reshape(constant.shape)
    return constant


def stuck_months(record: TowerRecord, variable: MonthlyValues) -> np.ndarray:
    """Months of a sensor that hangs or of a filled series: one value, not 0, over a year."""
    return constant_months(record, variable) & (variable.values != 0)


def observation_notes(record: TowerRecord) -> list[str]:
    """What is unusual in the observed values and yet accepted, as sentences."""
    notes = []
    climate = [variable for name, variable in record.climate.items() if name != "co2"]
    for variable in (*record.observed.values(), *climate):
        zeros = constant_months(record, variable) & (variable.values == 0)
        if zeros.any():
            notes.append(f"{variable.source}: 0 in {month_ranges(record.years, zeros)}")
        if variable is record.climate.get("precipitation"):
            stuck = stuck_months(record, variable)
            if stuck.any():
                notes.append(f"{variable.source}: one value in {month_ranges(record.years, stuck)}")
        twins = _identical_years(record, variable)
        if twins:
            notes.append(f"{variable.source}: identical years {twins}, a mean year repeated?")
        if variable.sd is not None and (variable.sd > 0).any():
            wrong = int((np.isfinite(variable.values) & (variable.sd <= 0)).sum())
            if wrong:
                notes.append(
                    f"{variable.source}: standard deviation 0 or below in {wrong} months, the "
                    "median of the others instead"
                )
    if "gross_primary_production" in record.observed:
        low = int((daily_rates(record, "gross_primary_production") < NEGATIVE_GPP).sum())
        if low:
            source = record.observed["gross_primary_production"].source
            notes.append(f"{source}: GPP below {NEGATIVE_GPP:g} g C m-2 d-1 in {low} months")
    balance = carbon_balance(record)
    for ratio in (MICROMOL, 1 / MICROMOL):
        if balance.scatter < 0.03 and abs(balance.slope / ratio - 1) < 0.005:
            notes.append(
                f"NEP is {balance.slope:.3f} times GPP - RECO in {balance.months} months of "
                f"{Path(record.file).name}: the ratio of µmol m-2 s-1 and g C m-2 d-1; check the "
                "units of the columns"
            )
    return notes


def _identical_years(record: TowerRecord, variable: MonthlyValues) -> str:
    """Years whose twelve values are those of another year, in words; empty without any."""
    found: list[list[list[int]]] = [[]]
    for values in _forms(record, variable):
        groups: dict[tuple, list[int]] = {}
        for year, row in zip(record.years, values, strict=True):
            if np.isfinite(row).all() and np.ptp(row) > 0:
                groups.setdefault(tuple(f"{value:.9g}" for value in row), []).append(int(year))
        found.append([years for years in groups.values() if len(years) > 1])
    twins = max(found, key=lambda groups: sum(map(len, groups)))
    return "; ".join(", ".join(map(str, years)) for years in twins)
