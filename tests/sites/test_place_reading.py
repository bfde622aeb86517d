"""Choices of reading of each place: those of the call, else of its site file."""

import pytest

from temjax.files.findings import DataError
from temjax.sites import Reading
from temjax.sites.entry import parse_entry, read_entry
from temjax.sites.place_reading import place_reading
from temjax.sites.sources import open_places, open_site
from tests.sites.readers.test_abcflux import two_sites
from tests.support.command import called
from tests.support.tower_files import columns, months, site_file, tower_file, write

pytestmark = pytest.mark.usefixtures("restored_settings")

LIGHT = (
    '[climatology.shortwave]\nunit = "W m-2"\nmean = [0, 20, 100, 200, 250, 260, 240, 160, 90, '
    '30, 0, 0]\nsource = "test"\n'
)


def bogs(folder):
    """A table of two sites and the site files of both, whose ``[reading]`` names them."""
    files = []
    for name, tower in (("slope", "XX-Abc"), ("bog", "YY-Bog")):
        more = f'[reading]\nsite_id = "{tower}"\n{LIGHT}'
        path = site_file(folder, name, vegetation="moist-tundra", more=more)
        path.write_text(path.read_text().replace("latitude = 37.0", "latitude = 68.5"))
        files.append(path)
    return two_sites(folder / "abc.csv"), files


def test_the_call_comes_before_the_site_file(tmp_path):
    more = '[reading]\npartition = "NT"\nquality = 0.7\nsite_id = 23\n'
    entry = read_entry(site_file(tmp_path, "mine", more=more))
    reading, notes = place_reading(Reading(), entry)
    assert (reading.partition, reading.least_quality, reading.site_id) == ("NT", 0.7, "23")
    assert notes == ["as [reading] of the site file says: partition NT, quality 0.7, site_id 23"]
    reading, notes = place_reading(Reading(partition="DT", minimum_quality=0.5), entry)
    assert (reading.partition, reading.least_quality) == ("DT", 0.5)
    assert "partition DT was asked for, not the site file's NT" in notes
    assert place_reading(Reading(), None) == (Reading(), [])


def test_a_wrong_choice_in_the_site_file_is_named(tmp_path):
    more = '[reading]\npartition = "XT"\nquality = 70\nsites = "a"\n'
    entry, findings = parse_entry(site_file(tmp_path, "mine", more=more))
    assert entry is None
    assert {f.variable for f in findings} == {
        "reading.partition", "reading.quality", "reading.sites",
    }  # fmt: skip


def test_each_tower_is_read_its_own_way(tmp_path):
    first, second = tower_file(tmp_path, "XX-One"), tower_file(tmp_path, "XX-Two")
    files = [
        site_file(tmp_path, "one", fluxnet_id="XX-One", more='[reading]\npartition = "NT"\n'),
        site_file(tmp_path, "two", fluxnet_id="XX-Two"),
    ]
    places = open_places([first, second], files)
    used = [place.observations.monthly["gross_primary_production"].source for place in places]
    assert [text[:6] for text in used] == ["GPP_NT", "GPP_DT"]


def test_two_sites_of_one_table(tmp_path):
    table, files = bogs(tmp_path)
    slope, bog = open_places([table, table], files)
    assert (slope.name, bog.name) == ("slope", "bog")
    assert any("as [reading] of the site file says: site_id YY-Bog" in n for n in bog.notes)
    told = called("check", table, table, *(word for f in files for word in ("--site", f)))
    assert told.exit_code == 0, told.output
    assert told.output.count("abc.csv: no findings") == 2
    assert "site_id XX-Abc" in told.output and "site_id YY-Bog" in told.output


def test_one_site_id_is_not_that_of_two_towers(tmp_path):
    table, files = bogs(tmp_path)
    with pytest.raises(DataError, match="names one site, YY-Bog, for 2 towers"):
        open_places([table, table], files, Reading(site_id="YY-Bog"))
    other = tower_file(tmp_path, "XX-One")
    own = site_file(tmp_path, "one", fluxnet_id="XX-One")
    bog, one = open_places([table, other], [files[1], own], Reading(site_id="YY-Bog"))
    assert any("--site-id YY-Bog not used" in note for note in one.notes)
    assert not any("not used" in note for note in bog.notes)


def test_the_fluxnet_id_of_the_site_file_chooses_the_rows(tmp_path):
    table, _ = bogs(tmp_path)
    file = site_file(tmp_path, "own", fluxnet_id="YY-Bog", vegetation="moist-tundra", more=LIGHT)
    file.write_text(file.read_text().replace("latitude = 37.0", "latitude = 68.5"))
    notes = open_site(table, site_file=file).notes
    assert "rows of YY-Bog, the fluxnet_id of the site file" in notes
    notes = open_site(table, site_file=file, reading=Reading(site_id="XX-Abc")).notes
    assert "own is the site file of YY-Bog, the tower's file that of XX-Abc" in notes


def test_one_towers_reanalysis_is_not_that_of_two(tmp_path):
    first, second = tower_file(tmp_path, "XX-One"), tower_file(tmp_path, "XX-Two")
    files = [site_file(tmp_path, n, fluxnet_id=f"XX-{n.title()}") for n in ("one", "two")]
    era = tmp_path / "FLX_XX-One_FLUXNET2015_ERAI_MM_2000-2002_1-4.csv"
    held = columns(months(2000, 2002))
    names = {"TIMESTAMP": "TIMESTAMP", "TA_F": "TA_ERA", "P_F": "P_ERA", "SW_IN_F": "SW_IN_ERA"}
    write(era, {names[name]: held[name] for name in names})
    with pytest.raises(DataError, match=r"--history: is the reanalysis of XX-One, and .*XX-Two"):
        open_places([first, second], files, Reading(history=str(era)))
    site = open_site(second, site_file=files[1], reading=Reading(history=str(era)))
    assert "ERAI of another tower: of XX-One, the record is of XX-Two" in site.notes
