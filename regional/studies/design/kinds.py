"""Kinds of measurements that a design can choose from, the series they give, and default errors."""

from dataclasses import dataclass
from typing import Literal

from temjax.conventions.units import Quantity, UnitError, parse_unit

MONTHS = 12
DAYS_PER_MONTH = 365 / MONTHS
SOIL_TEMPERATURE_DEPTH = 0.05  # m
PERCENT = "percent"


@dataclass(frozen=True)
class Series:
    """What a measurement gives.

    Attributes:
        label: in tables.
        unit: of the values and of absolute errors; ``1`` of direct observations of a parameter.
        quantity: of the unit; ``None`` where an error is a share of the value.
        error: standard deviation of one value by itself, in the unit.
        share: further standard deviation as a share of the value.
        common: standard deviation of an offset that all values of the place share, in the unit.
        source: of the errors.
        parameter: that is observed directly; empty for what the model predicts.
        averages: whether the independent error falls with the root of the number of points.
    """

    label: str
    unit: str
    quantity: Quantity | None
    error: float
    share: float
    common: float
    source: str
    parameter: str = ""
    averages: bool = False

    def errors(self, value: float, unit: str) -> tuple[float, float]:
        """Error in the unit and as a share of the value, of a user's error with its unit.

        Raises:
            UnitError: a unit that does not measure this series.
        """
        if unit.strip() in (PERCENT, "%"):
            return 0.0, value / 100
        if self.quantity is None:
            raise UnitError(f"unit {unit!r}: the error of this series is a share; understood: "
                            f"{PERCENT}")  # fmt: skip
        parsed = parse_unit(unit, self.quantity)
        if parsed.lacks_time:
            raise UnitError(f"unit {unit!r} lacks its time; write {self.unit}")
        return value * float(parsed.monthly_factor(DAYS_PER_MONTH, year=365.0)), 0.0


_OURS = "our choice"
_FITS = "error stated in fits times the residual scale of the bundled fits, about 2"
SERIES: dict[str, Series] = {
    "net_ecosystem_production": Series(
        "monthly NEP", "g C m-2 month-1", "carbon", 10.0, 0.0, 0.0, _FITS
    ),
    "gross_flux": Series(
        "monthly (GPP + RECO)/2", "g C m-2 month-1", "carbon", 10.0, 0.1, 0.0, _FITS
    ),
    "soil_temperature": Series(
        "monthly soil temperature at 5 cm", "degC", "temperature", 1.0, 0.0, 0.5,
        "error stated in fits, and the place of the sensor, " + _OURS,
    ),
    "thaw_depth": Series(
        "annual thaw depth", "m", "length", 0.15, 0.0, 0.05,
        "spread of single probings, and of a transect about its cell, " + _OURS, averages=True,
    ),
    "soil_carbon": Series(
        "soil carbon by depth", "g C m-2", "carbon stock", 0.0, 0.3, 0.0,
        "spread of single pits with bulk density, " + _OURS, averages=True,
    ),
    "soil_nitrogen": Series(
        "soil nitrogen by depth", "g N m-2", "nitrogen stock", 0.0, 0.3, 0.0,
        "spread of single pits with bulk density, " + _OURS, averages=True,
    ),
    "decomposition_rate": Series(
        "decomposition rate at 0 degC (KDC)", "1", None, 0.0, 0.3, 0.0,
        "laboratory to field, " + _OURS, parameter="kdc_scale",
    ),
    "decomposition_q10": Series(
        "Q10 of decomposition (RHQ10)", "1", None, 0.0, 0.1, 0.0,
        "laboratory to field, " + _OURS, parameter="heterotrophic_q10",
    ),
    "mineralisation": Series(
        "annual net nitrogen mineralisation", "g N m-2 yr-1", None, 0.0, 0.3, 0.0,
        "in-situ incubation, " + _OURS,
    ),
    "tissue_carbon_to_nitrogen": Series(
        "C:N of vegetation", "g C g-1 N", None, 0.0, 0.1, 0.0,
        "foliage to whole plants, " + _OURS,
    ),
}  # fmt: skip

Kind = Literal["tower", "transect", "core", "incubation", "mineralisation", "foliar-nitrogen"]


@dataclass(frozen=True)
class KindInfo:
    """A kind of measurement.

    Attributes:
        series: that it gives.
        words: what it is.
        takes: optional keys of a candidate that act.
        points: default number of points.
    """

    series: tuple[str, ...]
    words: str
    takes: tuple[str, ...] = ()
    points: int = 1


KINDS: dict[Kind, KindInfo] = {
    "tower": KindInfo(
        ("net_ecosystem_production", "gross_flux", "soil_temperature"),
        "eddy covariance: monthly NEP, (GPP + RECO)/2 and soil temperature",
        ("years",),
    ),
    "transect": KindInfo(
        ("thaw_depth",), "largest thaw depth of every year", ("years", "points"), 50
    ),
    "core": KindInfo(
        ("soil_carbon", "soil_nitrogen"), "stocks of soil carbon and nitrogen by depth",
        ("points", "depths"), 5,
    ),
    "incubation": KindInfo(
        ("decomposition_rate", "decomposition_q10"), "rate and Q10 of decomposition"
    ),
    "mineralisation": KindInfo(
        ("mineralisation",), "annual net mineralisation of nitrogen", ("years",)
    ),
    "foliar-nitrogen": KindInfo(
        ("tissue_carbon_to_nitrogen",), "C:N of vegetation", ("years",)
    ),
}  # fmt: skip
