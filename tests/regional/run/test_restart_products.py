"""Products read from restart points: what was written, in place; one clear error without them."""

import pickle
from functools import partial

import numpy as np
import pytest

from temjax.files.atomic import Archive, DamagedError, read_arrays, write_arrays
from temjax.files.findings import DataError
from temjax.regional.results.effect import delta
from temjax.regional.run.restart import RestartPoints
from temjax.regional.run.restart_products import LazyProducts, RestartProducts

ARRAYS = {
    "hash": np.array("abc"),
    "flags": np.array([True, False]),
    "nothing": np.empty((0, 3)),
    "product/S_T/npp": np.arange(12, dtype=np.float32).reshape(3, 4),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "point.npz"
    write_arrays(path, ARRAYS)
    return path


def test_an_archive_gives_its_arrays_one_by_one(path):
    archive, whole = Archive(path), read_arrays(path)
    assert list(archive) == list(ARRAYS) and len(archive) == len(ARRAYS)
    for name, values in whole.items():
        assert archive[name].dtype == values.dtype and archive[name].shape == values.shape
        assert np.array_equal(archive[name], values)
    with pytest.raises(KeyError):
        archive["absent"]


@pytest.mark.parametrize("damage", ["text", "truncated", "pickled", "gone"])
def test_a_damaged_archive_is_told(path, damage):
    content = path.read_bytes()
    if damage == "pickled":
        np.savez(path, flags=np.array([{}], dtype=object))
    archive = Archive(path)
    if damage == "gone":
        path.unlink()
    elif damage != "pickled":
        path.write_bytes(b"text" if damage == "text" else content[: len(content) // 3])
        with pytest.raises(DamagedError):
            Archive(path)
    with pytest.raises(DamagedError):
        [archive[name] for name in archive]


def points_of(folder, number, base, cells):
    """Restart points of a tile: three years of history in two phases, two of the future."""
    own, shared = (
        RestartPoints(folder / "own", number, "h"),
        RestartPoints(folder / "shared", number, "h"),
    )

    def values_of(years, first):
        values = base + first + np.arange(years * cells, dtype=np.float32).reshape(years, cells)
        return values

    shared.save("past", None, {"historical/npp": values_of(2, 0)})
    own.save("historical", None, {"historical/npp": values_of(1, 100)})
    own.save("future", None, {"S_R/npp": values_of(2, 200), "S_T/npp": values_of(2, 300)})
    future = (own.path("future"),)
    return {
        "historical": (shared.path("past"), own.path("historical")), "S_R": future, "S_T": future,
    }  # fmt: skip


@pytest.fixture
def products(tmp_path):
    """Five cells in tiles of three, the last one padded; cell 1 is masked."""
    tiles = [
        (np.array([0, 1, 2]), points_of(tmp_path, 0, 0.0, 3)),
        (np.array([3, 4]), points_of(tmp_path, 1, 1000.0, 3)),
    ]
    masked = np.arange(5) == 1
    return RestartProducts(tiles, masked, {"equilibrium/residual": np.arange(5.0)})


def test_products_of_all_tiles_stand_in_their_cells(products):
    names = ["equilibrium/residual", "historical/npp", "S_R/npp", "S_T/npp"]
    assert list(products) == names and len(products) == 4
    nan = np.nan
    history = [[0, nan, 2, 1000, 1001], [3, nan, 5, 1003, 1004], [100, nan, 102, 1100, 1101]]
    np.testing.assert_array_equal(products["historical/npp"], history)
    assert products["S_T/npp"].dtype == np.float64
    assert np.array_equal(products["equilibrium/residual"], np.arange(5.0))
    for name in ("S_T/absent", "S_X/npp", "npp"):
        with pytest.raises(KeyError):
            products[name]
        assert name not in products


def test_what_goes_to_a_worker_is_names_and_not_numbers(products):
    chosen = LazyProducts(("npp",), partial(delta, products))
    np.testing.assert_array_equal(chosen["npp"][:, [0, 2, 3, 4]], 100.0)
    sent = pickle.dumps(chosen)
    assert len(sent) < 4000
    there = pickle.loads(sent)
    np.testing.assert_array_equal(there["npp"], chosen["npp"])
    assert list(there) == ["npp"] and len(there) == 1
    with pytest.raises(KeyError):
        there["rh"]


def test_a_point_that_is_gone_is_named(products):
    assert products["S_T/npp"].size
    path = products.tiles[1][1]["S_T"][0]
    path.unlink()
    for mapping in (products, pickle.loads(pickle.dumps(products))):
        with pytest.raises(DataError, match="--resume") as caught:
            mapping["S_T/npp"]
        assert caught.value.findings[0].file == str(path)
