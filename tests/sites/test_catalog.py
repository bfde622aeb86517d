"""The catalog: every entry loads, is sound, and carries the figures of its source."""

import csv

import numpy as np
import pytest

from temjax import sites
from temjax.files.findings import DataError
from temjax.parameters.files import load_parameters
from temjax.runs.validation import check_forcing, check_location
from temjax.sites.entry import parse_entry, read_entry
from temjax.sites.site import catalog_entry, entry_of_fluxnet
from temjax.sites.traps import doubts, trap_notes
from tests.support.tower_files import site_text

TOWERS = {"haibei-meadow": "CN-HaM", "haibei-shrubland": "CN-Ha2", "damxung-steppe": "CN-Dan"}
NORTHERN = {
    "ru-cok": "RU-Cok",
    "us-ivo": "US-Ivo",
    "us-prr": "US-Prr",
    "ca-man": "CA-Man",
    "ca-obs": "CA-Obs",
    "fi-sod": "FI-Sod",
}
MINIMAL = site_text(latitude=60.0)


@pytest.mark.parametrize("name", sites.names())
def test_entries_are_sound(name):
    site = sites.load(name)
    assert check_location(site.location) == []
    assert check_forcing(site.forcing, site.location) == []
    assert int(site.forcing.years[0]) == 1901
    assert site.location.vegetation == site.parameter_set
    assert site.sources


def test_the_catalog_has_these_places():
    assert set(sites.names()) == {*TOWERS, *NORTHERN, "toolik-tundra", "plateau-permafrost"}


@pytest.mark.parametrize(("name", "offset"), [("haibei-meadow", 0.03), ("damxung-steppe", 0.0175)])
def test_a_site_has_its_own_parameter_values(name, offset):
    site = sites.load(name)
    assert float(site.parameters().surface_shortwave_coefficient) == pytest.approx(offset)
    base = load_parameters(site.parameter_set)
    assert float(site.parameters().cmax_scale) == float(base.cmax_scale)
    other = load_parameters("moist-tundra")
    assert float(site.parameters(other).surface_shortwave_coefficient) == pytest.approx(offset)


@pytest.mark.parametrize(
    ("name", "vegetation", "silt_plus_clay", "carbon", "ratio"),
    [
        ("haibei-meadow", "alpine-meadow", 0.65, 15000, 16.4),
        ("haibei-shrubland", "alpine-shrubland", 0.65, 15000, 16.4),
        ("damxung-steppe", "alpine-steppe", 0.33, 7000, 12.2),
    ],
)
def test_stated_inputs(name, vegetation, silt_plus_clay, carbon, ratio):
    site = sites.load(name)
    assert site.parameter_set == vegetation
    assert float(site.location.silt_plus_clay) == pytest.approx(silt_plus_clay)
    stocks = site.observations.stocks
    assert stocks["soil_organic_carbon"].value == carbon
    nitrogen = stocks["soil_organic_nitrogen"]
    assert nitrogen.value == pytest.approx(carbon / ratio, rel=1e-3)
    assert nitrogen.sd == pytest.approx(0.4 * nitrogen.value, rel=1e-3)
    assert nitrogen.assumed


def test_known_faults_are_marked():
    meadow, shrub = sites.load("haibei-meadow"), sites.load("haibei-shrubland")
    gpp = shrub.observations.monthly["gross_primary_production"]
    assert list(np.flatnonzero(gpp.suspect[0]) + 1) == [1, 2, 3, 11, 12]
    assert np.isnan(gpp.climatology(usable_only=True)[0])
    assert any("Kato" in note for note in meadow.notes)
    assert not any("night-time partition" in note for note in meadow.notes)
    assert any("swamp" in note for note in shrub.notes)


@pytest.mark.parametrize(
    ("tower", "years", "doubt"),
    [("CN-HaM", (2001, 2014), 4.3), ("CN-Ha2", (2011, 2019), 19.0), ("CN-Dan", (2011, 2020), 8.8)],
)
def test_towers_of_the_newer_product_carry_its_doubt(tower, years, doubt):
    entry = entry_of_fluxnet(tower)
    kwargs = {"variable": "net_ecosystem_production", "period": years, "partition": "DT"}
    new = doubts(entry.traps, product="FLUXNET", **kwargs).sd
    assert new.shape == (years[1] - years[0] + 1, 12)
    np.testing.assert_array_equal(new, doubt)
    assert not doubts(entry.traps, product="FLUXNET2015", **kwargs).sd.any()
    for variable in ("net_ecosystem_production", "gross_primary_production"):
        chosen = kwargs | {"variable": variable}
        assert not doubts(entry.traps, product="FLUXNET", **chosen).suspect.any()
    notes = trap_notes(entry.traps, set(range(*years)), partition="DT", product="FLUXNET")
    assert len(notes) == 1
    assert "open-path winters" in notes[0]


def test_traps_are_noted_for_their_years_only():
    traps = catalog_entry("haibei-meadow").traps
    said = [
        trap_notes(traps, {year}, partition="NT", product="FLUXNET2015") for year in (2002, 2003)
    ]
    assert any("Kato" in note for note in said[0])
    assert not any("Kato" in note or "2004" in note for note in said[1])


def test_annual_figures_beside_the_published_ones():
    rows = sites.load("haibei-meadow").observations.annual["net_ecosystem_production"]
    values = {(row.year, row.value) for row in rows}
    assert {(2002, -33.4), (2002, 78.5), (2003, 126.7), (2004, 192.3)} <= values


COLUMNS = {
    "air_temperature": "TA",
    "precipitation": "P_mm",
    "shortwave": "SW_IN",
    "soil_temperature": "TS1",
    "gross_primary_production": "GPP_DT",
    "ecosystem_respiration": "RECO_DT",
    "net_ecosystem_production": "NEP",
}


@pytest.mark.parametrize("name", TOWERS)
def test_climatologies_equal_the_reference_table(name, shared):
    with (shared / "data" / "flux_monthly_climatology.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["site"] == TOWERS[name]]
    entry = catalog_entry(name)
    assert [int(row["month"]) for row in rows] == list(range(1, 13))
    for variable, column in COLUMNS.items():
        expected = np.array([float(row[column]) for row in rows])
        # the catalog rounds to 0.01 K and 0.1 of the other units, the table to four digits
        bound = 0.0052 if variable.endswith("temperature") else 0.1
        assert np.abs(np.array(entry.climatology[variable].mean) - expected).max() < bound


@pytest.mark.parametrize("name", NORTHERN)
def test_climatologies_of_the_northern_towers_equal_their_files(name, shared):
    """The reader's months of usable quality, averaged, are the catalog's; so is what it chooses."""
    (file,) = (shared / "data" / "fluxnet2015").glob(f"FLX_{NORTHERN[name]}_*_MM_*.csv")
    entry, site = catalog_entry(name), sites.read_fluxnet(file)
    assert site.name == name and float(site.location.latitude) == entry.location.latitude
    rows = np.asarray(site.forcing.years) >= entry.period[0]
    for variable in ("air_temperature", "precipitation", "shortwave"):
        months = np.asarray(getattr(site.forcing, variable))[rows].mean(axis=0)
        stated = np.array(entry.climatology[variable].mean)
        assert np.abs(stated - months).max() < (0.0052 if variable == "air_temperature" else 0.052)
    observed = [variable for variable in COLUMNS if variable in site.observations.monthly]
    assert ("gross_primary_production" in entry.climatology) == (name != "ru-cok")
    for variable in observed:
        if variable in entry.climatology:
            months = np.nanmean(site.observations.monthly[variable].values, axis=0)
            stated = np.array(entry.climatology[variable].mean)
            bound = 0.0052 if variable == "soil_temperature" else 0.052
            assert np.abs(stated - months).max() < bound


def test_the_catalog_says_how_a_tower_is_read(shared):
    """The gauge at Kytalyk catches rain alone, and its day-time partition is broken."""
    (file,) = (shared / "data" / "fluxnet2015").glob("FLX_RU-Cok_*_MM_*.csv")
    site = sites.read_fluxnet(file)
    assert "precipitation: P_ERA (as the site file asks)" in site.notes
    assert "as [reading] of the site file says: partition NT" in site.notes
    gpp = site.observations.monthly["gross_primary_production"]
    suspect = gpp.suspect.any(axis=1)
    assert "GPP_NT" in gpp.source and np.flatnonzero(suspect).tolist() == [2010 - gpp.period[0]]


def test_an_unknown_site_names_the_nearest():
    with pytest.raises(DataError, match="haibei-meadow"):
        sites.load("haibei-meadows")


def test_a_minimal_file_parses(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(MINIMAL)
    assert read_entry(path).name == "here"
    with pytest.raises(DataError, match="no climate given"):
        sites.read_site(path)


CLIMATE = """
[climatology.{name}]
unit = "{unit}"
mean = {mean}
source = "test"
"""


def test_a_file_with_climate_is_a_site(tmp_path):
    path = tmp_path / "site.toml"
    text = MINIMAL.replace('title = "Here"', 'title = "Here"\nperiod = [2001, 2010]')
    for name, unit, value in (
        ("air_temperature", "degC", -5.0),
        ("precipitation", "mm month-1", 20.0),
        ("shortwave", "W m-2", 0.0),
    ):
        text += CLIMATE.format(name=name, unit=unit, mean=[value] * 12)
    path.write_text(text)
    site = sites.read_site(path)
    assert site.forcing.air_temperature.shape == (10, 12)
    assert site.observations.monthly == {}


@pytest.mark.parametrize(
    ("old", "new", "variable", "message"),
    [
        ("sand = 40", "sand = 4", "texture", "not 100"),
        ("latitude = 60.0", "latitude = 95.0", "latitude", "outside"),
        ("latitude = 60.0", "latitude = 60.0\nlattitude = 1", "location.lattitude", "unknown key"),
        ("elevation = 100", "", "location.elevation", "missing"),
        (
            "[soil]",
            "[stocks.soil_organic_carbon]\nvalue = 1\nsd = 1\nunit = 'g C m-2'\ndepth = '0-1 m'\n"
            "source = 't'\nerror = 2\n[soil]",
            "stocks.soil_organic_carbon.error",
            "unknown key",
        ),
        ('"moist-tundra"', '"moist-tunda"', "vegetation", "unknown vegetation"),
        (
            'source = "test"\n[soil]',
            'source = "test"\n[vegetation.overrides.cmx]\nvalue = 1\nsource = "t"\n[soil]',
            "cmx",
            "unknown parameter",
        ),
    ],
)
def test_faults_of_a_site_file(tmp_path, old, new, variable, message):
    path = tmp_path / "site.toml"
    assert old in MINIMAL
    path.write_text(MINIMAL.replace(old, new, 1))
    _, findings = parse_entry(path)
    assert [fault.variable for fault in findings] == [variable]
    assert message in findings[0].message
    assert findings[0].file == str(path)
    assert findings[0].mend


def test_kelvin_in_a_climatology_is_found(tmp_path):
    path = tmp_path / "site.toml"
    text = MINIMAL.replace('title = "Here"', 'title = "Here"\nperiod = [2001, 2010]')
    for name, unit, value in (
        ("air_temperature", "degC", 268.0),
        ("precipitation", "mm month-1", -1.0),
        ("shortwave", "W m-2", 900.0),
    ):
        text += CLIMATE.format(name=name, unit=unit, mean=[value] * 12)
    path.write_text(text)
    _, findings = parse_entry(path)
    assert [fault.variable for fault in findings] == [
        "air_temperature",
        "precipitation",
        "shortwave",
    ]
    assert "kelvin" in findings[0].mend
    assert findings[0].index == "month 1"
