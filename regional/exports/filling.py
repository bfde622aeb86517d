"""Filling of a project's variables from the products that a run kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from temjax.outputs import FORCING_VARIABLES, INTERCOMPARISON_VARIABLES, IntercomparisonVariable
from temjax.outputs.intercomparison import Frequency
from temjax.regional.experiment.products import MONTHLY_PRODUCTS, PRODUCTS, Product
from temjax.regional.exports.series import Series
from temjax.units import GRAMS_PER_KILOGRAM, SECONDS_PER_YEAR

_FACTORS = {  # annual products in the model's units
    ("g m-2", "time: point", "kg m-2"): 1 / GRAMS_PER_KILOGRAM,
    ("g m-2", "time: sum", "kg m-2 s-1"): 1 / (GRAMS_PER_KILOGRAM * SECONDS_PER_YEAR),
}
_BY_OUTPUT = {product.output.name: product for product in PRODUCTS.values()}


@dataclass(frozen=True)
class Filling:
    """Variable of a project and the products it is the sum of.

    Attributes:
        name: the project's.
        variable: of the registry.
        frequency: of the values, which may be annual where months are asked for.
        products: with their signs.
    """

    name: str
    variable: IntercomparisonVariable
    frequency: Frequency
    products: tuple[tuple[Product, int], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The products' names in files."""
        return tuple(product.name for product, _ in self.products)

    @property
    def cell_methods(self) -> str:
        """CF cell method of the values; sums over a year become mean rates."""
        product = self.products[0][0]
        if self.frequency == "monthly":
            return product.monthly_cell_methods
        return product.cell_methods.replace("sum", "mean")

    @property
    def by_depth(self) -> bool:
        """Whether there is a depth axis."""
        return self.products[0][0].by_depth

    def values(self, parts: Mapping[str, NDArray]) -> NDArray:
        """Values in the project's unit, from those of the products by name."""
        total = np.zeros(())
        for product, sign in self.products:
            scale = unit_factor(product, self.variable.unit)
            total = total + sign * scale * parts[product.name].astype(float)
        return total


@dataclass
class Absences:
    """Variables that a run does not fill as asked, by reason.

    Attributes:
        annual: written by year, since the run did not keep their months.
        never: written by year, since no run keeps their months.
        months: left out, because they need months.
        products: left out, because the files of the run have no such product.
        climate: left out, because a run keeps no climate by cell.
        missing: products whose months are missing.
    """

    annual: list[str] = field(default_factory=list)
    never: list[str] = field(default_factory=list)
    months: list[str] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    climate: list[str] = field(default_factory=list)
    missing: dict[str, None] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """One sentence a reason, with the remedy."""
        listed = ", ".join(f'"{name}"' for name in self.missing)
        mend = f"run again with [output] monthly = [{listed}]"
        texts = (
            (self.annual, "by year, where months are asked for: {}; for months " + mend),
            (self.never, "by year, where months are asked for: {}; no run keeps their months"),
            (self.months, "left out, since annual means mislead: {}; " + mend),
            (self.products, "left out, since the run's files do not have them: {}"),
            (self.climate, "left out, since a run keeps its climate as regional means only: {}; "
             "--climate reads the forcing again"),
        )  # fmt: skip
        return [text.format(", ".join(names)) for names, text in texts if names]


def unit_factor(product: Product, unit: str) -> float:
    """Factor from a product's unit to a project's; the unit of a sum is per year.

    Raises:
        KeyError: no such conversion.
    """
    if product.unit == unit:
        return 1.0
    return _FACTORS[product.unit, product.cell_methods, unit]


def fill_variables(
    names: Mapping[IntercomparisonVariable, str],
    series: Mapping[Frequency, Series | None],
    *,
    allow_annual: bool = True,
) -> tuple[list[Filling], Absences]:
    """Match a project's variables with the products of a run.

    Args:
        names: the project's variables and its names for them.
        series: annual and monthly, None where the run has none.
        allow_annual: whether variables that need months may be annual.
    """
    fillings, absences = [], Absences()
    for variable, name in names.items():
        if any(term in FORCING_VARIABLES for term, _ in variable.terms):
            absences.climate.append(name)
            continue
        products = tuple((_BY_OUTPUT[term], sign) for term, sign in variable.terms)
        needed = {product.name: None for product, _ in products}
        frequency = _frequency(variable, set(needed), series)
        if frequency is None:
            absences.products.append(name)
            continue
        if frequency != variable.frequency:
            possible = needed.keys() <= set(MONTHLY_PRODUCTS)
            absences.missing |= needed if possible else {}
            if variable.needs_months and not allow_annual:
                absences.months.append(name)
                continue
            (absences.annual if possible else absences.never).append(name)
        fillings.append(Filling(name, variable, frequency, products))
    return fillings, absences


def climate_fillings(
    names: Mapping[IntercomparisonVariable, str], products: Mapping[str, Product]
) -> list[Filling]:
    """Fillings of a project's climate variables from products of the forcing."""
    return [
        Filling(name, variable, "monthly", ((products[variable.terms[0][0]], 1),))
        for variable, name in names.items()
        if variable.terms[0][0] in products
    ]


def _frequency(
    variable: IntercomparisonVariable, products: set[str], series: Mapping[Frequency, Series | None]
) -> Frequency | None:
    """The frequency asked for if the run kept it, else annual; None where it kept neither."""
    for frequency in dict.fromkeys((variable.frequency, "annual")):
        kept = series[frequency]
        if kept is not None and products <= kept.names:
            return frequency
    return None


def project_names(project: str) -> dict[IntercomparisonVariable, str]:
    """Variables that a project (field of ``IntercomparisonVariable``) asks for, and their names."""
    return {
        variable: getattr(variable, project)
        for variable in INTERCOMPARISON_VARIABLES
        if getattr(variable, project)
    }
