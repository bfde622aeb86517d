"""Outputs of a run: the registry of their metadata, and the arrays."""

from temjax.outputs.arrays import AnnualOutput, LayerOutput, MonthlyOutput
from temjax.outputs.intercomparison import (
    INTERCOMPARISON_VARIABLES,
    IntercomparisonVariable,
)
from temjax.outputs.layers import LAYER_DEPTH, LAYER_OUTPUTS, LayerVariable
from temjax.outputs.metadata import IsimipVariable, OutputInfo
from temjax.outputs.registry import (
    ANNUAL_OUTPUTS,
    ANNUAL_SUMS,
    ANNUAL_VARIABLES,
    DEPTH_ATTRIBUTES,
    FLUX_OUTPUTS,
    FLUX_SYMBOLS,
    FLUXES,
    FORCING_VARIABLES,
    LEDGERS,
    MONTHLY_OUTPUTS,
    POOL_OUTPUTS,
    flux_index,
)

__all__ = [
    "ANNUAL_OUTPUTS",
    "ANNUAL_SUMS",
    "ANNUAL_VARIABLES",
    "DEPTH_ATTRIBUTES",
    "FLUXES",
    "FLUX_OUTPUTS",
    "FLUX_SYMBOLS",
    "FORCING_VARIABLES",
    "INTERCOMPARISON_VARIABLES",
    "LAYER_DEPTH",
    "LAYER_OUTPUTS",
    "LEDGERS",
    "MONTHLY_OUTPUTS",
    "POOL_OUTPUTS",
    "AnnualOutput",
    "IntercomparisonVariable",
    "IsimipVariable",
    "LayerOutput",
    "LayerVariable",
    "MonthlyOutput",
    "OutputInfo",
    "flux_index",
]
