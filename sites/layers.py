"""Soil carbon in layers in the files and the summary of a site's run."""

import numpy as np
import xarray as xr

from temjax.options import ModelOptions
from temjax.outputs import DEPTH_ATTRIBUTES, LAYER_DEPTH, LAYER_OUTPUTS, LayerOutput
from temjax.parameters.registry import Parameters
from temjax.runs.result import Run
from temjax.sites.output import variable_attributes

BULK = "bulk"


def soil_choice(options: ModelOptions, parameters: Parameters) -> str:
    """The scheme of soil carbon with the rates in force, a line; ``bulk`` without layers."""
    if options.soil_layers is None:
        return BULK
    p = parameters
    return (
        f"{len(options.soil_layers) - 1} layers to {options.soil_layers[-1]:g} m, roots "
        f"{options.rooting_depth}; kappa {float(p.surface_decomposition_scale):g}, attenuation "
        f"{float(p.decomposition_attenuation):g} m-1, mixing {float(p.soil_mixing):g} m2 year-1; "
        f"old carbon {float(p.old_carbon_stock):g} g m-2 to 2 m, decay "
        f"{float(p.old_carbon_rate):g} year-1, its attenuation "
        f"{float(p.old_carbon_attenuation):g} m-1"
    )


def exposure_rule(options: ModelOptions) -> str:
    """The rule of thaw exposure, as files name it."""
    return options.active_layer_rule if options.soil_layers is None else "none (soil layers)"


def layer_summary(run: Run) -> str:
    """What thaw did to the layers of a run, a sentence; empty of the bulk soil."""
    if run.layers is None:
        return ""
    layers = run.layers
    table = np.asarray(layers.permafrost_table)
    exposed = float(np.sum(layers.exposed_carbon_by_layer))
    lost = float(np.sum(layers.thawed_carbon_respiration_by_layer))
    end = [float(np.sum(np.asarray(stock)[-1])) for stock in (
        layers.active_carbon_by_layer, layers.thawed_carbon_by_layer,
        layers.frozen_carbon_by_layer,
    )]  # fmt: skip
    return (
        f"permafrost table {table[0]:.2f} m in {run.years[0]}, {table[-1]:.2f} m in "
        f"{run.years[-1]}; {exposed:.0f} g C m-2 thawed, {lost:.0f} of it decayed; at the end "
        f"{end[0]:.0f} active, {end[1]:.0f} thawed, {end[2]:.0f} frozen"
    )


def with_layers(
    dataset: xr.Dataset, layers: LayerOutput | None, interfaces: tuple[float, ...] | None
) -> xr.Dataset:
    """A run's dataset with the variables of soil in layers; unchanged of the bulk soil.

    Args:
        dataset: of a single cell, with the axes ``time`` and ``year``.
        layers: of the run.
        interfaces: m.
    """
    if layers is None:
        return dataset
    bounds = np.stack([interfaces[:-1], interfaces[1:]], axis=1)
    attributes = DEPTH_ATTRIBUTES | {
        "long_name": "middle of the soil layer", "bounds": f"{LAYER_DEPTH}_bnds"
    }  # fmt: skip
    variables = {f"{LAYER_DEPTH}_bnds": ((LAYER_DEPTH, "nv"), bounds)}
    for name, variable in LAYER_OUTPUTS.items():
        values = np.asarray(getattr(layers, name))
        if variable.monthly:
            values = values.reshape(-1, *values.shape[2:])
        dims = ("time" if variable.monthly else "year",)
        dims += (LAYER_DEPTH,) if variable.by_layer else ()
        comment = {"comment": variable.comment} if variable.comment else {}
        variables[name] = (dims, values, variable_attributes(variable.info) | comment)
    centre = xr.DataArray(bounds.mean(axis=1), dims=LAYER_DEPTH, attrs=attributes)
    return dataset.assign_coords({LAYER_DEPTH: centre}).assign(variables)
