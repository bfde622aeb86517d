"""``[table]`` of a site file: what the columns of the user's own CSV table hold."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from temjax.conventions.units import Quantity, UnitError, parse_unit
from temjax.files.findings import nearest

Step = Literal["month", "week", "day", "6 hours", "3 hours", "hour", "half-hour"]
STEP_MINUTES: dict[str, int | None] = {
    "month": None, "week": 7 * 1440, "day": 1440, "6 hours": 360, "3 hours": 180, "hour": 60,
    "half-hour": 30,
}  # fmt: skip
TIME_PARTS = ("year", "month", "day", "day_of_year", "hour", "minute")


class _Table(BaseModel):
    """TOML table that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Column(_Table):
    """``[table.columns.<variable>]``: a column, its unit, quality and standard deviation.

    Attributes:
        column: header of the column.
        unit: of the values; without a time it is a sum over the step.
        factor: the values are multiplied by it before anything else.
        quality: column with the share of measured or good data, or with flags.
        quality_unit: of that column.
        good_flags: of flags, those that count as measured or good; the quality of a month is the
            share of its rows that have them.
        sd: column with the standard deviation, in the same unit; of monthly tables only.
    """

    quantity: ClassVar[Quantity]
    column: str
    unit: str
    factor: float = 1.0
    quality: str | None = None
    quality_unit: Literal["share", "percent", "flag"] = "share"
    good_flags: list[float] = [0, 1]
    sd: str | None = None

    @field_validator("unit")
    @classmethod
    def _known_unit(cls, unit: str) -> str:
        try:
            parse_unit(unit, cls.quantity)
        except UnitError as error:
            raise ValueError(str(error)) from None
        return unit

    @field_validator("factor")
    @classmethod
    def _not_zero(cls, factor: float) -> float:
        if factor == 0:
            raise ValueError("a factor of 0 leaves nothing of the column")
        return factor

    @property
    def signed_factor(self) -> float:
        """Factor that also turns the sign where the table has the other one than the model."""
        return self.factor


class TemperatureColumn(Column):
    """``[table.columns.air_temperature]``."""

    quantity: ClassVar[Quantity] = "temperature"


class SoilTemperatureColumn(TemperatureColumn):
    """``[table.columns.soil_temperature]``, with the depth of the sensor in m."""

    depth: Annotated[float, Field(gt=0, le=10)] | None = None


class PrecipitationColumn(Column):
    """``[table.columns.precipitation]``."""

    quantity: ClassVar[Quantity] = "water"


class ShortwaveColumn(Column):
    """``[table.columns.shortwave]``."""

    quantity: ClassVar[Quantity] = "energy"


class Co2Column(Column):
    """``[table.columns.co2]``."""

    quantity: ClassVar[Quantity] = "co2"


class ExchangeColumn(Column):
    """``[table.columns.net_ecosystem_production]``: NEP or NEE, whose signs are opposite."""

    quantity: ClassVar[Quantity] = "carbon"
    sign: Literal["uptake negative", "uptake positive"] | None = None

    @model_validator(mode="after")
    def _sign_stated(self) -> "ExchangeColumn":
        if self.sign is None and "factor" not in self.model_fields_set:
            raise ValueError(
                'the sign is not stated: add sign = "uptake negative" (NEE) or sign = "uptake '
                'positive" (NEP), or factor = -1 or 1'
            )
        return _one_sign(self)

    @property
    def signed_factor(self) -> float:
        """Factor to NEP, uptake positive."""
        return -self.factor if self.sign == "uptake negative" else self.factor


class PartitionedColumn(Column):
    """``[table.columns.gross_primary_production]`` and ``ecosystem_respiration``.

    Attributes:
        sign: of the values of a growing season; the model's are positive.
        partition: day-time (DT) or night-time (NT), where the table says so.
    """

    quantity: ClassVar[Quantity] = "carbon"
    sign: Literal["positive", "negative"] = "positive"
    partition: Literal["DT", "NT"] | None = None

    @model_validator(mode="after")
    def _one_statement(self) -> "PartitionedColumn":
        return _one_sign(self)

    @property
    def signed_factor(self) -> float:
        """Factor to positive fluxes."""
        return -self.factor if self.sign == "negative" else self.factor


def _one_sign(column):
    """A column whose sign and factor do not both turn it."""
    if "sign" in column.model_fields_set and column.factor < 0:
        raise ValueError("sign and a negative factor are both given: keep one of them")
    return column


class Columns(_Table):
    """``[table.columns]``: the model's variables that the table has."""

    air_temperature: TemperatureColumn | None = None
    precipitation: PrecipitationColumn | None = None
    shortwave: ShortwaveColumn | None = None
    co2: Co2Column | None = None
    net_ecosystem_production: ExchangeColumn | None = None
    gross_primary_production: PartitionedColumn | None = None
    ecosystem_respiration: PartitionedColumn | None = None
    soil_temperature: SoilTemperatureColumn | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, columns: object) -> object:
        unknown = (
            [name for name in columns if name not in cls.model_fields]
            if isinstance(columns, dict)
            else []
        )
        for name in unknown:
            if name.casefold() in ("nee", "net_ecosystem_exchange"):
                hint = 'Give net_ecosystem_production with sign = "uptake negative"'
            else:
                hint = nearest(name, cls.model_fields).rstrip(".")
            raise ValueError(f"unknown variable {name!r}: {hint}")
        return columns

    @model_validator(mode="after")
    def _any(self) -> "Columns":
        if not self.given:
            raise ValueError(f"no column is named: give one or more of {', '.join(VARIABLES)}")
        return self

    @property
    def given(self) -> dict[str, Column]:
        """Variable -> column, those that the site file names."""
        return {n: column for n in VARIABLES if (column := getattr(self, n)) is not None}


VARIABLES = tuple(Columns.model_fields)


class Table(_Table):
    """``[table]``: how the rows are dated and written, and their columns.

    Attributes:
        file: the table, beside the site file or by its path; the file of the command line comes
            first.
        product: what reports call the data.
        time: column of the dates: YYYYMM, YYYYMMDD, YYYYMMDDHHMM, YYYY-MM, YYYY-MM-DD, with a time
            of the day or without.
        time_format: of other dates, in strptime's letters.
        year, month, day, day_of_year, hour, minute: columns of the parts of the date instead.
        step: what a row covers; by default as far apart as the rows are.
        stamp: whether the date is the begin or the end of what the row covers.
        missing: values that stand for missing ones, besides -9999, empty cells, NaN and NA.
        separator: of columns; by default the one the header has.
        decimal: sign of decimals.
        header: line of the names of the columns.
        first_row: first line of data, where lines of units stand between.
        columns: the variables.
    """

    file: str | None = None
    product: str = "table"
    time: str | None = None
    time_format: str | None = None
    year: str | None = None
    month: str | None = None
    day: str | None = None
    day_of_year: str | None = None
    hour: str | None = None
    minute: str | None = None
    step: Step | None = None
    stamp: Literal["begin", "end"] = "begin"
    missing: float | str | list[float | str] = [-9999]
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: Literal[".", ","] = "."
    header: Annotated[int, Field(ge=1)] = 1
    first_row: Annotated[int, Field(ge=2)] | None = None
    columns: Columns

    @model_validator(mode="after")
    def _consistent(self) -> "Table":
        parts = [name for name in TIME_PARTS if getattr(self, name) is not None]
        if self.time is None and "year" not in parts:
            raise ValueError(
                'no dates: give time = "COLUMN", or year = "COLUMN" and month = "COLUMN"'
            )
        if self.time is not None and parts:
            raise ValueError(f"time and {parts[0]} are both given: keep one of them")
        if self.time is None and not {"month", "day_of_year"} & set(parts):
            raise ValueError('year is given without month: add month = "COLUMN"')
        if {"month", "day_of_year"} <= set(parts):
            raise ValueError("month and day_of_year are both given: keep one of them")
        if self.time_format is not None and self.time is None:
            raise ValueError("time_format needs time")
        if self.first_row is not None and self.first_row <= self.header:
            raise ValueError(f"first_row = {self.first_row} is not below header = {self.header}")
        if self.separator == self.decimal:
            raise ValueError(f"separator and decimal are both {self.decimal!r}")
        return self

    @property
    def time_columns(self) -> dict[str, str]:
        """Parts of the date -> columns."""
        names = ("time", *TIME_PARTS)
        return {name: column for name in names if (column := getattr(self, name)) is not None}

    @property
    def missing_codes(self) -> list[float | str]:
        """Values that stand for missing ones."""
        codes = self.missing if isinstance(self.missing, list) else [self.missing]
        return [-9999.0, *codes]
