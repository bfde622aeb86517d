"""``temjax check``: towers with their site files, what is used, what is absent, what is missing."""

import json
import zipfile

import pytest

from tests.support.command import called
from tests.support.tower_files import columns, months, site_file, tower_file, write

pytestmark = pytest.mark.usefixtures("restored_settings")


def lines_of(*words, code=0) -> list[str]:
    result = called("check", *words)
    assert result.exit_code == code, result.output
    return result.output.splitlines()


def test_a_sound_tower_says_what_is_used_and_what_is_absent(tmp_path):
    table = columns(months())
    for name in ("RECO_DT_VUT_REF", "RECO_NT_VUT_REF"):
        del table[name]
    tower = tower_file(tmp_path)
    write(tower, table)
    told = lines_of(tower, "--site", site_file(tmp_path, "mine"))
    assert told[0] == f"{tower}: no findings"
    assert (
        "  climate: 2001-2002: air temperature (TA_F), precipitation (P_F), shortwave (SW"
        in (told[1])
    )
    text = "\n".join(told)
    assert "place: Mine, alpine-meadow" in text and "NEP (NEE_VUT_REF)" in text
    (absent,) = (line for line in told if line.startswith("  absent: "))
    assert "RECO (" in absent and "SOC (no [stocks.soil_organic_carbon] in the site file)" in absent
    assert any("note: climate before 2001" in line for line in told)
    assert f"{tmp_path / 'mine.toml'}: no findings" in told


def test_facts_of_the_site_show_faults_of_the_tower(tmp_path):
    tower = tower_file(tmp_path)
    north = site_file(tmp_path, "north")
    north.write_text(north.read_text().replace("latitude = 37.0", "latitude = 82.0"))
    for words in ((tower, "--site", north), (tower, north), (north, tower)):
        told = lines_of(*words, code=1)
        assert any("SW_IN_F at line" in line and "extraterrestrial" in line for line in told)
        assert sum(line.startswith(f"{north}: ") for line in told) == 1


def test_a_tower_alone_is_checked_and_the_missing_facts_named(tmp_path):
    told = lines_of(tower_file(tmp_path))
    assert told[0].endswith("no findings")
    (missing,) = (line for line in told if "still missing" in line)
    assert "latitude, elevation, texture, vegetation" in missing
    assert "temjax site FILE --out SITE.toml" in missing


def test_a_tower_of_the_catalog_needs_no_site_file(tmp_path):
    told = "\n".join(lines_of(tower_file(tmp_path, "CN-Dan")))
    assert "from the catalog" in told and "still missing" not in told


def test_several_towers_take_their_own_site_files(tmp_path):
    towers = [tower_file(tmp_path, name) for name in ("XX-One", "XX-Two")]
    files = [site_file(tmp_path, name, fluxnet_id=f"XX-{name}") for name in ("Two", "One")]
    told = "\n".join(lines_of(*towers, "--site", files[0], "--site", files[1]))
    assert told.index("place: One") < told.index("place: Two")
    result = called("check", towers[0], "--site", files[0], "--site", files[1])
    assert result.exit_code == 2 and "2 site files" in result.output


def test_faults_of_the_site_file_are_told_once(tmp_path):
    tower, facts = tower_file(tmp_path), site_file(tmp_path, "mine")
    facts.write_text(facts.read_text().replace("sand = 40", "sand = 70"))
    told = lines_of(tower, "--site", facts, code=1)
    assert sum("texture" in line for line in told) == 1
    assert any("keep it from being used" in line for line in told)


def test_json_stays_a_list_of_findings(tmp_path):
    tower, facts = tower_file(tmp_path), site_file(tmp_path, "mine")
    assert json.loads(called("check", tower, "--site", facts, "--json").output) == []
    table = columns(months())
    table["TA_F"][3] = "290"
    write(tower, table)
    result = called("check", tower, facts, "--json")
    assert result.exit_code == 1
    (finding,) = json.loads(result.output)
    assert (finding["file"], finding["variable"]) == (str(tower), "TA_F")


def test_the_options_of_a_tower_hold_here_too(tmp_path):
    tower, facts = tower_file(tmp_path), site_file(tmp_path, "mine")
    write(tower, columns([pair for pair in months() if pair != (2001, 5)]))
    assert any("months missing: 2001-05" in line for line in lines_of(tower, facts, code=1))
    told = "\n".join(lines_of(tower, facts, "--fill-from-climatology", "--partition", "NT"))
    assert "filled" in told and "GPP_NT_VUT_REF" in told


def test_climate_that_the_tower_lacks_comes_from_the_site_file(tmp_path):
    table = columns(months())
    del table["P_F"]
    tower, site = tower_file(tmp_path), site_file(tmp_path, "mine")
    write(tower, table)
    told = "\n".join(lines_of(tower, "--site", site, code=1))
    assert "P_F at line 1" in told
    assert (
        "--history FILE (NetCDF or reanalysis), or [climatology.precipitation] in the site" in told
    )
    mean = '\n[climatology.precipitation]\nunit = "mm month-1"\nmean = [{}]\nsource = "test"\n'
    site.write_text(site.read_text() + mean.format(", ".join(["20"] * 12)))
    told = "\n".join(lines_of(tower, "--site", site))
    assert "24 months of precipitation from the site file's climatology" in told


def test_a_site_file_meant_to_stand_alone_has_all_climate(tmp_path):
    site = site_file(tmp_path, "mine")
    mean = '\n[climatology.precipitation]\nunit = "mm month-1"\nmean = [{}]\nsource = "test"\n'
    part = site.read_text() + mean.format(", ".join(["20"] * 12))
    site.write_text(part)
    lines_of(site)
    site.write_text("period = [2001, 2005]\n" + part)
    told = "\n".join(lines_of(site, code=1))
    assert "no air_temperature, shortwave: without a tower's file" in told


def test_observations_of_which_nothing_is_left_are_named(tmp_path):
    table = columns(months())
    for name in list(table):
        if name.endswith("_QC"):
            table[name] = ["0.1"] * len(table["TIMESTAMP"])
    tower = tower_file(tmp_path)
    write(tower, table)
    told = lines_of(tower, "--site", site_file(tmp_path, "mine"))
    (absent,) = (line for line in told if line.startswith("  absent: "))
    assert "NEP (no month of NEE_VUT_REF is left: quality below 0.5" in absent


def test_the_table_that_a_site_file_names_is_checked_with_it(tmp_path):
    site = site_file(tmp_path, "mine")
    own = (
        '\n[table]\nfile = "own.csv"\ntime = "date"\n[table.columns.net_ecosystem_production]\n'
        'column = "NEE"\nunit = "g C m-2 d-1"\nsign = "uptake negative"\n'
    )
    site.write_text(site.read_text() + own)
    (tmp_path / "own.csv").write_text("date,NEE\n2001-01,1\n2001-02,x\n")
    told = "\n".join(lines_of(site, code=1))
    assert "NEE at line 3: 'x' is not a number" in told


def test_the_only_archive_in_a_folder_is_the_tower(tmp_path):
    folder = tmp_path / "Türme im Süden"
    folder.mkdir()
    tower = tower_file(tmp_path)
    with zipfile.ZipFile(folder / "FLX_XX-Abc_FLUXNET2015_FULLSET_2001-2002_1-4.zip", "w") as made:
        made.write(tower, tower.name)
    told = "\n".join(lines_of(folder, "--site", site_file(tmp_path, "mine")))
    assert "NEP (NEE_VUT_REF)" in told


def test_choices_that_a_file_does_not_offer_are_named(tmp_path):
    site = site_file(tmp_path, "mine")
    told = "\n".join(lines_of(tower_file(tmp_path), "--site", site, "--site-id", "US-Abc"))
    assert "note: --site-id US-Abc not used: FLUXNET2015 has no such choice" in told


def test_of_several_site_files_the_towers_own_is_taken(tmp_path):
    tower = tower_file(tmp_path, "XX-One")
    own = site_file(tmp_path, "one", fluxnet_id="XX-One")
    other = site_file(tmp_path, "two", fluxnet_id="XX-Two")
    result = called("check", tower, other, own)
    assert result.exit_code == 0, result.output
    assert "place: One" in result.output and "still missing" not in result.output
