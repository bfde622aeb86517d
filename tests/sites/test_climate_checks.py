"""Climate whose single values are sound and whose level or course is not."""

import numpy as np
import pytest

from temjax.sites.climate_checks import check_levels
from temjax.sites.readers.record import MonthlyValues, TowerRecord
from temjax.sites.tower import check_tower
from tests.support.tower_files import columns, months, site_file, write


def changed(folder, column, change):
    """Findings of a sound file, one column of which is changed."""
    table = columns(months(2001, 2003))
    table[column] = [str(change(float(value))) for value in table[column]]
    path = folder / "FLX_XX-Abc_FLUXNET2015_FULLSET_MM_2001-2003_1-4.csv"
    write(path, table)
    return check_tower(path, site=site_file(folder, "mine"))


@pytest.mark.parametrize(
    ("column", "change", "message"),
    [
        ("P_F", lambda v: v / 1000, "0.77 mm of precipitation a year"),
        ("P_F", lambda v: 0, "0 mm of precipitation a year"),
        ("SW_IN_F", lambda v: v * 0.0864, "of that above the air"),
        ("SW_IN_F", lambda v: v * 0.024, "of that above the air"),
        ("TA_F", lambda v: 1.8 * v + 32, "K from that of TS_F_MDS_1"),
        ("TA_F", lambda v: 1.5, "1.5 in 36 months, 12 on end or more"),
        ("SW_IN_F", lambda v: 180, "180 in 36 months"),
    ],
)
def test_another_unit_or_a_hanging_sensor_is_one_finding(tmp_path, column, change, message):
    (finding,) = changed(tmp_path, column, change)
    assert finding.variable == column and message in finding.message and finding.mend


def test_a_sound_climate_has_none(tmp_path):
    assert changed(tmp_path, "TA_F", lambda v: v) == []
    assert changed(tmp_path, "P_F", lambda v: v / 80) == []  # 9 mm a year: a desert


def test_without_latitude_the_light_is_not_judged():
    """Nor is a climate of less than a year."""
    dim = MonthlyValues(np.linspace(1.0, 2.0, 12)[None], "SW_IN_F")
    short = MonthlyValues(np.where(np.arange(12) < 11, 0.01, np.nan)[None], "P_F")
    present = np.ones((1, 12), bool)
    climate = {"shortwave": dim, "precipitation": short}
    record = TowerRecord("x.csv", "made", None, np.array([2001]), present, climate)
    assert check_levels(record, None) == []
    assert [fault.variable for fault in check_levels(record, 60.0)] == ["SW_IN_F"]
