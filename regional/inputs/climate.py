"""Monthly climate of a member as a run sees it, whatever it comes from."""

from dataclasses import dataclass
from typing import Protocol as Interface
from typing import runtime_checkable

from numpy.typing import NDArray

from temjax.files.findings import Finding

VARIABLES = ("air_temperature", "precipitation", "shortwave")


@dataclass(frozen=True)
class Segment:
    """A stretch of years from one source."""

    label: str
    first: int
    last: int


@runtime_checkable
class Climate(Interface):
    """What a run needs to know of a member's climate.

    Attributes:
        years: consecutive calendar years, ``(year,)``.
        co2: July values of those years, ppmv, ``(year,)``.
        segments: the sources in order.
        findings: faults by cell; such cells are masked.
        common_until: last year in which all scenarios of this climate model are the same; None
            where there is one scenario only.
    """

    years: NDArray
    co2: NDArray
    common_until: int | None
    segments: tuple[Segment, ...]
    findings: dict[int, list[Finding]]

    def load(self, cells: NDArray) -> dict[str, NDArray]:
        """Air temperature °C, precipitation mm month⁻¹, shortwave W m⁻²: ``(year, 12, cell)``."""
