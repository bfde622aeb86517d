"""Which site file goes with which tower, and several places in one call."""

import pytest

from temjax.files.findings import DataError
from temjax.sites import Reading
from temjax.sites.sources import open_places, open_site, pair_site_files
from tests.support.tower_files import columns, months, site_file, tower_file, write


def test_a_site_file_goes_by_its_id_whatever_the_order(tmp_path):
    first, second = tower_file(tmp_path, "XX-One"), tower_file(tmp_path, "XX-Two")
    of_first = site_file(tmp_path, "a", fluxnet_id="XX-One")
    of_second = site_file(tmp_path, "b", fluxnet_id="XX-Two")
    nameless = site_file(tmp_path, "c")
    pairs = pair_site_files([first, second], [of_second, of_first])
    assert pairs == [of_first, of_second]
    assert pair_site_files([first, second], [nameless, of_first]) == [of_first, nameless]
    assert [site.name for site in open_places([first, second], [of_second, of_first])] == ["a", "b"]


def test_without_ids_the_order_decides(tmp_path):
    towers = [tower_file(tmp_path, "XX-One"), tmp_path / "plain.csv"]
    write(towers[1], columns(months()))
    files = [site_file(tmp_path, "a"), site_file(tmp_path, "b")]
    assert pair_site_files(towers, files) == files
    assert pair_site_files(towers[::-1], files) == files
    absent = tmp_path / "absent.toml"  # told when the tower is opened
    assert pair_site_files(towers, [absent]) == [absent, None]


def test_a_tower_of_the_catalog_gives_way_to_one_that_is_not(tmp_path):
    known, own = tower_file(tmp_path, "CN-HaM"), tower_file(tmp_path, "XX-One")
    file = site_file(tmp_path, "a")
    assert pair_site_files([known, own], [file]) == [None, file]
    assert pair_site_files([known, own], [file, file]) == [file, file]
    assert [s.name for s in open_places([known, own], [file])] == ["haibei-meadow", "a"]


def test_a_catalog_name_stands_beside_an_own_tower(tmp_path):
    own, file = tower_file(tmp_path), site_file(tmp_path, "mine")
    for places in (["damxung-steppe", own], [own, "damxung-steppe"]):
        opened = open_places(places, [file])
        assert [site.name for site in opened] == [
            "mine" if place is own else place for place in places
        ]
        assert opened[places.index(own)].product == "FLUXNET2015"


def test_a_site_file_too_many_names_all_of_them(tmp_path):
    own, files = tower_file(tmp_path), [site_file(tmp_path, name) for name in "ab"]
    with pytest.raises(ValueError, match=r"2 site files \(.*a.toml, .*b.toml\), towers.*XX-Abc"):
        open_places([own], files)
    with pytest.raises(ValueError, match=r"a.toml\), towers given as files: none"):
        open_places(["haibei-meadow"], files[:1])


def test_a_tower_left_without_is_named(tmp_path):
    towers = [tower_file(tmp_path, f"XX-{name}") for name in ("One", "Two", "Six")]
    with pytest.raises(ValueError, match=r"no site file is left for .*XX-Two.*, .*XX-Six.*: give"):
        open_places(towers, [site_file(tmp_path, "a")])
    with pytest.raises(DataError, match="does not hold latitude"):
        open_places(towers[:1])


def test_the_site_file_of_another_tower_is_told(tmp_path):
    first, second = tower_file(tmp_path, "XX-One"), tower_file(tmp_path, "XX-Two")
    other = site_file(tmp_path, "a", fluxnet_id="XX-Six")
    own = site_file(tmp_path, "b", fluxnet_id="XX-Two")
    with pytest.raises(ValueError, match=r"a.toml is the site file of XX-Six.*XX-One"):
        pair_site_files([first, second], [own, other])
    site = open_site(first, site_file=other)
    assert "is the site file of XX-Six" in site.notes[0]
    assert not any("site file of" in note for note in open_site(second, site_file=own).notes)


def test_a_reading_holds_for_every_tower(tmp_path):
    own, file = tower_file(tmp_path), site_file(tmp_path, "mine")
    (site,) = open_places([own], [file], Reading(partition="NT"))
    assert site.observations.monthly["gross_primary_production"].source.startswith("GPP_NT")
