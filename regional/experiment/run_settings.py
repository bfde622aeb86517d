"""Tables of an experiment file for the run: choices of the model, tiling, output."""

from dataclasses import fields
from typing import Literal, get_type_hints

from pydantic import Field, create_model, model_validator

from temjax.files.findings import nearest
from temjax.options import ModelOptions
from temjax.regional.experiment.products import MONTHLY_PRODUCTS
from temjax.regional.experiment.settings import Settings

_OPTION_TYPES = get_type_hints(ModelOptions)
_OF_SITES = ("soil_layers", "rooting_depth")  # regions run the bulk soil
ModelChoices = create_model(
    "ModelChoices",
    __base__=Settings,
    __doc__="Choices of the model, as in ``temjax.ModelOptions`` but for those of soil in layers.",
    **{
        field.name: (_OPTION_TYPES[field.name], field.default)
        for field in fields(ModelOptions)
        if field.name not in _OF_SITES
    },
)


class RunSettings(Settings):
    """Tiling and parallelism of a run; ``workers`` does not change any result.

    Attributes:
        tile_cells: most cells in one tile.
        block_years: years compiled and kept in memory at a time.
        precision: of the runs after the spin-up; equilibrium and spin-up are always float64.
        workers: processes that run tiles side by side on a CPU; 0 takes one per core. A script that
            sets it needs the usual ``if __name__ == "__main__"`` guard.
    """

    tile_cells: int = Field(50, ge=1, le=10_000_000)
    block_years: int = Field(40, ge=1, le=10_000)
    precision: Literal["float64", "float32"] = "float64"
    workers: int = Field(1, ge=0, le=10_000)


class OutputSettings(Settings):
    """Output files: ``monthly`` names products that are written by month beside the annual ones."""

    monthly: tuple[str, ...] = ()
    format: Literal["netcdf", "zarr"] = "netcdf"

    @model_validator(mode="after")
    def _products_exist(self) -> "OutputSettings":
        for name in self.monthly:
            if name not in MONTHLY_PRODUCTS:
                raise ValueError(
                    f"monthly: {name!r} is not kept by month. {nearest(name, MONTHLY_PRODUCTS)}"
                )
        return self
