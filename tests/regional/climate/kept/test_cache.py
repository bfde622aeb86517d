"""Months kept on disk: one file for each source, read back by blocks of cells."""

import os
from itertools import pairwise

import numpy as np
import pytest

from temjax.files import atomic
from temjax.files.findings import DataError
from temjax.regional.climate import netcdf_climate
from temjax.regional.climate.kept import entry, room
from temjax.regional.climate.kept.cache import MonthlyCache
from temjax.regional.climate.kept.entry import GAP
from temjax.regional.climate.load import load_climate
from temjax.regional.climate.months import YearOfMonths
from temjax.regional.climate.projects import ProjectVariable
from temjax.regional.climate.reader import ClimateReader
from temjax.regional.experiment.experiment import parse_experiment, read_experiment
from temjax.regional.inputs import climate as blocks
from temjax.regional.inputs.domain import load_domain
from temjax.regional.inputs.seams import find_seams
from tests.support.project_files import write_project
from tests.support.small_region import change, write_experiment

RAIN = ProjectVariable("precipitation", "pr")
CELLS, YEARS = 300, 7


@pytest.fixture
def values():
    return np.random.default_rng(4).random((YEARS, 12, CELLS), dtype=np.float32)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "rain.nc"
    path.write_bytes(bytes(range(256)) * 64)
    return path


def keep(source, values, fault=False, **settings):
    """Months of a file whose reading gives some values, the folder and the reader."""
    reader = ClimateReader(source.parent)

    def read():
        for row, year in enumerate(values):
            yield YearOfMonths(2001 + row, year, np.ones(12), 12 * row + np.arange(12))
        if fault:
            reader.add_finding(str(source), "pr", "is broken", "Mend it.")

    folder = source.parent / "kept"
    months = MonthlyCache(folder, np.arange(CELLS), **settings).months(reader, source, RAIN, read)
    return months, folder, reader


WANTED = {
    "all": np.arange(CELLS),
    "one": np.array([299]),
    "any order, some twice": np.array([250, 3, 3, 17, 250, 4]),
    "far apart": np.array([0, GAP + 1, 2 * GAP + 30, 2 * GAP + 31]),
}


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("years", [1, 3, YEARS])
@pytest.mark.parametrize("held", [0.0, 1e9])
def test_cells_and_months_are_read_back(source, values, monkeypatch, wanted, years, held):
    monkeypatch.setattr(entry, "SLAB_BYTES", years * values[0].nbytes)
    kept, folder, _ = keep(source, values, held=held)
    months = np.r_[2:30, 71, 50]
    expected = values.reshape(-1, CELLS)[months][:, WANTED[wanted]]
    assert np.array_equal(kept.read(months, WANTED[wanted]), expected)
    assert kept.years.tolist() == list(range(2001, 2001 + YEARS))
    in_memory = held > 0
    assert len(list(folder.glob("*.v3.nc"))) == (not in_memory)
    again, _, reader = keep(source, values * (2 if in_memory else 0), held=held)
    scale = 2 if in_memory else 1  # what is kept is not read again
    assert np.array_equal(again.read(months, WANTED[wanted]), scale * expected)
    assert np.array_equal(kept.record, again.record)
    assert reader.findings == [] and reader.notes == []


def test_a_changed_file_is_read_anew_whatever_changed(source, values):
    keep(source, values)
    stat = source.stat()

    def first():
        return keep(source, values + number)[0].read(np.array([0]), np.array([0]))[0, 0]

    number = 1
    assert first() == values[0, 0, 0]
    source.write_bytes(source.read_bytes()[:-1] + b"x")
    os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # content only
    assert first() == values[0, 0, 0] + 1
    number = 2
    os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10))
    assert first() == values[0, 0, 0] + 2


def test_a_fault_leaves_nothing(source, values, monkeypatch):
    for slab in (1, 1e9):
        monkeypatch.setattr(entry, "SLAB_BYTES", slab)
        kept, folder, reader = keep(source, values, fault=True)
        assert kept is None and len(reader.findings) == 1
        assert not folder.exists() or list(folder.iterdir()) == []


def test_a_cut_entry_is_made_anew_and_a_deleted_one_is_told(source, values):
    kept, folder, _ = keep(source, values)
    (path,) = folder.glob("*.nc")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match="the file is damaged"):
        kept.read(np.arange(12 * YEARS), np.arange(CELLS))
    kept, _, _ = keep(source, values)
    assert np.array_equal(kept.read(np.array([83]), np.arange(CELLS))[0], values[-1, -1])
    path.unlink()
    with pytest.raises(DataError, match="cannot be read again"):
        kept.read(np.array([0]), np.array([0]))


def test_no_room_anywhere_is_a_finding(source, values, monkeypatch, tmp_path):
    (tmp_path / "kept").write_text("")
    monkeypatch.setattr(MonthlyCache, "_temporary_folder", lambda self: tmp_path / "kept")
    kept, _, reader = keep(source, values, _temporary=tmp_path / "kept")
    assert kept is None
    (finding,) = reader.findings
    assert finding.variable == "climate.cache" and "can be kept neither there" in finding.message


def test_numbers_that_cannot_be_compressed_are_kept(source):
    noise = np.random.default_rng(1).integers(0, 2**31, (3, 12, CELLS), dtype=np.uint32)
    values = noise.view(np.float32)
    kept, _, _ = keep(source, values)
    found = np.ascontiguousarray(kept.read(np.arange(36), np.arange(CELLS)))
    assert np.array_equal(found.view(np.uint32), noise.reshape(36, CELLS))


def test_a_full_disk_is_told_with_the_size_before_anything_is_written(tmp_path, monkeypatch):
    path = write_experiment(tmp_path)
    monkeypatch.setattr(netcdf_climate, "HELD_BYTES", 0.0)
    monkeypatch.setattr(room, "free_bytes", lambda folder: 1000)
    with pytest.raises(DataError) as error:
        load(path)
    (finding,) = error.value.findings
    # three drivers, ten years, five cells
    assert "take up to 0.0072 MB on the disk" in finding.message and "0.001 MB" in finding.message
    assert finding.variable == "climate.cache" and "climate.cache" in finding.mend
    assert list((tmp_path / "data" / "monthly").iterdir()) == []
    monkeypatch.setattr(room, "free_bytes", lambda folder: 7200)
    climate, _ = load(path)
    assert "months on disk" in climate.kept and "in 6 files" in climate.kept


def test_a_disk_that_fills_meanwhile_is_told_with_the_size(tmp_path, monkeypatch):
    path = write_experiment(tmp_path)
    monkeypatch.setattr(netcdf_climate, "HELD_BYTES", 0.0)

    def no_room(file, slab):
        raise RuntimeError("NetCDF: HDF error")

    monkeypatch.setattr(entry, "_append", no_room)
    monkeypatch.setattr(atomic, "_FULL", 1 << 60)
    with pytest.raises(DataError, match=r"disk is full: the months of past\.nc take up to"):
        load(path)
    assert list((tmp_path / "data" / "monthly").iterdir()) == []


def load(path):
    experiment = read_experiment(path)
    domain = load_domain(experiment)
    return load_climate(experiment, domain, *experiment.members[0]), domain


def test_files_of_a_region_are_kept_where_they_are_large(tmp_path, monkeypatch):
    path = write_experiment(tmp_path)
    folder = tmp_path / "data" / "monthly"
    cells = np.arange(5)
    expected = load(path)[0].load(cells)
    assert not folder.exists()
    monkeypatch.setattr(netcdf_climate, "HELD_BYTES", 0.0)
    for _ in range(2):
        loaded = load(path)[0].load(cells)
        assert len(list(folder.glob("*.v3.nc"))) == 6  # three drivers, past and future
        assert all(np.array_equal(loaded[name], values) for name, values in expected.items())


def test_blocks_of_cells_change_nothing(tmp_path, monkeypatch):
    path = write_experiment(tmp_path)
    change(tmp_path / "data" / "past.nc", "nirr", lambda values: values * 1.02)

    def gaps(values):
        values[7, 0, 4] = values[9, 0, 2] = np.nan
        return values

    change(tmp_path / "data" / "future.nc", "tair", gaps)
    whole, domain = load(path)
    (seam,) = find_seams(whole, domain.area)
    monkeypatch.setattr(blocks, "BLOCK_CELLS", 2)
    parts, _ = load(path)
    (again,) = find_seams(parts, domain.area)
    assert parts.notes == whole.notes and parts.repairs == whole.repairs
    assert whole.repairs["filled_cells"] == 2
    for name in ("temperature", "precipitation", "shortwave"):
        assert getattr(again, name) == pytest.approx(getattr(seam, name), rel=1e-9)


def test_an_overlap_is_compared_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_CELLS", 2)
    document = write_project(tmp_path, "netcdf")
    folder = tmp_path / "climate"
    (folder / "again.nc").write_bytes((folder / "tas.nc").read_bytes())

    def warmer(values):
        values[5, 1, 1] += 1  # the last cell but one
        values[3, 1, 2] += 1
        return values

    change(folder / "again.nc", "tas", warmer)
    document["climate"]["files"].append("again.nc")
    experiment = parse_experiment(document, tmp_path, "test")
    with pytest.raises(DataError, match="other values in 2 of 48 months") as error:
        load_climate(experiment, load_domain(experiment), *experiment.members[0])
    assert error.value.findings[0].index.startswith("2013-04: ")


def test_blocks_are_small_where_years_are_many():
    for number, years, first in ((10, 10, 10), (5000, 10, 2000), (5000, 440, 378)):
        found = list(blocks.cell_blocks(number, years))
        assert found[0].size == first
        assert np.array_equal(np.concatenate(found), np.arange(number))
        assert all(one[-1] + 1 == other[0] for one, other in pairwise(found))
