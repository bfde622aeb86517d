"""Soil in layers in a site's file and summary, of a run made of numbers."""

from types import SimpleNamespace

import numpy as np
import xarray as xr

from temjax import ModelOptions, load_parameters
from temjax.outputs import LAYER_DEPTH, LAYER_OUTPUTS, LayerOutput
from temjax.sites.layers import exposure_rule, layer_summary, soil_choice, with_layers

INTERFACES = (0.0, 0.5, 2.0)


def made_layers():
    stock = np.array([[100.0, 50.0], [90.0, 60.0]])
    months = np.arange(48.0).reshape(2, 12, 2)
    year = np.array([1.5, 1.8])
    return LayerOutput(
        stock, stock / 2, stock / 4, stock / 8, months, stock / 100, year, year, year
    )


def test_layers_become_variables_with_an_axis_and_bounds():
    axes = xr.Dataset(coords={"time": np.arange(24), "year": [1999, 2000]})
    data = with_layers(axes, made_layers(), INTERFACES)
    assert set(LAYER_OUTPUTS) <= set(data.data_vars)
    np.testing.assert_array_equal(data[LAYER_DEPTH], [0.25, 1.25])
    np.testing.assert_array_equal(data[f"{LAYER_DEPTH}_bnds"], [[0, 0.5], [0.5, 2]])
    assert data[LAYER_DEPTH].attrs["positive"] == "down"
    total = data.soil_carbon_by_layer
    np.testing.assert_allclose(total, np.array([[175, 87.5], [157.5, 105]]))
    assert total.attrs["standard_name"] == "soil_mass_content_of_carbon"
    assert "below the last interface" in total.attrs["comment"]
    assert data.heterotrophic_respiration_by_layer.dims == ("time", LAYER_DEPTH)
    np.testing.assert_array_equal(data.heterotrophic_respiration_by_layer[13], [26, 27])
    assert data.permafrost_table.dims == ("year",)
    assert with_layers(axes, None, None) is axes


def test_scheme_and_rates_are_said():
    parameters = load_parameters("alpine-meadow")
    assert soil_choice(ModelOptions(), parameters) == "bulk"
    assert exposure_rule(ModelOptions()) == "hold"
    options = ModelOptions(soil_layers=INTERFACES)
    assert exposure_rule(options) == "none (soil layers)"
    line = soil_choice(options, parameters)
    assert "2 layers to 2 m" in line and "kappa 4.48" in line and "decay 0.004 year-1" in line


def test_summary_says_what_thawed_and_decayed():
    run = SimpleNamespace(layers=made_layers(), years=np.array([1999, 2000]))
    assert layer_summary(run) == (
        "permafrost table 1.50 m in 1999, 1.80 m in 2000; 38 g C m-2 thawed, 3 of it decayed; at "
        "the end 150 active, 75 thawed, 38 frozen"
    )
    assert layer_summary(SimpleNamespace(layers=None)) == ""
