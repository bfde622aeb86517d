"""CalLMIP daily fluxes: numbers, fill value, uncertainty, and the PLUMBER2 Met file beside them."""

import numpy as np
import pytest

from temjax.sites.readers.netcdf import read_netcdf_record
from temjax.sites.readers.record import Reading, days_of_months
from tests.support import alma_files
from tests.support.alma_files import DAY, HALF_HOUR, monthly, times

FLUX = "XX-Abc_daily_aggregated_2003-2004_FLUXNET2015_Flux.nc"
MET = "XX-Abc_2003-2005_FLUXNET2015_Met.nc"


def daily(stamps, uncertainty="NEE_uc_daily"):
    cycle = alma_files.season(stamps)
    return {
        "NEE_daily": (-2 * cycle, "gC/m2/d"),
        uncertainty: (np.full(stamps.size, 0.3), "gC/m2/d"),
        "Qle_daily": (30 + 20 * cycle, "W/m2"),
    }


def read(path, **reading):
    record, findings = read_netcdf_record(path, Reading(**reading))
    assert findings == []
    return record


@pytest.mark.parametrize("uncertainty", ["NEE_uc_daily", "NEE_daily_uc"])
@pytest.mark.parametrize("hour", [0, 12])
def test_months_are_sums_of_days(tmp_path, uncertainty, hour):
    days = times("2003-01-01", "2005-01-01", DAY)
    path = alma_files.write(
        tmp_path / FLUX,
        days + np.timedelta64(hour, "h"),
        daily(days, uncertainty),
        time_units="days since 1997-01-01",
        attributes={"site_code": "XX-Abc"},
    )
    record = read(path)
    length = days_of_months(record.years)
    nep = record.observed["net_ecosystem_production"]
    np.testing.assert_allclose(nep.values, 2 * monthly(days, alma_files.season(days)) * length)
    np.testing.assert_allclose(nep.sd, 0.3 * length)
    assert nep.sd_source.startswith(uncertainty) and "upper bound" in nep.sd_source
    assert any(uncertainty in note for note in record.notes)
    assert (record.product, record.tower) == ("CalLMIP", "XX-Abc")
    assert set(record.absent) == {
        "gross_primary_production", "ecosystem_respiration", "soil_temperature",
    }  # fmt: skip
    assert "GPP_DT_daily" in record.absent["gross_primary_production"]
    assert record.climate == {}


@pytest.mark.parametrize("stated", [True, False])
def test_the_fill_value_is_no_flux(tmp_path, stated):
    days = times("2003-01-01", "2005-01-01", DAY)
    variables = daily(days)
    nee = variables["NEE_daily"][0].copy()
    nee[5:9] = 1e20  # 27 of 31 days: enough
    nee[31 : 31 + 10] = 1e20  # 18 of 28 days: too few
    variables["NEE_daily"] = nee, "gC/m2/d"
    filled = {"NEE_daily": {"_FillValue": 1e20}} if stated else {"NEE_daily": {"_FillValue": None}}
    path = alma_files.write(tmp_path / FLUX, days, variables, encoding=filled)
    nep = read(path).observed["net_ecosystem_production"].values
    january = np.delete(-nee[:31], np.arange(5, 9)).mean() * 31
    np.testing.assert_allclose(nep[0, 0], january)
    assert np.isnan(nep[0, 1]) and np.isfinite(np.delete(nep.ravel(), 1)).all()


def test_uncertainty_of_a_month_is_the_mean_of_its_days(tmp_path):
    days = times("2003-01-01", "2004-01-01", DAY)
    variables = daily(days)
    sd = np.where(np.arange(365) < 10, 0.5, 0.2)
    sd[20] = 0.0  # not a standard deviation: not counted
    variables["NEE_uc_daily"] = sd, "gC/m2/d"
    path = alma_files.write(tmp_path / FLUX, days, variables)
    nep = read(path).observed["net_ecosystem_production"]
    np.testing.assert_allclose(nep.sd[0, 0], (10 * 0.5 + 20 * 0.2) / 30 * 31)


def test_the_met_file_gives_the_climate_of_its_own_years(tmp_path):
    days = times("2003-01-01", "2005-01-01", DAY)
    half_hours = times("2003-01-01", "2006-01-01", HALF_HOUR)
    flux = alma_files.write(tmp_path / FLUX, days, daily(days))
    met = alma_files.write(tmp_path / MET, half_hours, alma_files.met(half_hours))
    for path in (flux, met):
        record = read(path)
        assert record.file == str(path) and record.product == "CalLMIP"
        assert record.years.tolist() == [2003, 2004, 2005]
        assert np.isfinite(record.climate["air_temperature"].values).all()
        nep = record.observed["net_ecosystem_production"].values
        assert np.isfinite(nep[:2]).all() and np.isnan(nep[2]).all()


def test_partitions_and_empty_fluxes(tmp_path):
    days = times("2003-01-01", "2004-01-01", DAY)
    nothing = np.full(days.size, 1e20), "gC/m2/d"
    variables = daily(days) | {
        "GPP_daily": (np.full(days.size, 2.0), "gC/m2/d"),
        "GPP_DT_daily": (np.full(days.size, 3.0), "gC/m2/d"),
        "Reco_daily": nothing,
    }
    path = alma_files.write(tmp_path / FLUX, days, variables)
    gpp = read(path).observed["gross_primary_production"]
    assert (gpp.source, gpp.partition, gpp.values[0, 0]) == ("GPP_DT_daily", "DT", 93.0)
    gpp = read(path, partition="NT").observed["gross_primary_production"]
    assert (gpp.source, gpp.partition, gpp.values[0, 0]) == ("GPP_daily", "NT", 62.0)
    assert "Reco_daily" in read(path).absent["ecosystem_respiration"]
    assert "no value" in read(path).absent["ecosystem_respiration"]


def test_a_wrong_unit_is_one_finding(tmp_path):
    days = times("2003-01-01", "2004-01-01", DAY)
    path = alma_files.write(
        tmp_path / FLUX, days, daily(days) | {"NEE_daily": (np.ones(365), "g/m2/d")}
    )
    _, findings = read_netcdf_record(path)
    assert [(f.variable, f.message) for f in findings] == [
        ("NEE_daily", "unit 'g/m2/d' is not understood")
    ]
