"""The reanalysis beside a tower: months, days, weeks and half-hours of one synthetic climate."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from temjax.sites.readers.archive import MemberFile
from temjax.sites.readers.reanalysis import (
    find_reanalysis,
    is_reanalysis_path,
    read_reanalysis,
)
from temjax.sites.readers.record import Reading, days_of_months

HEADER = "TA_ERA,SW_IN_ERA,P_ERA,VPD_ERA"


@dataclass(frozen=True)
class Member(MemberFile):
    """File of an archive, in memory."""

    text: str = ""
    name: str = "AMF_XX-Abc_FLUXNET_ERA5_MM_2003-2004_v1.3_r1.csv"
    path: Path = Path("X.zip")
    member: str = ""
    where: str = "X.zip:AMF_XX-Abc_FLUXNET_ERA5_MM_2003-2004_v1.3_r1.csv"

    def read_bytes(self) -> bytes:
        return self.text.encode()


def days() -> pd.DataFrame:
    """Two years of daily values, the second a leap year: °C, W m⁻², mm d⁻¹."""
    index = pd.date_range("2003-01-01", "2004-12-31", freq="D")
    day = np.arange(len(index))
    return pd.DataFrame(
        {
            "TA_ERA": 10 * np.sin(day / 58) - 3,
            "SW_IN_ERA": 120 + 100 * np.cos(day / 58),
            "P_ERA": day % 7 / 2.0,
        },
        index=index,
    )


def table(frame: pd.DataFrame, stamps: list[str], columns: str = "TIMESTAMP") -> str:
    rows = [
        f"{stamp},{row.TA_ERA!r},{row.SW_IN_ERA!r},{row.P_ERA!r},-9999"
        for stamp, row in zip(stamps, frame.itertuples(), strict=True)
    ]
    return "\n".join([f"{columns},{HEADER}", *rows, ""])


def monthly_file() -> str:
    means = days().resample("MS").mean()
    return table(means, [f"{at:%Y%m}" for at in means.index])


def expected() -> dict[str, np.ndarray]:
    means = days().resample("MS").mean()
    lengths = days_of_months(np.array([2003, 2004])).reshape(-1)
    return {
        "air_temperature": means.TA_ERA.to_numpy().reshape(2, 12),
        "shortwave": means.SW_IN_ERA.to_numpy().reshape(2, 12),
        "precipitation": (means.P_ERA.to_numpy() * lengths).reshape(2, 12),
    }


def check(text: str, **tolerance) -> None:
    record, findings = read_reanalysis(Member(text=text))
    assert findings == []
    assert record.product == "ERA5" and record.years.tolist() == [2003, 2004]
    assert record.observed == {} and set(record.climate) == set(expected())
    assert record.present.all()
    for name, values in expected().items():
        np.testing.assert_allclose(record.climate[name].values, values, **tolerance)


def test_months():
    check(monthly_file(), rtol=1e-12)
    assert expected()["precipitation"][1, 1] == pytest.approx(days().P_ERA["2004-02"].sum())


def test_days():
    check(table(days(), [f"{at:%Y%m%d}" for at in days().index]), rtol=1e-12)


def test_half_hours_give_rain_per_time_step():
    fine = days().resample("30min").ffill()
    last = pd.date_range("2004-12-31", periods=48, freq="30min")
    fine = fine.reindex(fine.index.union(last)).ffill()
    fine["P_ERA"] = fine["P_ERA"] / 48
    begin, end = fine.index, fine.index + pd.Timedelta("30min")
    stamps = [f"{a:%Y%m%d%H%M},{b:%Y%m%d%H%M}" for a, b in zip(begin, end, strict=True)]
    check(table(fine, stamps, "TIMESTAMP_START,TIMESTAMP_END"), rtol=1e-10)


def test_weeks_are_split_between_months_and_end_on_their_last_day():
    """FLUXNET's weeks: 52 a year, the last one of 8 or 9 days."""
    rows, stamps = [], []
    for year in (2003, 2004):
        of_year = days().loc[str(year)]
        for week in range(52):
            part = of_year[7 * week : 7 * week + 7] if week < 51 else of_year[7 * week :]
            rows.append(part.mean())
            stamps.append(f"{part.index[0]:%Y%m%d},{part.index[-1]:%Y%m%d}")
    text = table(pd.DataFrame(rows), stamps, "TIMESTAMP_START,TIMESTAMP_END")
    record, findings = read_reanalysis(Member(text=text))
    assert findings == []
    january = record.climate["air_temperature"].values[0, 0]
    weeks = days().loc["2003"].TA_ERA[:35].to_numpy().reshape(5, 7).mean(axis=1)
    assert january == pytest.approx((7 * weeks[:4].sum() + 3 * weeks[4]) / 31)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace(",", ";").replace(".", ","),
        lambda t: t.replace("TIMESTAMP", "timestamp"),
        lambda t: "# made by hand\n" + t,
        lambda t: "".join(f"{line.replace(',', '.0,', 1)}\n" if line[0] == "2" else f"{line}\n"
                          for line in t.splitlines()),
    ],
    ids=["semicolons", "small letters", "a comment", "stamps as real numbers"],
)  # fmt: skip
def test_forms_of_the_tower_files_are_those_of_the_reanalysis(change):
    check(change(monthly_file()), rtol=1e-12)


def test_missing_codes_and_short_months():
    frame = days()
    frame.loc["2003-03-01":"2003-03-10", "TA_ERA"] = -9999
    frame.loc["2003-05-01":"2003-05-02", "TA_ERA"] = -6999
    text = table(frame, [f"{at:%Y%m%d}" for at in frame.index])
    record, _ = read_reanalysis(Member(text=text))
    values = record.climate["air_temperature"].values
    assert np.isnan(values[0, 2])  # 21 of 31 days
    assert values[0, 4] == pytest.approx(days().TA_ERA["2003-05"][2:].mean())
    record, _ = read_reanalysis(Member(text=text), Reading(minimum_coverage=0.5))
    assert np.isfinite(record.climate["air_temperature"].values).all()


def test_a_variable_without_values_is_told():
    lines = monthly_file().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    text = "\n".join([lines[0], *(",".join([*r[:2], "-9999", *r[3:]]) for r in rows)])
    record, findings = read_reanalysis(Member(text=text))
    assert findings == [] and "shortwave" not in record.climate
    assert any("no values of SW_IN_ERA" in note for note in record.notes)


def test_era_interim_is_named_by_its_file():
    name = "FLX_XX-Abc_FLUXNET2015_ERAI_MM_1989-2014_1-4.csv"
    record, _ = read_reanalysis(Member(text=monthly_file(), name=name, where=name))
    assert record.product == "ERAI"
    assert record.sources[0].startswith(name)


@pytest.mark.parametrize(
    ("change", "variable", "index", "message"),
    [
        (lambda t: "", "file", "", "empty"),
        (lambda t: t.splitlines()[0] + "\n", "TIMESTAMP", "line 2", "no rows"),
        (lambda t: t.replace("_ERA", "_F"), "TA_ERA", "line 1", "not a reanalysis"),
        (lambda t: t.replace("TIMESTAMP", "TIME"), "TIMESTAMP", "line 1", "no such column"),
        (lambda t: t.replace("200304,", "200304x,"), "TIMESTAMP", "line 5", "is not YYYYMM"),
        (lambda t: t.replace("200304,", "200303,"), "TIMESTAMP", "line 5", "repeated"),
        (lambda t: t.replace("200304,", "200313,"), "TIMESTAMP", "line 5", "month 13"),
        (
            lambda t: t.replace("200304,", "200304,a"),
            "TA_ERA",
            "line 5 (TIMESTAMP 200304)",
            "is not a number",
        ),
    ],
)
def test_faults_name_file_column_and_line(change, variable, index, message):
    record, findings = read_reanalysis(Member(text=change(monthly_file())))
    assert record is None
    assert [fault.variable for fault in findings] == [variable]
    assert findings[0].file == Member.where
    assert findings[0].index == index and message in findings[0].message and findings[0].mend


def test_years_and_repeated_days_are_refused():
    record, findings = read_reanalysis(Member(text="TIMESTAMP,TA_ERA\n2003,1\n2004,2\n"))
    assert record is None and "yearly" in findings[0].message
    text = table(days(), [f"{at:%Y%m%d}" for at in days().index]).replace(
        "\n20030103,", "\n20030102,"
    )
    record, findings = read_reanalysis(Member(text=text))
    assert record is None and findings[0].index == "line 4"
    assert "repeats time" in findings[0].message
    text = text.replace("\n20030102,", "\n20030230,")
    record, findings = read_reanalysis(Member(text=text))
    assert record is None and "is no day or time" in findings[0].message


ERA5 = "{network}_{tower}_FLUXNET_ERA5_{step}_1981-2004_v1.3_r1.csv"


def archive(path, *names) -> Path:
    """A zip archive of monthly reanalysis files."""
    with zipfile.ZipFile(path, "w") as zipped:
        for name in names:
            zipped.writestr(name, monthly_file())
    return path


def era5(tower="XX-Abc", step="MM", network="AMF") -> str:
    return ERA5.format(tower=tower, step=step, network=network)


def test_an_archive_or_its_folder_gives_the_reanalysis(tmp_path):
    name = "AMF_XX-Abc_FLUXNET_2003-2004_v1.3_r1"
    names = [era5(step="HH"), era5(), era5(step="YY")]
    path = archive(tmp_path / f"{name}.zip", *names)
    with zipfile.ZipFile(path) as zipped:
        zipped.extractall(tmp_path / name)
    for given in (path, tmp_path / name):
        member, findings = find_reanalysis(given, "XX-Abc")
        assert findings == [] and member.name == era5()
        record, findings = read_reanalysis(member)
        assert findings == [] and (record.product, record.tower) == ("ERA5", "XX-Abc")


def test_the_reanalysis_of_another_tower_is_taken_only_by_its_name(tmp_path):
    named = archive(tmp_path / "AMF_XX-Two_FLUXNET_2003-2004_v1.3_r1.zip", era5("XX-Two"))
    assert find_reanalysis(named, "XX-Abc")[0].label.tower == "XX-Two"
    alone = tmp_path / era5("XX-Two")
    alone.write_text(monthly_file())
    assert find_reanalysis(alone, "XX-Abc")[0].path == alone
    for names in ([era5("XX-Two")], [era5("XX-Two"), era5("XX-Six")]):
        member, (fault,) = find_reanalysis(archive(tmp_path / "all.zip", *names), "XX-Abc")
        assert member is None and "XX-Two" in fault.message and "not of XX-Abc" in fault.message
    every = archive(tmp_path / "all.zip", era5("XX-Two"), era5("XX-Abc"))
    assert find_reanalysis(every, "XX-Abc")[0].name == era5()


def test_an_archive_without_a_reanalysis_is_named(tmp_path):
    name = "FLX_XX-Abc_FLUXNET2015_FULLSET_MM_2003-2004_1-4.csv"
    path = archive(tmp_path / "FLX_XX-Abc_FLUXNET2015_FULLSET_2003-2004_1-4.zip", name)
    member, (fault,) = find_reanalysis(path, "XX-Abc")
    assert member is None and "no reanalysis in it" in fault.message and fault.mend


def test_of_a_folder_of_archives_the_towers_own_is_taken(tmp_path):
    for tower in ("XX-Abc", "XX-Two"):
        archive(tmp_path / f"AMF_{tower}_FLUXNET_2003-2004_v1.3_r1.zip", era5(tower))
    assert is_reanalysis_path(tmp_path)
    assert find_reanalysis(tmp_path, "XX-Two")[0].label.tower == "XX-Two"
    member, (fault,) = find_reanalysis(tmp_path, "XX-Six")
    assert member is None and fault.variable == "history"
