"""The towers of FLUXNET2015 that are at hand, rewritten as other products and resolutions."""

import numpy as np
import pandas as pd
import pytest

from temjax.sites.readers.archive import fluxnet_id
from tests.support.fluxnet_files import read, write_zip

TOWERS = ["CA-Man", "CA-Obs", "CN-Dan", "CN-Ha2", "CN-HaM", "FI-Sod", "RU-Cok", "US-Ivo", "US-Prr"]


def tower_file(shared, tower):
    (path,) = (shared / "data" / "fluxnet2015").glob(f"FLX_{tower}_*.csv")
    return path


def constant_threshold(frame):
    """Columns of the thresholds by year under the names of the constant one."""
    kept = frame[[name for name in frame if "_CUT_" not in name]]
    return kept.rename(columns=lambda name: name.replace("_VUT_", "_CUT_"))


def assert_same(one, other):
    """Both records have the same climate and observations, whatever the columns are called."""
    np.testing.assert_array_equal(one.years, other.years)
    np.testing.assert_array_equal(one.present, other.present)
    assert list(one.observed) == list(other.observed)
    for part in ("climate", "observed"):
        for name, series in getattr(one, part).items():
            against = getattr(other, part)[name]
            for field in ("values", "sd", "quality"):
                a, b = getattr(series, field), getattr(against, field)
                assert (a is None) == (b is None), (name, field)
                if a is not None:
                    np.testing.assert_array_equal(a, b, err_msg=f"{name} {field}")


@pytest.mark.parametrize("tower", TOWERS)
def test_the_product_of_2025_gives_the_same_numbers(shared, tmp_path, tower):
    path = tower_file(shared, tower)
    frame = pd.read_csv(path, dtype=str)
    years = f"{frame.TIMESTAMP.iloc[0][:4]}-{frame.TIMESTAMP.iloc[-1][:4]}"
    name = f"EUF_{tower}_FLUXNET_{{}}_{years}_v1.3_r1"
    reanalysis = frame[["TIMESTAMP", "TA_ERA", "SW_IN_ERA", "P_ERA", "VPD_ERA"]]
    members = {
        f"{name.format('FLUXMET_MM')}.csv": constant_threshold(frame).to_csv(index=False),
        f"{name.format('ERA5_MM')}.csv": reanalysis.to_csv(index=False),
    }
    archive = write_zip(tmp_path / f"EUF_{tower}_FLUXNET_{years}_v1.3_r1.zip", members)
    sound, record = read(path), read(archive)
    assert (sound.product, record.product) == ("FLUXNET2015", "FLUXNET")
    assert sound.tower == record.tower == fluxnet_id(archive) == tower
    assert_same(sound, record)
    assert record.observed["net_ecosystem_production"].source == "NEE_CUT_REF"
    assert any("NEE_CUT_REF (the file has no NEE_VUT_* values)" in note for note in record.notes)
    assert record.reanalysis is not None
    np.testing.assert_allclose(
        record.reanalysis.climate["air_temperature"].values[record.present],
        frame.TA_ERA.astype(float),
    )
    folder = tmp_path / "unpacked"
    folder.mkdir()
    for member, text in members.items():
        (folder / member).write_text(text)
    assert_same(sound, read(folder))
    assert read(folder / f"{name.format('FLUXMET_MM')}.csv").reanalysis is not None


@pytest.mark.parametrize("tower", ["CN-HaM", "RU-Cok"])
def test_climate_that_the_tower_lacks_is_that_of_the_reanalysis(shared, tmp_path, tower):
    frame = pd.read_csv(tower_file(shared, tower), dtype=str)
    name = f"JPF_{tower}_FLUXNET_{{}}_2000-2020_v1.3_r2.csv"
    without = frame.drop(columns=["P_F"])
    without.to_csv(tmp_path / name.format("FLUXMET_MM"), index=False)
    frame[["TIMESTAMP", "TA_ERA", "P_ERA"]].to_csv(tmp_path / name.format("ERA5_MM"), index=False)
    record = read(tmp_path)
    assert "precipitation" not in record.climate and "shortwave" in record.climate
    assert "precipitation: from the reanalysis (the file has no P_F)" in record.notes
    assert "precipitation" in record.reanalysis.climate


def test_only_a_missing_joint_error_is_told_of_the_real_files(shared):
    for tower in TOWERS:
        record = read(tower_file(shared, tower))
        joint = [note for note in record.notes if "JOINTUNC is missing" in note]
        assert (len(record.notes), len(joint)) == ((1, 1) if tower == "CA-Man" else (0, 0))
        assert record.absent == {}


@pytest.mark.parametrize("tower", ["CN-HaM", "FI-Sod"])
def test_days_of_a_month_give_the_month(shared, tmp_path, tower):
    """Days that all have the value of their month give the monthly product back."""
    path = tower_file(shared, tower)
    frame = pd.read_csv(path, dtype=str)
    start = pd.to_datetime(frame.TIMESTAMP, format="%Y%m")
    row = np.repeat(np.arange(len(frame)), start.dt.days_in_month)
    days = frame.iloc[row].reset_index(drop=True)
    days["TIMESTAMP"] = pd.date_range(start.iloc[0], periods=len(days)).strftime("%Y%m%d")
    daily = tmp_path / path.name.replace("_MM_", "_DD_")
    days.to_csv(daily, index=False)
    month, day = read(path), read(daily)
    np.testing.assert_array_equal(month.present, day.present)
    for part in ("climate", "observed"):
        for name, series in getattr(month, part).items():
            against = getattr(day, part)[name]
            np.testing.assert_allclose(against.values, series.values, rtol=1e-12)
            if series.quality is not None:
                np.testing.assert_allclose(against.quality, series.quality, rtol=1e-12)
            if part == "observed" and series.partition is not None:
                np.testing.assert_allclose(against.sd, series.sd, rtol=1e-9)
