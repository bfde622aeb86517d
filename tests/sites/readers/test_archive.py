"""Files of a tower in archives and folders: which table is read, what goes with it."""

import pytest

from temjax.sites.readers.archive import MemberFile, find_files, find_tower, fluxnet_id, is_archive
from temjax.sites.readers.kinds import is_tower
from tests.support.fluxnet_files import write_zip

OLD = "FLX_XX-Abc_FLUXNET2015_{}_2001-2003_1-4.csv"
NEW = "EUF_XX-Abc_FLUXNET_{}_2001-2003_v1.3_r1.csv"


def write(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n")
    return folder


def chosen(path):
    files, findings = find_files(path)
    assert findings == []
    return files


def fault(path):
    files, (finding,) = find_files(path)
    assert files is None
    assert finding.mend.endswith(".")
    return finding


@pytest.mark.parametrize(
    ("name", "product", "kind", "step"),
    [
        (OLD.format("FULLSET_MM"), "FLUXNET2015", "fluxes", "MM"),
        (OLD.format("SUBSET_HR"), "FLUXNET2015", "subset", "HR"),
        (OLD.format("ERAI_DD"), "FLUXNET2015", "reanalysis", "DD"),
        (NEW.format("FLUXMET_WW"), "FLUXNET", "fluxes", "WW"),
        (NEW.format("ERA5_HH"), "FLUXNET", "reanalysis", "HH"),
        (NEW.format("BIFVARINFO_MM"), "FLUXNET", "variables", "MM"),
        (NEW.format("BIF"), "FLUXNET", "site", ""),
        ("SAEON_XX-Abc_FLUXNET_FLUXMET_MM_2001-2003_v1.3_r2.csv", "FLUXNET", "fluxes", "MM"),
        ("AMF_XX-Abc_FLUXNET_FULLSET_MM_2001-2003_3-5.csv", "AmeriFlux FLUXNET", "fluxes", "MM"),
        ("AMF_XX-Abc_FLUXNET_SUBSET_DD_2001-2003_3-5.csv", "AmeriFlux FLUXNET", "subset", "DD"),
        ("ICOSETC_XX-Abc_FLUXNET_MM_L2.csv", "ICOS ETC L2", "fluxes", "MM"),
        ("ICOSETC_XX-Abc_FLUXNET_DD_INTERIM_L2.csv", "ICOS ETC L2", "fluxes", "DD"),
        ("XX-Abc.csv", "FLUXNET-like table", None, ""),
    ],
)
def test_names(tmp_path, name, product, kind, step):
    label = MemberFile(tmp_path / name).label
    assert (label.product, label.kind, label.tower, label.step) == (product, kind, "XX-Abc", step)


@pytest.mark.parametrize(
    ("names", "best"),
    [
        ([OLD.format("ERAI_MM"), OLD.format("FULLSET_MM")], OLD.format("FULLSET_MM")),
        ([OLD.format("SUBSET_MM"), OLD.format("FULLSET_DD")], OLD.format("FULLSET_DD")),
        ([NEW.format("FLUXMET_HH"), NEW.format("FLUXMET_WW")], NEW.format("FLUXMET_HH")),
        ([NEW.format("FLUXMET_YY"), NEW.format("FLUXMET_WW")], NEW.format("FLUXMET_WW")),
        ([NEW.format("FLUXMET_MM"), NEW.format("FLUXMET_DD")], NEW.format("FLUXMET_MM")),
        ([NEW.format("BIF"), "README.txt", "mine.csv"], "mine.csv"),
    ],
)
def test_choice_of_the_table(tmp_path, names, best):
    archive = write_zip(tmp_path / "XX-Abc.zip", {f"deep/down/{name}": "a,b\n" for name in names})
    files = chosen(archive)
    assert (files.fluxes.name, files.tower) == (best, "XX-Abc")
    assert files.fluxes.where == f"{archive}:deep/down/{best}"
    assert best in files.notes[0]
    if best != "mine.csv":
        files = chosen(write(tmp_path / "unpacked", *(f"inside/{name}" for name in names)))
        assert files.fluxes.name == best


def test_companions_in_an_archive_and_beside_a_table(tmp_path):
    names = [
        NEW.format(part)
        for part in ("FLUXMET_MM", "FLUXMET_DD", "ERA5_DD", "ERA5_MM", "ERA5_YY", "BIFVARINFO_DD",
                     "BIFVARINFO_MM", "BIF")
    ]  # fmt: skip
    folder = write(tmp_path / "towers", *names, "EUF_YY-Abc_FLUXNET_ERA5_MM_1981-2003_v1.3_r1.csv")
    archive = write_zip(tmp_path / "EUF_XX-Abc_FLUXNET_x.zip", dict.fromkeys(names, "x"))
    for files in (chosen(folder / NEW.format("FLUXMET_MM")), chosen(archive)):
        assert files.product == "FLUXNET"
        assert files.reanalysis.name == NEW.format("ERA5_MM")
        assert files.variables.name == NEW.format("BIFVARINFO_MM")
        assert files.site.name == NEW.format("BIF")
    assert chosen(folder / NEW.format("FLUXMET_DD")).variables.name == NEW.format("BIFVARINFO_DD")


def test_the_companion_is_of_the_same_product(tmp_path):
    folder = write(tmp_path, OLD.format("FULLSET_MM"), OLD.format("ERAI_DD"), NEW.format("ERA5_MM"))
    assert chosen(folder).reanalysis.name == OLD.format("ERAI_DD")


def test_a_table_alone_has_no_companions(tmp_path):
    write(tmp_path, "mine.csv", NEW.format("ERA5_MM"))
    files = chosen(tmp_path / "mine.csv")
    assert (files.reanalysis, files.tower, files.notes) == (None, None, ())


def test_several_towers_are_named(tmp_path):
    names = [OLD.format("FULLSET_MM"), OLD.format("FULLSET_MM").replace("XX", "YY")]
    assert "2 towers: XX-Abc, YY-Abc" in fault(write(tmp_path / "both", *names)).message
    archive = write_zip(tmp_path / "both.zip", dict.fromkeys(names, "x"))
    assert "2 towers: XX-Abc, YY-Abc" in fault(archive).message


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "no table of a tower"),
        ({"README.txt": "x", "__MACOSX/._x.csv": "x"}, "no table of a tower"),
        ({NEW.format("FLUXMET_YY"): "x"}, "only a yearly file"),
        ({"a.csv": "x", "b.csv": "x"}, "several files"),
        ({"AMF_US-Abc.zip": "x", "AMF_US-Abd.zip": "x"}, "2 further archives"),
    ],
)
def test_archives_without_a_table(tmp_path, members, message):
    assert message in fault(write_zip(tmp_path / "a.zip", members)).message


def test_damaged_archives(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"no archive")
    assert "damaged" in fault(path).message
    write_zip(path, {NEW.format("FLUXMET_MM"): "TIMESTAMP,TA_F\n" * 500})
    data = bytearray(path.read_bytes())
    data[len(NEW) + 60] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ValueError, match="archive is damaged"):
        chosen(path).fluxes.read_bytes()
    assert "No such file" in fault(tmp_path / "none.zip").message


def test_companions_given_in_place_of_the_table_are_named(tmp_path):
    write(tmp_path, OLD.format("ERAI_MM"), NEW.format("BIF"), NEW.format("BIFVARINFO_MM"))
    assert "reanalysis" in fault(tmp_path / OLD.format("ERAI_MM")).message
    assert "units" in fault(tmp_path / NEW.format("BIFVARINFO_MM")).message
    assert "facts of the site" in fault(tmp_path / NEW.format("BIF")).message


def test_what_is_a_tower(tmp_path):
    folder = write(tmp_path / "mine", f"inner/{NEW.format('FLUXMET_MM')}")
    assert is_tower(folder) and is_tower("any.CSV") and is_tower("any.zip")
    assert fluxnet_id(folder) == "XX-Abc"
    other = write(tmp_path / "other", "notes.txt", "table.csv")
    assert not is_archive(other) and not is_tower(tmp_path / "nothing") and not is_tower("a.toml")
    assert fluxnet_id(other) is None


def test_tower_among_others_in_a_folder(tmp_path):
    others = OLD.format("FULLSET_MM").replace("XX", "YY")
    write(tmp_path, others)
    assert find_tower(tmp_path, "XX-Abc") == (None, [])
    archive = write_zip(
        tmp_path / "EUF_XX-Abc_FLUXNET_2001-2003_v1.3_r1.zip", {NEW.format("FLUXMET_MM"): "x"}
    )
    assert find_tower(tmp_path, "XX-Abc") == (archive, [])
    write(tmp_path / "unpacked", NEW.format("FLUXMET_MM"), NEW.format("ERA5_MM"))
    unpacked = tmp_path / "unpacked" / NEW.format("FLUXMET_MM")
    assert find_tower(tmp_path, "XX-Abc") == (unpacked, [])
    write(tmp_path, OLD.format("FULLSET_MM"), OLD.format("ERAI_MM"))
    path, (finding,) = find_tower(tmp_path, "XX-Abc")
    assert path is None and "several files of XX-Abc" in finding.message
