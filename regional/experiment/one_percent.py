"""The protocol ``one_percent``: CO2 rises 1 % a year, seen by vegetation, by climate or by both.

Four runs of one climate model, the scenarios of the experiment (C4MIP, Jones et al. 2016,
doi:10.5194/gmd-9-2853-2016; WIE-MIP): ``ctrl`` sees neither, ``bgc`` rising CO2 under the control
climate, ``rad`` the climate of rising CO2 at the CO2 of the start, ``cou`` both.
"""

from typing import Literal

from pydantic import Field, model_validator

from temjax.regional.experiment.settings import Name, ProjectKind, Settings, YearRange

ONE_PERCENT = "one_percent"
CONTROL, CONCENTRATION, CLIMATE, COUPLED = RUNS = ("ctrl", "bgc", "rad", "cou")
RISING_CO2 = (CONCENTRATION, COUPLED)
CHANGING_CLIMATE = (CLIMATE, COUPLED)
RISE = 1.01
PREINDUSTRIAL_CO2 = (
    284.3  # ppmv, CMIP6 1850 (Meinshausen et al. 2017, doi:10.5194/gmd-10-2057-2017)
)
# Names of the control climate in the projects that have the two climates: a scenario in CMIP, a
# prefix of file names in WIE-MIP.
CONTROLS: dict[ProjectKind, str] = {"cmip": "piControl", "wie-mip": "stable"}
_WARMING = "1pctCO2"


class OnePercent(Settings):
    """Periods of the four runs; every range is (first year, last year), both included.

    The control climate repeats its years: in equilibrium and spin-up, before ``years``, and through
    ``years`` in ``ctrl`` and ``bgc``. It has the interface of ``settings.Protocol``.

    Attributes:
        years: of the rise, as they are named in the results; the first has the CO2 of the start.
        control: the control climate, by default that of the project (``CONTROLS``).
        control_years: of its files, repeated.
        warming: scenario of the files of the changing climate, in CMIP; by default 1pctCO2.
        warming_years: of its files; by default ``years``.
        co2_start: ppmv; by default that of the folder's CO2 file, or of ``PREINDUSTRIAL_CO2``.
        control_length: years under the control climate between spin-up and rise. Runs share
            equilibrium, spin-up and the whole blocks (``[run] block_years``) before the last year.
        equilibrium_climate, spin_up_length, branch_baseline_years: as in ``settings.Protocol``.
    """

    kind: Literal["one_percent"]
    years: YearRange
    control: Name | None = None
    control_years: YearRange
    warming: Name | None = None
    warming_years: YearRange | None = None
    co2_start: float | None = Field(None, ge=100, le=1000)
    control_length: int = Field(41, ge=1, le=10_000)
    equilibrium_climate: Literal["mean", "first"] = "mean"
    spin_up_length: int = Field(200, ge=1, le=100_000)
    branch_baseline_years: int = Field(1, ge=1, le=1000)

    @model_validator(mode="after")
    def _periods_agree(self) -> "OnePercent":
        for name in ("years", "control_years", "warming_years"):
            first, last = getattr(self, name) or self.years
            if last < first:
                raise ValueError(f"{name} = [{first}, {last}] ends before it begins")
        first, last = self.warming_span
        if last - first != self.years[1] - self.years[0]:
            raise ValueError(
                f"warming_years = [{first}, {last}] and years = {list(self.years)} differ in length"
            )
        if self.years[0] - self._years_before < 1:
            raise ValueError(
                f"years begin {self.years[0]}, too early for {self._years_before} years before "
                "them: name the years of the results, for example [1850, 1999], and those of the "
                "files in warming_years"
            )
        if self.branch_baseline_years > self.control_length:
            raise ValueError(
                f"branch_baseline_years = {self.branch_baseline_years}, but control_length is "
                f"{self.control_length}"
            )
        return self

    @property
    def control_cycle(self) -> int:
        """Number of years of the control climate."""
        return self.control_years[1] - self.control_years[0] + 1

    @property
    def warming_span(self) -> tuple[int, int]:
        """First and last year of the files of the changing climate."""
        return self.warming_years or self.years

    @property
    def _years_before(self) -> int:
        return max(self.control_cycle, self.control_length)

    @property
    def simulated(self) -> tuple[int, int]:
        """First and last year of the climate of a run: control years, then those of the rise."""
        return self.years[0] - self._years_before, self.years[1]

    @property
    def equilibrium_years(self) -> tuple[int, int]:
        """One cycle of the control climate."""
        return self.years[0] - self.control_cycle, self.years[0] - 1

    @property
    def spin_up_years(self) -> tuple[int, int]:
        """One cycle of the control climate."""
        return self.equilibrium_years

    @property
    def historical(self) -> tuple[int, int]:
        """Years under the control climate before the rise."""
        return self.years[0] - self.control_length, self.years[0] - 1

    @property
    def future(self) -> tuple[int, int]:
        """Years of the rise."""
        return self.years

    @property
    def first_exposure_year(self) -> int:
        """First year in which thaw exposure acts: the first of the rise, so that S_R has none."""
        return self.years[0]

    @property
    def branch_baseline(self) -> tuple[int, int]:
        """First and last of the years whose mean active layer S_R is held at."""
        return self.years[0] - self.branch_baseline_years, self.years[0] - 1

    def control_source(self, kind: str, member: str) -> tuple[str, str]:
        """Member and scenario of the files of the control climate."""
        name = self.control or CONTROLS[kind]
        return (name, CONTROL) if kind == "wie-mip" else (member, name)

    def warming_source(self, kind: str, member: str) -> tuple[str, str]:
        """Member and scenario of the files of the changing climate."""
        return member, self.warming or _WARMING

    def sources(self, kind: str, member: str, run: str) -> list[tuple[str, str]]:
        """Members and scenarios whose files a run reads."""
        changing = [self.warming_source(kind, member)] if run in CHANGING_CLIMATE else []
        return [self.control_source(kind, member), *changing]


def fault_of_one_percent(
    protocol: OnePercent, kind: str, members: tuple[str, ...], runs: tuple[str, ...]
) -> str | None:
    """What in a climate table does not go with the protocol; None for nothing."""
    if kind not in CONTROLS:
        kinds = ", ".join(CONTROLS)
        return f"climate.kind = {kind!r} has no control and 1 % climates; kinds that do: {kinds}"
    if kind == "wie-mip" and protocol.warming:
        return "protocol.warming: WIE-MIP files are chosen by climate.members, their prefix"
    if kind in members:
        return (
            "climate.members: name the climate model, the beginning of its files' names, for "
            "example UKESM1-0-LL"
        )
    unknown = [run for run in runs if run not in RUNS]
    if unknown:
        return f"climate.scenarios: {unknown[0]!r} is none of the runs {', '.join(RUNS)}"
    if CONTROL not in runs:
        return f"climate.scenarios: {CONTROL} is missing, which the other runs are compared with"
    return None
