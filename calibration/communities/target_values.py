"""Target values of a community by name: the output each is compared with, and its unit."""

from dataclasses import dataclass
from typing import NamedTuple

# the order in which TEM groups calibrate: production, uptake, vegetation, soil, available nitrogen
TARGETS = {
    "gpp_without_n_limit": "potential_gross_primary_production",
    "npp_without_n_limit": "potential_net_primary_production",
    "gpp": "gross_primary_production",
    "npp": "net_primary_production",
    "nitrogen_uptake": "nitrogen_uptake",
    "vegetation_carbon": "vegetation_carbon",
    "vegetation_nitrogen": "structural_nitrogen",
    "soil_organic_carbon": "soil_organic_carbon",
    "soil_organic_nitrogen": "soil_organic_nitrogen",
    "available_nitrogen": "available_nitrogen",
    "thaw_depth": "maximum_thaw_depth",
}
FLUXES = ("gpp_without_n_limit", "npp_without_n_limit", "gpp", "npp", "nitrogen_uptake")
SOIL_MATTER = ("soil_organic_carbon", "soil_organic_nitrogen")
RELATIVE_ERROR = 0.1  # of targets that state none: the tolerance to which groups calibrate; ours


def target_unit(name: str) -> str:
    """Unit of a target in the model's units, per year."""
    if name == "thaw_depth":
        return "m"
    element = "N" if "nitrogen" in name else "C"
    return f"g {element} m-2 yr-1" if name in FLUXES else f"g {element} m-2"


class TargetValue(NamedTuple):
    """Target value in the model's units.

    Attributes:
        name: of ``TARGETS``.
        value: what a fit aims at: of soil matter, the part above the stated depth.
        sd: standard deviation.
        stated: value of the file in the model's unit, of the whole profile.
        sd_source: how the error was found, in words.
        source: of the value.
    """

    name: str
    value: float
    sd: float
    stated: float
    sd_source: str
    source: str

    @property
    def variable(self) -> str:
        """Output of the model."""
        return TARGETS[self.name]

    @property
    def unit(self) -> str:
        """Of value and errors."""
        return target_unit(self.name)


@dataclass(frozen=True)
class Community:
    """Community with its target values.

    Attributes:
        name: short name, used in file names.
        title: name in texts.
        source: of the targets.
        parameter_set: base set.
        targets: in the order of ``TARGETS``.
        factors: on the lines in texture that give CMAX, KDC, NMAX or NUP, by symbol.
        overrides: parameter values that replace those of the base set.
        prior_sd: prior standard deviations that replace the usual ones, in prior space.
        free: parameters to fit; empty: those of a community.
        years: first and last year of the climate; ``None``: the last 30 of it.
        co2: ppmv; ``None``: the mean of these years.
        notes: what was chosen and assumed, as sentences.
        file: where it was read.
    """

    name: str
    title: str
    source: str
    parameter_set: str
    targets: tuple[TargetValue, ...]
    factors: dict[str, float]
    overrides: dict[str, float]
    prior_sd: dict[str, float]
    free: tuple[str, ...]
    years: tuple[int, int] | None
    co2: float | None
    notes: tuple[str, ...]
    file: str
