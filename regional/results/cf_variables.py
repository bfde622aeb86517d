"""CF variables of one result file: time and depth, grid, cells, products."""

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.forcing import MONTH_DAYS
from temjax.heat.year import DEPTHS
from temjax.outputs import DEPTH_ATTRIBUTES
from temjax.regional.experiment.products import PRODUCTS, Product
from temjax.regional.inputs.domain import Domain
from temjax.regional.member import STATUS
from temjax.regional.results.formats import FILL
from temjax.units import DAYS_PER_YEAR, SQUARE_METRES_PER_SQUARE_KILOMETRE

_ORIGIN = 1601  # ISIMIP3b's; one for all files, so that they can be joined along time
_NO_CLASS = np.int8(-1)
_PROJECTION_TEXT = ("grid_mapping_name",)
_PROJECTION_NUMBERS = (
    "false_easting", "false_northing", "latitude_of_projection_origin",
    "longitude_of_central_meridian", "longitude_of_prime_meridian", "semi_major_axis",
    "inverse_flattening", "standard_parallel",
)  # fmt: skip


def member_variables(
    domain: Domain,
    status: NDArray,
    years: NDArray,
    products: Mapping[str, NDArray],
    *,
    monthly: bool = False,
    difference: bool = False,
) -> Iterator[tuple[str, xr.Variable]]:
    """Coordinates, cell descriptions and products of a run, one variable at a time.

    Args:
        domain: cells.
        status: index into ``STATUS``, ``(cell,)``.
        years: calendar years of the run.
        products: by name, ``(year or month, [depth,] cell)``; NaN where there is no value.
        monthly: whether the products are by month.
        difference: whether they are S_T minus S_R.
    """
    horizontal, attached = grid_variables(domain)
    yield from time_variables(years, monthly=monthly).items()
    yield "depth", xr.Variable("depth", np.asarray(DEPTHS, dtype=float), DEPTH_ATTRIBUTES)
    yield from horizontal.items()
    yield from _cells(domain, status, attached).items()
    for name, values in products.items():
        variable = _product(PRODUCTS[name], values, domain, attached, difference)
        if monthly:
            variable.attrs["cell_methods"] = PRODUCTS[name].monthly_cell_methods
        yield name, variable


def time_variables(years: NDArray, *, monthly: bool) -> dict[str, xr.Variable]:
    """Time axis of years or months with bounds; the stamp is the last day, that of the stocks."""
    lengths = np.asarray(MONTH_DAYS if monthly else [DAYS_PER_YEAR])
    ends = (DAYS_PER_YEAR * (years - _ORIGIN)[:, None] + np.cumsum(lengths)).ravel().astype(float)
    starts = ends - np.tile(lengths, years.size)
    attributes = {
        "standard_name": "time",
        "long_name": "time",
        "comment": f"last day of the {'month' if monthly else 'year'}; stocks are its values",
        "units": f"days since {_ORIGIN}-01-01 00:00:00",
        "calendar": "365_day",
        "axis": "T",
        "bounds": "time_bnds",
    }
    return {
        "time": xr.Variable("time", ends - 1, attributes),
        "time_bnds": xr.Variable(("time", "bnds"), np.stack([starts, ends], axis=1)),
    }


def grid_variables(domain: Domain) -> tuple[dict[str, xr.Variable], dict[str, str]]:
    """Horizontal coordinates, and the attributes that refer every gridded variable to them."""
    grid = domain.grid
    latitude = {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north"}
    longitude = {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east"}
    if grid.rectilinear:
        return {
            "lat": xr.Variable("lat", grid.latitude.astype(float), latitude | {"axis": "Y"}),
            "lon": xr.Variable("lon", grid.longitude.astype(float), longitude | {"axis": "X"}),
        }, {}
    variables = {
        "lat": xr.Variable(grid.dims, grid.latitude.astype(float), latitude),
        "lon": xr.Variable(grid.dims, grid.longitude.astype(float), longitude),
    }
    attached = {"coordinates": "lat lon"}
    if grid.projected is None or grid.mapping is None:
        for name, size, axis in zip(grid.dims, grid.shape, ("Y", "X"), strict=True):
            attributes = {"long_name": f"{name} index of the cell", "units": "1", "axis": axis}
            variables[name] = xr.Variable(name, np.arange(size, dtype=float), attributes)
    else:
        for name, values, axis in zip(grid.dims, grid.projected, ("Y", "X"), strict=True):
            variables[name] = xr.Variable(
                name,
                values.astype(float),
                {
                    "standard_name": f"projection_{axis.lower()}_coordinate",
                    "long_name": f"{axis.lower()} coordinate of the projection",
                    "units": "m",
                    "axis": axis,
                },
            )
        projection = {k: grid.mapping[k] for k in _PROJECTION_TEXT if k in grid.mapping}
        projection |= {
            k: np.asarray(grid.mapping[k], dtype=float)
            for k in _PROJECTION_NUMBERS
            if k in grid.mapping
        }
        variables["crs"] = xr.Variable((), np.int32(0), projection)
        attached["grid_mapping"] = "crs"
    return variables, attached


def _cells(domain: Domain, status: NDArray, attached: dict[str, str]) -> dict[str, xr.Variable]:
    """Area, vegetation and status of the cells on the grid."""
    dims = domain.grid.dims
    attributes = {"standard_name": "cell_area", "long_name": "area of the cell", "units": "m2"}
    area = domain.to_grid(domain.area * SQUARE_METRES_PER_SQUARE_KILOMETRE).astype(np.float32)
    variables = {"cell_area": xr.Variable(dims, area, attributes | attached, {"_FillValue": FILL})}
    types = sorted(set(domain.vegetation) - {""})
    vegetation = np.array([types.index(name) if name else -1 for name in domain.vegetation])
    for name, values, meanings, long_name in (
        ("vegetation", vegetation, types, "vegetation type (parameter set)"),
        ("cell_status", status, STATUS, "whether the cell could be run"),
    ):
        gridded = domain.to_grid(values.astype(float))
        codes = np.where(np.isnan(gridded), _NO_CLASS, gridded).astype(np.int8)
        flags = {
            "long_name": long_name,
            "flag_values": np.arange(len(meanings), dtype=np.int8),
            "flag_meanings": " ".join(meanings),
        }
        variables[name] = xr.Variable(dims, codes, flags | attached, {"_FillValue": _NO_CLASS})
    return variables


def _product(
    product: Product,
    values: NDArray,
    domain: Domain,
    attached: dict[str, str],
    difference: bool,
) -> xr.Variable:
    dims = ("time", *(("depth",) if product.by_depth else ()), *domain.grid.dims)
    attributes = {
        "long_name": product.long_name,
        "units": difference_units(product.unit) if difference else product.unit,
        "cell_methods": product.cell_methods,
        "cell_measures": "area: cell_area",
    } | attached
    if product.standard_name and not difference:
        attributes["standard_name"] = product.standard_name
    if difference:
        attributes["long_name"] = f"S_T minus S_R: {product.long_name}"
    gridded = domain.to_grid(values)
    encoding = {"_FillValue": FILL, "missing_value": FILL}
    return xr.Variable(dims, gridded.astype(np.float32), attributes, encoding)


def difference_units(units: str) -> str:
    """Units of a difference or standard deviation: K for °C, whose conversion has an offset."""
    return "K" if units == "degC" else units
