"""Domain of maps: majority, mapping, coverage, units and the table of what changed."""

import numpy as np
import pytest
import xarray as xr

from temjax.files.findings import DataError
from temjax.regional.experiment.experiment import parse_experiment
from temjax.regional.inputs.domain import load_domain
from temjax.regional.inputs.grids.grid import KM_PER_DEGREE
from tests.support.map_files import CLASSES, VEGETATION, document, save


def load(tmp_path, **changes):
    return load_domain(parse_experiment(document(tmp_path, **changes), tmp_path, "test"))


def refused(tmp_path, **changes):
    with pytest.raises(DataError) as error:
        load(tmp_path, **changes)
    return "\n".join(map(str, error.value.findings))


def entry(domain, variable, start):
    (change,) = [c for c in domain.changes if c.variable == variable and c.entry.startswith(start)]
    return change


def with_class(value, *places):
    field = VEGETATION.copy()
    for place in places:
        field[place] = value
    return field


def test_the_majority_of_the_area_is_the_vegetation(tmp_path):
    domain = load(tmp_path)
    # classes 4 and 5 are one type: together they are more than 7, which neither is alone
    assert domain.vegetation.tolist() == ["moist-tundra"] * 3 + ["alpine-tundra"] * 2
    assert list(zip(domain.row, domain.column, strict=True)) == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 1)
    ]  # fmt: skip
    assert domain.majority_share[0] == pytest.approx(9 / 16, abs=0.01)
    assert domain.majority_share[1:] == pytest.approx(np.ones(4))


def test_areas_are_those_of_the_sphere(tmp_path):
    domain = load(tmp_path)
    south, north = np.radians([60, 61])
    expected = KM_PER_DEGREE**2 * np.degrees(np.sin(north) - np.sin(south))
    assert domain.area[0] == pytest.approx(expected, rel=1e-12)
    assert load(tmp_path, cell_area_km2=7.0).area.tolist() == [7.0] * 5


def test_the_table_tells_areas_before_and_after(tmp_path):
    domain = load(tmp_path)
    row = domain.area[0]
    meadow, tundra = entry(domain, "vegetation", "moist"), entry(domain, "vegetation", "alpine")
    left_out = entry(domain, "vegetation", "left out")
    assert meadow.entry == "moist-tundra (4, 5)"
    assert meadow.in_run == pytest.approx(3 * row)
    assert meadow.on_map == meadow.in_region == pytest.approx((2 + 9 / 16) * row, rel=5e-3)
    assert tundra.in_run == pytest.approx(domain.area[3:].sum())
    assert left_out.on_map == pytest.approx(domain.area[4]) and left_out.in_run == 0
    total = [sum(getattr(c, part) for c in (meadow, tundra, left_out))
             for part in ("in_region", "in_run")]  # fmt: skip
    assert total == pytest.approx([domain.area.sum()] * 2)
    height = entry(domain, "elevation", "mean")
    assert height.on_map == pytest.approx(760.0) and height.in_run == pytest.approx(760.0)
    assert any(note.startswith("domain: vegetation in the region: moist") for note in domain.notes)


def test_equal_shares_are_told(tmp_path):
    field = np.full(VEGETATION.shape, 4)
    field[:4, 2:4] = 7  # the eastern half of the first cell
    domain = load(tmp_path, vegetation=field)
    assert domain.vegetation[0] == "moist-tundra"
    (note,) = [note for note in domain.notes if "same share" in note]
    assert "of 1 cells" in note and "cell (0, 0) at 60.500 N 90.500 E" in note


def test_an_unmapped_class_masks_only_where_it_is_most(tmp_path):
    domain = load(tmp_path, vegetation=with_class(9, (5, 5)))
    assert domain.findings == {}
    assert any("class 9 is in no entry" in note for note in domain.notes)
    field = with_class(9, (slice(0, 4), slice(4, 8)))
    domain = load(tmp_path, vegetation=field)
    ((cell, (finding,)),) = domain.findings.items()
    assert (domain.row[cell], domain.column[cell]) == (0, 1)
    assert "class 9 is in no entry of domain.classes" in finding.message


def test_what_a_map_covers_by_less_than_half_is_left_out_and_told(tmp_path):
    field = VEGETATION.astype(float)
    field[:4, :3] = np.nan
    domain = load(tmp_path, vegetation=field)
    assert domain.size == 4
    assert "vegetation.nc: vegetation: covers less than 50% of 1 cells, which are left out" in (
        "\n".join(domain.notes)
    )
    assert load(tmp_path, vegetation=field, coverage=0.2).size == 5


def test_gaps_of_other_maps_count_as_well(tmp_path):
    sand = np.full((8, 12), 48.0)
    sand[4:, :3] = np.nan
    domain = load(tmp_path, sand=save(tmp_path, "sand", sand, 60, 90, 0.25, "percent"))
    assert domain.size == 4
    assert any("sand.nc: sand: covers less than 50% of 1 cells" in note for note in domain.notes)


def test_interpolated_classes_are_refused(tmp_path):
    field = VEGETATION.astype(float)
    field[2, 2] = 5.5
    assert "5.5 is no class (1 such cells)" in refused(tmp_path, vegetation=field)
    place = save(tmp_path, "many", np.arange(16 * 24).reshape(16, 24), 60, 90, 0.125, "")
    table = document(tmp_path)
    table["domain"]["vegetation"] = place
    with pytest.raises(DataError, match="holds 384 different values: no class map"):
        load_domain(parse_experiment(table, tmp_path, "test"))


@pytest.mark.parametrize(
    ("units", "scale"),
    [("percent", 1.0), ("g kg-1", 10.0), ("g/kg", 10.0), ("1", 0.01), ("% wt.", 1.0), ("", 0.01),
     ("", 10.0), ("", 1.0)],
)  # fmt: skip
def test_texture_is_read_in_every_unit(tmp_path, units, scale):
    parts = {
        name: save(tmp_path, name, np.full((2, 3), value * scale), 60, 90, 1.0, units)
        for name, value in (("sand", 48.0), ("silt", 44.0), ("clay", 8.0))
    }
    domain = load(tmp_path, **parts)
    assert domain.texture[0].tolist() == pytest.approx([48, 44, 8])
    assert domain.silt_plus_clay[0] == pytest.approx(0.52)
    assert domain.findings == {}
    assert any("no units" in note for note in domain.notes) == (units == "")


def test_elevation_by_unit(tmp_path):
    height = save(tmp_path, "elevation", np.full((2, 3), 0.76), 60, 90, 1.0, "km")
    assert load(tmp_path, elevation=height).elevation[0] == pytest.approx(760.0)
    height = save(tmp_path, "elevation", np.full((2, 3), 0.76), 60, 90, 1.0, "parsec")
    assert "unit 'parsec' is not understood" in refused(tmp_path, elevation=height)


def test_soil_without_texture_is_no_soil(tmp_path):
    parts = {}
    for name, value in (("sand", 48.0), ("silt", 44.0), ("clay", 8.0)):
        field = np.full((8, 12), value)
        field[:4, 0] = 0.0  # a quarter of the first cell is water
        parts[name] = save(tmp_path, name, field, 60, 90, 0.25, "percent")
    domain = load(tmp_path, **parts)
    assert domain.texture[0].tolist() == pytest.approx([48, 44, 8])
    assert any("all are 0 in 4 cells" in note for note in domain.notes)


def test_permafrost_is_a_share_with_a_threshold(tmp_path):
    extent = np.zeros((4, 6))
    extent[:2], extent[2:, :2] = 90.0, 40.0
    place = save(tmp_path, "extent", extent, 60, 90, 0.5, "percent")
    domain = load(tmp_path, permafrost=place)
    assert domain.row.tolist() == [0, 0, 0]
    assert domain.permafrost_share == pytest.approx([0.9] * 3)
    assert load(tmp_path, permafrost=place, permafrost_threshold=0.3).size == 4
    place = save(tmp_path, "extent", extent * 3, 60, 90, 0.5, "percent")
    assert "270 is no share of permafrost" in refused(tmp_path, permafrost=place)
    kind = save(tmp_path, "kind", np.where(extent > 80, 2, 5), 60, 90, 0.5, "")
    domain = load(tmp_path, permafrost=kind, permafrost_classes=[1, 2])
    assert domain.row.tolist() == [0, 0, 0] and domain.permafrost_share.tolist() == [1.0] * 3
    assert "no cell belongs to the region" in refused(
        tmp_path, permafrost=kind, permafrost_classes=[9]
    )


def test_cells_cut_the_region_and_its_table(tmp_path):
    experiment = parse_experiment(document(tmp_path), tmp_path, "test")
    cut = load_domain(experiment.select(cells=(90, 60, 91, 61)))
    assert cut.size == 1
    assert entry(cut, "vegetation", "moist").in_run == pytest.approx(cut.area[0])
    assert entry(cut, "vegetation", "alpine").on_map < cut.area[0] / 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grid": {"resolution": 0.3, "box": [90, 60, 91, 61]}}, "let it hold whole cells"),
        ({"grid": {"resolution": 0.5, "box": [90, 61, 91, 60]}}, "give west, south, east, north"),
        ({"grid": {"resolution": 0.5, "boxx": [90, 61, 91, 60]}}, "unknown key"),
        ({"classes": CLASSES | {"4": "moist-tundr"}}, "moist-tundra"),
        ({"coverage": 0.0}, "coverage"),
        ({"folder": "nowhere"}, "folder does not exist"),
    ],
)
def test_faulty_settings_are_findings(tmp_path, changes, words):
    assert words in refused(tmp_path, **changes)


def test_a_climate_without_a_grid_asks_for_one(tmp_path):
    table = document(tmp_path, grid=None)
    (tmp_path / "climate").mkdir()
    xr.Dataset({"tas": ("time", [1.0])}).to_netcdf(tmp_path / "climate" / "tas.nc")
    with pytest.raises(DataError, match=r"resolution and box in \[domain.grid\]"):
        load_domain(parse_experiment(table, tmp_path, "test"))
