"""Options of ``temjax calibrate`` for measurements within a region."""

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from temjax.calibration.assembly import Also
from temjax.calibration.targets import ErrorModel
from temjax.sites.options import gathers


class WithinRegion(NamedTuple):
    """Measurements within a region that a fit takes, and their errors as of ``ErrorModel``."""

    also: tuple[Also, ...]
    errors: dict[str, float]


# as of the options that are not given
NOTHING = WithinRegion((), {"thaw_depth": ErrorModel.thaw_depth, "stock": ErrorModel.stock})


def _within_region(
    points: Annotated[
        Path | None,
        typer.Option(help="Table (CSV) of thaw depths at points of a region, fitted too."),
    ] = None,
    stocks: Annotated[
        Path | None,
        typer.Option(help="Table (CSV) of soil stocks of a region's types or points, likewise."),
    ] = None,
    region: Annotated[
        Path | None,
        typer.Option(help="Experiment of that region, whose cells run with the fit's parameters."),
    ] = None,
    region_cells: Annotated[
        int | None,
        typer.Option(min=1, help="Cells of the region that stand for a type with a stock; else 4."),
    ] = None,
    thaw_error: Annotated[
        float, typer.Option(help="Error of a thaw depth at a point beside its cell's, m.")
    ] = ErrorModel.thaw_depth,
    stock_error: Annotated[
        float, typer.Option(help="Error of a stock beside that of its cells, a share of it.")
    ] = ErrorModel.stock,
) -> WithinRegion:
    """Measurements within a region from their options.

    Raises:
        typer.BadParameter: a table without a region or the reverse, or a choice without its table.
    """
    errors = {"thaw_depth": thaw_error, "stock": stock_error}
    tables = [
        name for name, path in (("--points", points), ("--stocks", stocks)) if path is not None
    ]
    if region is None and tables:
        message = f"{tables[0]} needs --region, the experiment of the region its rows lie in"
        raise typer.BadParameter(message)
    for needed, table, option, differs in (
        ("--points", points, "--thaw-error", thaw_error != ErrorModel.thaw_depth),
        ("--stocks", stocks, "--stock-error", stock_error != ErrorModel.stock),
        ("--stocks", stocks, "--region-cells", region_cells is not None),
    ):
        if differs and table is None:
            raise typer.BadParameter(f"{option} needs --region and {needed}")
    if region is None:
        return WithinRegion((), errors)
    if not tables:
        raise typer.BadParameter("--region needs --points or --stocks: what was measured in it")
    # a fit of towers alone does not wait for the readers of regions
    from temjax.calibration.region.build import RegionData
    from temjax.calibration.region.stocks import CELLS_OF_TYPE

    data = RegionData(region, points, stocks, region_cells or CELLS_OF_TYPE)
    return WithinRegion((data,), errors)


measures_regions = gathers("within", _within_region)
