"""Tables of a site file: location, soil, vegetation, history, observations, faults, sensors."""

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from temjax.files.names import LONGEST_NAME, NAME_PATTERN
from temjax.sites.history import FIRST_YEAR, Warming
from temjax.sites.observations import Stock

DEEPEST_THAW = 30.0  # m; what a table gives beyond it is in another unit


def _without_controls(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise ValueError("holds a line break or another control character; write one line of text")
    return text


MonthlyValues = Annotated[list[float], Field(min_length=12, max_length=12)]
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=LONGEST_NAME)]
Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_without_controls)]


class SiteTable(BaseModel):
    """TOML table that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ThawDepth(SiteTable):
    """``[thaw_depth]``: largest thaw depth of a year at the place, mean of recent years."""

    value: float = Field(gt=0)
    sd: float = Field(gt=0)
    unit: Literal["m", "cm"]
    source: str
    assumed: bool = False

    @model_validator(mode="after")
    def _plausible(self) -> "ThawDepth":
        if self.stock.value > DEEPEST_THAW:
            raise ValueError(
                f"{self.stock.value:g} m is deeper than any active layer: another unit?"
            )
        return self

    @property
    def stock(self) -> Stock:
        """The depth as a target of fits, m."""
        scale = 0.01 if self.unit == "cm" else 1.0
        return Stock(self.value * scale, self.sd * scale, "m", "", self.source, self.assumed)


class SiteLocation(SiteTable):
    """``[location]``: degrees north and east, m above sea level."""

    latitude: float
    elevation: float
    longitude: float | None = None
    permafrost: bool | None = None
    source: str


class Soil(SiteTable):
    """``[soil]``: percent by mass of the fine earth."""

    sand: float
    silt: float
    clay: float
    source: str
    assumed: bool = False


class Override(SiteTable):
    """Parameter value that replaces the one of the parameter set."""

    value: float
    source: str
    assumed: bool = False


class Vegetation(SiteTable):
    """``[vegetation]``: parameter set and the site's own parameter values."""

    parameter_set: str
    description: str = ""
    source: str
    overrides: dict[str, Override] = {}


class History(SiteTable):
    """``[history]``: the climate back to ``first_year``.

    ``climate`` is ``auto``, ``mean-year`` or a file as in ``Reading.history``; a path is relative
    to the site file's folder.
    """

    first_year: int = FIRST_YEAR
    warming: Warming = "none"
    climate: str | None = None
    source: str


class Climatology(SiteTable):
    """``[climatology.<variable>]``: a mean year and the standard deviation between years."""

    unit: str
    mean: MonthlyValues
    sd: MonthlyValues | None = None
    depth: float | None = None
    source: str


class SingleValue(SiteTable):
    """``[[annual]]`` and ``[[published]]``: single values beside the monthly ones."""

    variable: str
    value: float
    unit: str
    year: int | None = None
    note: str = ""
    source: str


class Coordinates(SiteTable):
    """``[[coordinates]]``: where a data product places the tower, degrees north and east."""

    product: str
    latitude: float
    longitude: float
    source: str


class DataFault(SiteTable):
    """``[[traps]]``: known fault of the data; months marked ``suspect`` are left out of fits.

    Attributes:
        variable: of the observations or the climate.
        text: the fault.
        product: data products that have it; empty: every product.
        years: that have it; empty: every year.
        months: 1-12; empty: every month.
        partition: of GPP and RECO; None: both.
        suspect: leave the months out of fits.
        structural_sd: standard deviation of a doubt that the data's own error does not hold, in
            the monthly unit of the variable; added in quadrature.
    """

    variable: str
    text: str
    product: Annotated[
        list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
    ] = []
    years: list[int] = []
    months: list[Annotated[int, Field(ge=1, le=12)]] = []
    partition: Literal["DT", "NT"] | None = None
    suspect: bool = False
    structural_sd: Annotated[float, Field(gt=0)] | None = None
    source: str

    def concerns(self, product: str, partition: str | None) -> bool:
        """Whether data of a product (empty: unknown) and partition can have the fault."""
        of_product = not product or not self.product or product in self.product
        return of_product and self.partition in (None, partition)


class SoilSensor(SiteTable):
    """``[sensors] soil_temperature``: which sensor of the tower's file is used, and its depth.

    Attributes:
        column: of the file; None: chosen by the reader.
        depth: m; it comes before the one that the file states. None: as the file states.
    """

    column: str | None = None
    depth: Annotated[float, Field(gt=0, le=10)] | None = None


class ClimateSensor(SiteTable):
    """``[sensors] precipitation``: column of the tower's file that is used.

    Gauges of flux towers often catch rain alone; FLUXNET files have the reanalysis beside them.
    """

    column: str


class ReadingTable(SiteTable):
    """``[reading]``: how this tower's file is read, where the call says nothing else.

    The keys are the options of the commands (``Reading``).
    """

    partition: Literal["DT", "NT"] | None = None
    threshold: Literal["VUT", "CUT"] | None = None
    quality: Annotated[float, Field(ge=0, le=1)] | None = None
    fill_from_climatology: bool = False
    site_id: Annotated[
        str | None, BeforeValidator(lambda given: str(given) if type(given) is int else given)
    ] = None


class Sensors(SiteTable):
    """``[sensors]``: what the tower's file does not say of its sensors."""

    soil_temperature: SoilSensor = SoilSensor()
    precipitation: ClimateSensor | None = None
