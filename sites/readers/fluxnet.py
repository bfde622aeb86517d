"""Records of FLUXNET monthly files: units, signs, quality and uncertainty of the columns.

Monthly files give fluxes and precipitation as daily means: they become sums over the calendar
month (29 days in leap Februaries). Net ecosystem production is -NEE. ``*_QC`` of a monthly file
is the fraction of measured and good-quality gap-filled half-hours.
"""

import hashlib
from pathlib import Path

import numpy as np

from temjax.files.findings import Finding
from temjax.sites.readers.fluxnet_table import (
    CLIMATE_COLUMNS,
    FluxnetTable,
    check_columns,
    fluxnet_id,
    read_table,
)
from temjax.sites.readers.record import MonthlyValues, Reading, TowerRecord, days_of_months


def read_fluxnet_record(path: Path, reading: Reading) -> tuple[TowerRecord | None, list[Finding]]:
    """Record of a monthly file and its findings; no record where the file is not a table."""
    table, findings = read_table(path)
    if table is None:
        return None, findings
    findings += check_columns(table)
    days = days_of_months(table.years)
    climate = {}
    for name, column in CLIMATE_COLUMNS.items():
        if column in table.columns:
            factor = days if name == "precipitation" else 1
            climate[name] = MonthlyValues(
                table.columns[column] * factor, column, table.columns.get(f"{column}_QC")
            )
    if "CO2_F_MDS" in table.columns:
        climate["co2"] = MonthlyValues(table.columns["CO2_F_MDS"], "CO2_F_MDS")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    record = TowerRecord(
        file=str(path),
        product="FLUXNET2015",
        tower=fluxnet_id(path),
        years=table.years,
        present=table.present,
        climate=climate,
        observed=_observed(table, reading, days),
        lines=table.line,
        sources=(f"{path.name} (sha256 {digest})",),
    )
    return record, findings


def _observed(table: FluxnetTable, reading: Reading, days: np.ndarray) -> dict[str, MonthlyValues]:
    """Observed variables that the file has, with their uncertainty."""
    partition = reading.partition or "DT"
    quality = table.columns.get("NEE_VUT_REF_QC")
    gpp, reco = f"GPP_{partition}_VUT", f"RECO_{partition}_VUT"
    joint = table.columns.get("NEE_VUT_REF_JOINTUNC")
    rows = {
        "net_ecosystem_production": ("NEE_VUT_REF", -days, quality, joint, None),
        "gross_primary_production": (
            f"{gpp}_REF", days, quality, _percentile_sd(table, gpp), partition
        ),
        "ecosystem_respiration": (
            f"{reco}_REF", days, quality, _percentile_sd(table, reco), partition
        ),
        "soil_temperature": ("TS_F_MDS_1", 1, table.columns.get("TS_F_MDS_1_QC"), None, None),
    }  # fmt: skip
    observed = {}
    for name, (column, factor, fraction, sd, of_partition) in rows.items():
        if column in table.columns and np.isfinite(table.columns[column]).any():
            observed[name] = MonthlyValues(
                table.columns[column] * factor,
                column,
                quality=fraction,
                sd=None if sd is None else sd * np.abs(factor),
                partition=of_partition,
            )
    return observed


def _percentile_sd(table: FluxnetTable, prefix: str) -> np.ndarray | None:
    """Half the 16-84 % range over friction-velocity thresholds; random error is not in it."""
    low, high = table.columns.get(f"{prefix}_16"), table.columns.get(f"{prefix}_84")
    return None if low is None or high is None else (high - low) / 2
