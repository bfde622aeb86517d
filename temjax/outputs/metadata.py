"""Metadata of an output: what files, plots and the documentation say of it."""

from dataclasses import dataclass
from typing import Literal

CellMethods = Literal["time: sum", "time: mean", "time: point", "time: maximum"]


@dataclass(frozen=True)
class IsimipVariable:
    """Variable of the ISIMIP2b biomes or permafrost sector that an output is written as.

    Its value is the output divided by ``divisor``, plus ``offset`` and ``cell_constant``. An output
    that is a sum over its month or year is also divided by the seconds of that period.

    Attributes:
        name: ISIMIP's.
        unit: UDUNITS; empty if the output's.
        long_name: ISIMIP's; empty if the output's.
        standard_name: CF, for ``unit``; empty if the output's.
        divisor: model units in one of ``unit`` (1000 g in a kilogram).
        offset: in ``unit``.
        cell_constant: attribute of ``cell.CellConstants`` that is added, in ``unit``.
        annual_mean: whether the annual value is the mean of the monthly ones, weighted by days;
            otherwise it is the annual output.
    """

    name: str
    unit: str = ""
    long_name: str = ""
    standard_name: str = ""
    divisor: float = 1.0
    offset: float = 0.0
    cell_constant: str = ""
    annual_mean: bool = False


@dataclass(frozen=True)
class OutputInfo:
    """Metadata of one output.

    Attributes:
        name: attribute of ``MonthlyOutput``, ``AnnualOutput`` or ``Forcing``.
        unit: unit of the model (UDUNITS).
        long_name: for plots and NetCDF.
        symbol: TEM's symbol, empty where TEM has none.
        standard_name: CF; empty where no name agrees in meaning and in the dimension of the unit.
        cell_methods: CF cell method over the time step.
        element: whose mass it is.
        by_depth: whether it has a depth axis.
        isimip: the ISIMIP variable it is written as in regional files.
    """

    name: str
    unit: str
    long_name: str
    symbol: str = ""
    standard_name: str = ""
    cell_methods: CellMethods = "time: sum"
    element: Literal["", "carbon", "nitrogen"] = ""
    by_depth: bool = False
    isimip: IsimipVariable | None = None

    @property
    def is_sum(self) -> bool:
        """Whether it is a sum over its month or year."""
        return self.cell_methods == "time: sum"

    @property
    def unit_with_element(self) -> str:
        """The unit with the element's sign: ``g C m-2 month-1``."""
        sign = {"": "", "carbon": "C ", "nitrogen": "N "}[self.element]
        return self.unit.replace("g ", f"g {sign}", 1)
