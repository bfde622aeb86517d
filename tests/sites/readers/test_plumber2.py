"""PLUMBER2 files: numbers, signs, flags, partitions and coverage against sums done by hand."""

import numpy as np
import pytest

from temjax.sites.readers.fluxnet import read_fluxnet_record
from temjax.sites.readers.netcdf import read_netcdf_record
from temjax.sites.readers.record import Reading, days_of_months
from temjax.sites.tower import check_tower
from tests.support import alma_files
from tests.support.alma_files import HALF_HOUR, HOUR, monthly, times

MET, FLUX = "XX-Abc_2003-2004_FLUXNET2015_Met.nc", "XX-Abc_2003-2004_FLUXNET2015_Flux.nc"
CARBON = 1.03772448  # g C m⁻² d⁻¹ of 1 umol m⁻² s⁻¹


def pair(folder, stamps, met=None, flux=None, **options):
    alma_files.write(folder / MET, stamps, met or alma_files.met(stamps), **options)
    return alma_files.write(folder / FLUX, stamps, flux or alma_files.flux(stamps), **options)


def read(path, **reading):
    record, findings = read_netcdf_record(path, Reading(**reading))
    assert findings == []
    return record


@pytest.mark.parametrize("minutes", [HALF_HOUR, HOUR])
def test_months_are_means_and_sums_of_the_steps(tmp_path, minutes):
    stamps = times("2003-01-01", "2005-01-01", minutes)
    record = read(pair(tmp_path, stamps))
    days = days_of_months(record.years)
    cycle = monthly(stamps, alma_files.season(stamps))
    expected = {
        "air_temperature": 2 + 10 * cycle,
        "precipitation": (2 + cycle) * days,
        "shortwave": 160 + 100 * cycle,
        "co2": np.full((2, 12), 380.0),
        "net_ecosystem_production": 2 * cycle * CARBON * days,
        "gross_primary_production": (3.5 + 3 * cycle) * CARBON * days,
        "ecosystem_respiration": (3 + cycle) * CARBON * days,
    }
    held = {**record.climate, **record.observed}
    assert set(held) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(held[name].values, values, rtol=1e-10, atol=1e-10)
    assert record.years.tolist() == [2003, 2004] and record.present.all()
    assert (record.product, record.tower) == ("PLUMBER2", "XX-Abc")
    assert record.location == alma_files.PLACE
    assert record.observed["gross_primary_production"].partition == "DT"
    assert record.observed["ecosystem_respiration"].partition == "NT"
    assert "of two partitions: GPP_DT is DT, Resp is NT (--partition takes one)" in record.notes
    assert record.absent == {"soil_temperature": "the product has none"}
    assert [source.split()[0] for source in record.sources] == [MET, FLUX]


def test_equals_the_monthly_csv_of_the_same_series(tmp_path):
    stamps = times("2003-01-01", "2005-01-01", HALF_HOUR)
    from_half_hours = read(pair(tmp_path, stamps), partition="NT")
    cycle = monthly(stamps, alma_files.season(stamps)).ravel()
    columns = {
        "TIMESTAMP": [f"{y}{m:02d}" for y in (2003, 2004) for m in range(1, 13)],
        "TA_F": 2 + 10 * cycle, "P_F": 2 + cycle, "SW_IN_F": 160 + 100 * cycle,
        "NEE_VUT_REF": -2 * cycle * CARBON, "NEE_VUT_REF_QC": np.ones(24),
        "GPP_NT_VUT_REF": (3 + 3 * cycle) * CARBON, "RECO_NT_VUT_REF": (3 + cycle) * CARBON,
    }  # fmt: skip
    rows = [
        ",".join(columns),
        *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True)),
    ]
    path = tmp_path / "FLX_XX-Abc_FLUXNET2015_FULLSET_MM_2003-2004_1-4.csv"
    path.write_text("\n".join(rows) + "\n")
    from_months, findings = read_fluxnet_record(path, Reading(partition="NT"))
    assert findings == []
    for part in ("climate", "observed"):
        months, half_hours = getattr(from_months, part), getattr(from_half_hours, part)
        assert set(months) == set(half_hours) - {"co2"}
        for name, variable in months.items():
            np.testing.assert_allclose(
                half_hours[name].values, variable.values, rtol=1e-9, atol=1e-9
            )
            assert half_hours[name].partition == variable.partition
    quality = from_half_hours.observed["net_ecosystem_production"].quality
    np.testing.assert_array_equal(quality, from_months.observed["net_ecosystem_production"].quality)


def test_quality_is_the_share_of_measured_and_well_filled_time(tmp_path):
    stamps = times("2003-01-01", "2004-01-01", HOUR)
    flux = alma_files.flux(stamps)
    flags = np.zeros(stamps.size)
    june = stamps.astype("datetime64[M]") == np.datetime64("2003-06")
    flags[np.flatnonzero(june)] = np.resize([0, 1, 2, 3], june.sum())
    flux["NEE_qc"] = flags, "-"
    nee = flux["NEE"][0].copy()
    nee[np.flatnonzero(june)[::40]] = np.nan  # flag 0 there: missing time is not good time
    flux["NEE"] = nee, "umol/m2/s"
    quality = read(pair(tmp_path, stamps, flux=flux)).observed["net_ecosystem_production"].quality
    assert quality[0, 5] == pytest.approx(0.5 - 1 / 40)
    np.testing.assert_array_equal(np.delete(quality[0], 5), 1.0)


@pytest.mark.parametrize(
    ("name", "description", "share"),
    [
        ("XX-Abc_2003-2003_FLUXNET2015_Flux.nc", None, 0.5),
        ("XX-Abc_2003-2003_OzFlux_Flux.nc", None, 0.25),  # its flag 1 is no good filling
        ("XX-Abc_2003-2003_OzFlux_Flux.nc", "Measured: 0, QA/QC: CSAT Diagnostic: 2", 0.25),
        ("XX-Abc_2003-2003_X_Flux.nc", "Measured: 3, Good-quality gapfilled: 2", 0.5),
    ],
)
def test_flags_are_those_the_file_describes(tmp_path, name, description, share):
    stamps = times("2003-01-01", "2004-01-01", HOUR)
    flux = alma_files.flux(stamps) | {"NEE_qc": (np.resize([0, 1, 2, 3], stamps.size), "-")}
    attributes = {} if description is None else {"QC_flag_descriptions": description}
    path = alma_files.write(tmp_path / name, stamps, flux, attributes=attributes)
    record = read(path)
    np.testing.assert_allclose(record.observed["net_ecosystem_production"].quality, share)
    told = [note for note in record.notes if note.startswith("quality of")]
    assert len(told) == 1
    assert ("as the file states" in told[0]) == (description is not None)


@pytest.mark.parametrize(
    ("partition", "gpp", "reco"), [("NT", "GPP", "Resp"), ("DT", "GPP_DT", None)]
)
def test_the_partition_asked_for_is_read_or_absent(tmp_path, partition, gpp, reco):
    record = read(pair(tmp_path, times("2003-01-01", "2004-01-01", HOUR)), partition=partition)
    assert record.observed["gross_primary_production"].source == gpp
    assert not any("of two partitions" in note for note in record.notes)
    if reco:
        assert record.observed["ecosystem_respiration"].source == reco
    else:
        assert record.absent["ecosystem_respiration"].startswith(f"{FLUX} has none of Resp_DT")


def test_an_empty_daytime_partition_gives_way_to_the_night_time_one(tmp_path):
    stamps = times("2003-01-01", "2004-01-01", HOUR)
    flux = alma_files.flux(stamps) | {"GPP_DT": (np.full(stamps.size, np.nan), "umol/m2/s")}
    gpp = read(pair(tmp_path, stamps, flux=flux)).observed["gross_primary_production"]
    assert (gpp.source, gpp.partition) == ("GPP", "NT")


def test_months_with_too_few_steps_are_left_out_and_told(tmp_path):
    stamps = times("2003-01-01", "2004-01-01", HALF_HOUR)
    flux = alma_files.flux(stamps)
    nee = flux["NEE"][0].copy()
    june = np.flatnonzero(stamps.astype("datetime64[M]") == np.datetime64("2003-06"))
    nee[june[: 6 * 48 + 1]] = -9999.0  # without a fill attribute, one step over a fifth
    flux["NEE"] = nee, "umol/m2/s"
    path = pair(tmp_path, stamps, flux=flux)
    record = read(path)
    assert np.isnan(record.observed["net_ecosystem_production"].values[0, 5])
    assert np.isfinite(record.observed["net_ecosystem_production"].values).sum() == 11
    assert np.isfinite(record.observed["gross_primary_production"].values).all()
    assert [n for n in record.notes if n.startswith("NEE: 1 months")] == [
        "NEE: 1 months with values for less than 80 % of their time, left out (first 2003-06)"
    ]
    assert np.isfinite(
        read(path, minimum_coverage=0.7).observed["net_ecosystem_production"].values
    ).all()


def test_a_flux_that_no_month_holds_is_absent_with_the_reason(tmp_path):
    stamps = times("2003-01-01", "2004-01-01", HOUR)
    flux = alma_files.flux(stamps)
    nee = np.where(np.arange(stamps.size) % 2, flux["NEE"][0], 1e20)
    record = read(pair(tmp_path, stamps, flux=flux | {"NEE": (nee, "umol/m2/s")}))
    assert "net_ecosystem_production" not in record.observed
    assert "NEE" in record.absent["net_ecosystem_production"]
    assert "enough of its time" in record.absent["net_ecosystem_production"]


@pytest.mark.parametrize(
    ("original", "independent", "words"),
    [
        ("NEE_VUT_REF_JOINTUNC", 24, "upper bound"),  # of a day: every second half-hour has one
        ("NEE_VUT_REF_RANDUNC", None, "random error"),  # of the month
        ("", 24, "upper bound"),
    ],
)
def test_uncertainty_averages_out_as_far_as_it_is_random(tmp_path, original, independent, words):
    stamps = times("2003-01-01", "2004-01-01", HALF_HOUR)
    sd = np.full(stamps.size, 2.0)
    sd[1::2] = -9999.0  # gaps have none: the others stand for the day
    flux = alma_files.flux(stamps) | {"NEE_uc": (sd, "umol/m2/s")}
    path = alma_files.write(
        tmp_path / FLUX, stamps, flux, of_variables={"NEE_uc": {"Fluxnet_name": original}}
    )
    nep = read(path).observed["net_ecosystem_production"]
    days = days_of_months(np.array([2003]))
    count = 24 * days if independent is None else independent
    np.testing.assert_allclose(nep.sd, 2.0 / np.sqrt(count) * CARBON * days)
    assert nep.sd_source.startswith("NEE_uc") and words in nep.sd_source


@pytest.mark.parametrize("snow", [True, False])
def test_rain_and_snow_are_precipitation(tmp_path, snow):
    stamps = times("2003-01-01", "2004-01-01", HOUR)
    met = alma_files.met(stamps)
    rate = met.pop("Precip")[0]
    met["Rainf"] = rate * (0.75 if snow else 1), "mm/s"
    if snow:
        met["Snowf"] = rate * 0.25, "kg m-2 s-1"
    record = read(pair(tmp_path, stamps, met=met))
    expected = (2 + monthly(stamps, alma_files.season(stamps))) * days_of_months(record.years)
    np.testing.assert_allclose(record.climate["precipitation"].values, expected)
    assert record.climate["precipitation"].source == ("Rainf + Snowf" if snow else "Rainf")
    assert any("taken as all precipitation" in note for note in record.notes) is not snow


def test_another_threshold_than_asked_for_is_told(tmp_path):
    stamps = times("2003-01-01", "2004-01-01", HOUR)
    names = {"NEE": {"Fluxnet_name": "NEE_VUT_REF"}}
    path = alma_files.write(tmp_path / FLUX, stamps, alma_files.flux(stamps), of_variables=names)
    assert any("NEE_VUT_REF" in note for note in read(path, threshold="CUT").notes)
    assert not any("NEE_VUT_REF" in note for note in read(path, threshold="VUT").notes)


@pytest.mark.parametrize(
    ("file", "name", "change", "words"),
    [
        (MET, "Precip", "mm", "unit 'mm' is not understood"),
        (MET, "SWdown", "", "no units attribute"),
        (FLUX, "NEE", "kg/m2/s", "unit 'kg/m2/s' is not understood"),
    ],
)
def test_faults_of_a_variable_are_one_finding(tmp_path, file, name, change, words):
    stamps = times("2003-01-01", "2004-01-01", HOUR)
    variables = {MET: alma_files.met(stamps), FLUX: alma_files.flux(stamps)}
    variables[file][name] = variables[file][name][0], change
    path = pair(tmp_path, stamps, variables[MET], variables[FLUX])
    _, findings = read_netcdf_record(path)
    assert len(findings) == 1
    finding = findings[0]
    assert finding.file == str(tmp_path / file) and name in finding.variable
    assert words in finding.message and finding.mend.endswith(".")


def test_a_climate_variable_that_the_file_lacks_is_no_fault_of_it(tmp_path):
    stamps = times("2003-01-01", "2004-01-01", HOUR)
    met = alma_files.met(stamps)
    del met["Tair"]
    record = read(pair(tmp_path, stamps, met))
    assert record.absent["air_temperature"] == f"no such variable in {MET}"
    assert record.usual == {"air_temperature": ("Tair", "")}
    (finding,) = check_tower(tmp_path / MET)
    assert finding.variable == "Tair" and "--history" in finding.mend


def test_without_a_least_coverage_months_outside_the_file_are_absent_still(tmp_path):
    stamps = times("2003-03-30", "2003-06-02", HOUR)
    path = alma_files.write(tmp_path / FLUX, stamps, alma_files.flux(stamps))
    record = read(path, minimum_coverage=0.0)
    assert np.flatnonzero(record.present[0]).tolist() == [2, 3, 4, 5]
    held = np.isfinite(record.observed["net_ecosystem_production"].values)
    np.testing.assert_array_equal(held, record.present)
