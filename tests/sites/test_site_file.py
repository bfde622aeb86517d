"""``temjax site``: a site file to fill in, which then has no findings."""

import re

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from temjax.command import main as cli
from temjax.sites.entry import parse_entry
from temjax.sites.site import catalog_entry
from temjax.sites.site_file import slug
from temjax.sites.table_template import guess, guessed_unit, is_unknown_table
from temjax.sites.tower import check_tower
from tests.sites.readers.test_abcflux import two_sites
from tests.sites.test_fluxnet import columns, months, write
from tests.support import alma_files

pytestmark = pytest.mark.usefixtures("restored_settings")

VALUES = {
    "latitude": "37.0", "elevation": "700", "sand": "48", "silt": "44", "clay": "8",
    "parameter_set": '"moist-tundra"', "source": '"test"', "unit": None, "sign": None,
}  # fmt: skip


def run(*arguments):
    given = ["--no-cache", "site", *map(str, arguments)]
    return CliRunner().invoke(cli.build_app(given), given)


def filled(path, **values):
    """Fill in every marked line, as a user does."""
    text, known = path.read_text(), VALUES | values

    def line(match):
        return match[0] if known[match[1]] is None else f"{match[1]} = {known[match[1]]}"

    text = re.sub(r"^# (\w+) = .*fill in.*$", line, text, flags=re.MULTILINE)
    path.write_text(text)
    return path


@pytest.fixture
def tower(tmp_path):
    path = tmp_path / "FLX_XX-Abc_FLUXNET2015_FULLSET_MM_2001-2002_1-4.csv"
    write(path, columns(months()))
    return path


def test_of_a_tower_the_facts_are_filled_in_and_the_others_named(tower, tmp_path):
    out = tmp_path / "site.toml"
    done = run(tower, "--out", out)
    assert done.exit_code == 0, done.output
    text = out.read_text()
    assert 'name = "xx-abc"' in text and 'fluxnet_id = "XX-Abc"' in text
    assert "FLUXNET2015, 2001-2002" in text
    assert "#   air_temperature: TA_F, 24 months" in text
    missing = {finding.variable for finding in parse_entry(out)[1]}
    assert missing == {
        "location.latitude", "location.elevation", "location.source", "soil.sand", "soil.silt",
        "soil.clay", "soil.source", "vegetation.parameter_set", "vegetation.source",
    }  # fmt: skip
    assert all(key in done.output for key in missing)
    assert f"next: temjax check {tower} --site {out}" in done.output.replace("\n", "")


def test_filled_in_it_has_no_findings(tower, tmp_path):
    out = tmp_path / "site.toml"
    assert run(tower, "--out", out).exit_code == 0
    filled(out)
    assert parse_entry(out)[1] == []
    assert check_tower(tower, site=out) == []


def test_it_does_not_overwrite(tower, tmp_path):
    out = tmp_path / "site.toml"
    out.write_text("mine")
    done = run(tower, "--out", out)
    assert done.exit_code == 2 and "--force" in done.output
    assert out.read_text() == "mine"
    assert run(tower, "--out", out, "--force").exit_code == 0
    assert "xx-abc" in out.read_text()


@pytest.mark.parametrize(
    ("file", "out", "words"),
    [("none.csv", "site.toml", "no such file"), ("", "site.txt", ".toml"),
     ("", "no/site.toml", "no such folder")],
)  # fmt: skip
def test_wrong_use_is_one_line(tower, tmp_path, file, out, words):
    done = run(tmp_path / file if file else tower, "--out", tmp_path / out)
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())


def test_a_tower_of_the_catalog_is_whole(tmp_path):
    path = tmp_path / "FLX_CN-HaM_FLUXNET2015_FULLSET_MM_2001-2002_1-4.csv"
    write(path, columns(months()))
    out = tmp_path / "site.toml"
    assert run(path, "--out", out).exit_code == 0
    entry, findings = parse_entry(out)
    assert findings == []
    known = catalog_entry("haibei-meadow")
    for table in ("location", "soil", "vegetation", "history", "stocks", "traps"):
        assert getattr(entry, table) == getattr(known, table)


def test_of_a_table_of_many_sites_one_is_described(tmp_path):
    path, out = two_sites(tmp_path / "abc.csv"), tmp_path / "site.toml"
    done = run(path, "--out", out)
    assert done.exit_code == 1 and not out.exists()
    assert "2 sites" in str(done.exception)
    done = run(path, "--out", out, "--site-id", "YY-Bog")
    assert done.exit_code == 0
    text = out.read_text()
    assert "latitude = 68.5" in text and "longitude = -149.25" in text
    assert 'title = "South Bog"' in text
    assert "# biome Tundra: moist-tundra" in text
    assert "#   shortwave: not in the file" in text and "# [climatology.shortwave]" in text
    assert '[reading]\nsite_id = "YY-Bog"' in text and "--site-id" not in done.output


def test_plumber2_states_the_vegetation(tmp_path):
    """FluxnetLSM writes the IGBP class as characters."""
    stamps = alma_files.times("2003-01-01", "2004-01-01", alma_files.HOUR)
    path, out = tmp_path / "XX-Abc_2003-2003_FLUXNET2015_Met.nc", tmp_path / "site.toml"
    alma_files.write(path, stamps, alma_files.met(stamps))
    with xr.open_dataset(path, decode_times=False) as file:
        told = file.load().assign(IGBP_veg_short=(("x", "nchar"), [[b"G", b"R", b"A", b" "]]))
    told.assign_attrs(site_name="Abc meadow").to_netcdf(path)
    assert run(path, "--out", out).exit_code == 0
    text = out.read_text()
    assert "# IGBP GRA: grassland; on a cold plateau" in text
    assert 'title = "Abc meadow"' in text
    assert "location.latitude" not in {finding.variable for finding in parse_entry(out)[1]}
    filled(out)
    assert parse_entry(out)[1] == []


def own_table(path):
    warmth = np.cos((np.arange(24) % 12 - 6.5) / 12 * 2 * np.pi)
    rows = ["# my tower", "year,month,Ta,rain [mm],SW_W_m-2,NEE,NEE_qc,TS1,TS2,wind"]
    for i, w in enumerate(warmth):
        year, month = 2001 + i // 12, i % 12 + 1
        rows.append(f"{year},{month},{-8 + 18 * w:.3f},30,{60 + 60 * w:.2f},{-w:.3f},1,{5 * w},1,3")
    path.write_text("\n".join(rows) + "\n")
    return path


def test_of_an_unknown_table_the_columns_are_guessed(tmp_path):
    path, out = own_table(tmp_path / "mine.csv"), tmp_path / "deep" / "site.toml"
    out.parent.mkdir()
    assert run(path, "--out", out).exit_code == 0
    text = out.read_text()
    for line in ('file = "../mine.csv"', "header = 2", 'year = "year"', 'month = "month"',
                 'unit = "mm"', 'unit = "W m-2"', '# quality = "NEE_qc"',
                 "# [table.columns.soil_temperature]",
                 "# Other columns: NEE_qc, wind"):  # fmt: skip
        assert line in text
    missing = {finding.variable for finding in parse_entry(out)[1]}
    assert {"table.columns.air_temperature.unit", "table.columns.net_ecosystem_production.unit"} < (
        missing
    )
    text = filled(out).read_text()
    for column, unit in (("Ta", "degC"), ("NEE", "g C m-2 d-1"), ("TS1", "degC")):
        text = text.replace(
            f'column = "{column}"\n# unit = ""', f'column = "{column}"\nunit = "{unit}"'
        )
    out.write_text(text.replace('# sign = "uptake negative"', 'sign = "uptake negative"'))
    assert parse_entry(out)[1] == []
    assert check_tower(path, site=out) == []


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("Ta", "air_temperature"), ("tair_degC", "air_temperature"), ("T2M", "air_temperature"),
        ("Temp_soil", "soil_temperature"), ("TS_1_1_1", "soil_temperature"),
        ("Soil_temp_5cm", "soil_temperature"), ("P_mm", "precipitation"), ("Rain", "precipitation"),
        ("Rg", "shortwave"), ("SW_IN", "shortwave"), ("NEE_PI", "net_ecosystem_production"),
        ("CO2_flux", "net_ecosystem_production"), ("CO2_1", "co2"),
        ("Reco", "ecosystem_respiration"), ("ER", "ecosystem_respiration"),
        ("GEP (umol)", "gross_primary_production"), ("NEE_QC", None), ("NEE_sd", None),
        ("PA", None), ("PPFD_IN", None), ("RH", None), ("H", None), ("TIMESTAMP", None),
    ],
)  # fmt: skip
def test_names_of_columns_tell_variables(name, variable):
    assert guess(name) == variable


@pytest.mark.parametrize(
    ("name", "variable", "unit"),
    [
        ("TA (degC)", "air_temperature", "degC"),
        ("NEE_umol_m-2_s-1", "net_ecosystem_production", "umol m-2 s-1"),
        ("rain [mm d-1]", "precipitation", "mm d-1"),
        ("NEE_PI", "net_ecosystem_production", None),
        ("SW (umol m-2 s-1)", "shortwave", None),
    ],
)
def test_units_in_names(name, variable, unit):
    assert guessed_unit(name, variable) == unit


def test_known_products_are_no_unknown_tables(tower, tmp_path):
    assert not is_unknown_table(tower)
    assert not is_unknown_table(two_sites(tmp_path / "abc.csv"))
    assert is_unknown_table(own_table(tmp_path / "mine.csv"))
    assert not is_unknown_table(tmp_path)


@pytest.mark.parametrize(
    ("text", "name"), [("CN-HaM", "cn-ham"), ("Bärental (2)", "b-rental-2"), ("—", "my-site")]
)
def test_names_of_files(text, name):
    assert slug(text) == name
