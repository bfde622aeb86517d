"""Exports read by the projects' own tools: ilamb3, where it is installed.

Form by its source otherwise (test_export): ``ilamb3/transform/permafrost.py`` returns a dataset
with ``active_layer_thickness`` as it is, and computes it from ``tsl`` by the bounds of a dimension
``depth``, which must hold 0 and 3.5 m (``ilamb3/dataset.py``, ``sel``).
"""

import numpy as np
import pandas as pd
import pytest

from temjax.heat.year import DEPTHS
from temjax.regional.exports.export import MODEL_DATABASE
from tests.support.exported_runs import exported, plateau_run, series, written

REASON = "ilamb3 is not installed: pip install ilamb3 'pandas<3' (its sel writes into an index)"
THAWED = 0.2  # m, deepest point of temperature above zero in summer
LAYERS = 0.35  # m, of the layers down to there, whose bounds are halfway between the points


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Table of the S_T files of a member with permafrost below 0.2 m, and the member."""
    pytest.importorskip("ilamb3", reason=REASON)
    folder = tmp_path_factory.mktemp("ilamb3")
    experiment, result, _ = plateau_run(folder)
    warm = np.where(np.array(DEPTHS) <= THAWED, 274.0, 270.0)[:, None]
    for run in ("historical", "S_R", "S_T"):
        values = result.products[f"{run}/monthly tsl"]
        values[...] = np.where(np.isnan(values), np.nan, warm)
    written(experiment, result, folder / "run")
    exported(folder / "run", folder / "out", "ilamb")
    table = pd.read_csv(folder / "out" / MODEL_DATABASE)
    return table[table.source_id == "temjax-A-rcp85"], result


def loaded(table, variable):
    """What ilamb3 compares with the active layers of CALM, made from a variable."""
    from ilamb3.load import load_comparison_data
    from ilamb3.transform.permafrost import active_layer_thickness

    return load_comparison_data(
        table[table.variable_id == variable],
        "active_layer_thickness",
        transforms=[active_layer_thickness(method="slater2013")],
    )["active_layer_thickness"].load()


def of_cell(array, result, cell=0):
    """Series of a cell."""
    domain = result.domain
    place = {"lat": domain.latitude[cell], "lon": domain.longitude[cell]}
    return array.sel(place, method="nearest").values


def test_active_layer_is_read_as_it_is(models):
    table, result = models
    found = loaded(table, "active_layer_thickness")
    expected = series(result, "active_layer_thickness")
    np.testing.assert_allclose(of_cell(found, result), expected[:, 0], rtol=1e-6)
    assert np.isnan(of_cell(found, result, 1)).all()


def test_active_layer_is_computed_from_soil_temperature(models):
    table, result = models
    found = of_cell(loaded(table, "tsl"), result)
    np.testing.assert_allclose(found[:-1], LAYERS)  # the last year has none after it
