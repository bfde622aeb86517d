"""Forms of the files of climate projects: names, variables, units that stand for others.

One table a project; the readers know no project. Sources: the protocols of ISIMIP2b, 3a and 3b, the
patterns of ISIMIP4 (ISI-MIP/isimip-protocol-4) and names of the files of its first model, the CMIP
data reference syntax, the release notes of CRU TS, the ERA5-Land documentation of ECMWF (monthly
means: accumulations are per day), the WIE-MIP protocol.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

CLOUD_COVER = "cloud_cover"  # in place of shortwave where a project has none
NO_HISTORY = {"picontrol", "esm-picontrol", "historical", "1pctco2", "abrupt-4xco2", "spinclim"}
_YEARS = r"(?P<first>\d{4})_(?P<last>\d{4})"
_NETCDF = r"\.nc4?$"
_RESOLUTION = r"(?:global_)?(?P<grid>\d+arc(?:min|sec))(?:_global)?"  # ISIMIP4, in either order
_EMISSION_DRIVEN = "esm-"  # how scenarios of a carbon cycle of its own begin


@dataclass(frozen=True)
class ProjectVariable:
    """A driver in the files of a project.

    Attributes:
        kind: the driver, or ``cloud_cover``.
        name: in the files, and in their names.
        units: unit as the files write it → the unit that it stands for, where these differ.
        steps: of the records that are read; all where it is empty.
    """

    kind: str
    name: str
    units: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Project:
    """Form of the files of a project.

    Attributes:
        kind: in ``[climate] kind``.
        title: as people write it.
        pattern: of file names, with the groups ``variable``, ``model``, ``variant``, ``scenario``;
            a file without ``variable`` in its name holds any of them.
        example: of a file name.
        variables: the drivers.
        co2: patterns of text files of annual CO2; ``{scenario}`` stands for the scenario,
            ``{model}`` for the climate model, ``{pathway}`` for the scenario without ``scen7-``.
        history: scenario of the years before the pathways; None where files are of one piece.
        emission_history: of emission-driven scenarios, where it is another one.
    """

    kind: str
    title: str
    pattern: re.Pattern
    example: str
    variables: tuple[ProjectVariable, ...]
    co2: tuple[str, ...] = ("co2_{scenario}_*.txt",)
    history: str | None = "historical"
    emission_history: str | None = None

    @property
    def names(self) -> dict[str, str]:
        """Name in the files by driver."""
        return {variable.kind: variable.name for variable in self.variables}

    def parts(self, history: str | None, scenario: str) -> tuple[str, ...]:
        """Scenarios whose files follow each other in a run.

        Args:
            history: of the experiment; None is the project's own.
            scenario: of the run.
        """
        driven = scenario.casefold().startswith(_EMISSION_DRIVEN)
        history = history or (driven and self.emission_history) or self.history
        if history is None or "scenario" not in self.pattern.groupindex:
            return (scenario,)
        alone = scenario.casefold() in {*NO_HISTORY, history.casefold()}
        return (scenario,) if alone else (history, scenario)

    def co2_names(self, member: str, scenario: str) -> list[str]:
        """Patterns of the names of CO2 files of a member and scenario, the first that is found."""
        pathway = scenario.removeprefix("scen7-")
        model = member.partition("_")[0]
        return [
            pattern.format(scenario=scenario, model=model, pathway=pathway) for pattern in self.co2
        ]


_DAYS_AND_MONTHS = ("monthly", "daily")  # hours of ERA5-Land add up from midnight
_ISIMIP = (
    ProjectVariable("air_temperature", "tas"),
    ProjectVariable("precipitation", "pr"),
    ProjectVariable("shortwave", "rsds"),
)
PROJECTS = {
    project.kind: project
    for project in (
        Project(
            "isimip2b", "ISIMIP2b",
            re.compile(
                r"^(?P<variable>tas|pr|rsds)_(?P<step>day|mon|month|monthly)_(?P<model>[^_]+)_"
                r"(?P<scenario>[^_]+)_r1i1p1_EWEMBI(?:_[a-z]+)?_"
                r"(?P<first>\d{8})-(?P<last>\d{8})" + _NETCDF
            ),
            "tas_day_GFDL-ESM2M_rcp26_r1i1p1_EWEMBI_20060101-20101231.nc4",
            _ISIMIP,
        ),
        Project(
            "isimip3b", "ISIMIP3b",
            re.compile(
                r"^(?P<model>[^_]+)_(?P<variant>r\d+i\d+p\d+f\d+)_w5e5_(?P<scenario>[^_]+)_"
                rf"(?P<variable>tas|pr|rsds)_[^_]+_(?P<step>daily|monthly)_{_YEARS}" + _NETCDF
            ),
            "gfdl-esm4_r1i1p1f1_w5e5_ssp370_tas_global_daily_2015_2020.nc",
            _ISIMIP,
        ),
        Project(
            "isimip3a", "ISIMIP3a",
            re.compile(
                r"^(?P<model>[^_]+)_(?P<scenario>[a-z]*clim)_(?P<variable>tas|pr|rsds)_[^_]+_"
                rf"(?P<step>daily|monthly)_{_YEARS}" + _NETCDF
            ),
            "gswp3-w5e5_obsclim_tas_global_daily_1901_1910.nc",
            _ISIMIP,
            history=None,
        ),
        Project(
            "isimip4b", "ISIMIP4b",
            re.compile(
                r"^(?P<model>[^_]+)_(?P<variant>r\d+i\d+p\d+f\d+_(?:era5|nobasd))_"
                rf"(?P<scenario>[^_]+)_(?P<variable>tas|pr|rsds)_{_RESOLUTION}_"
                rf"(?P<step>daily|monthly)_{_YEARS}" + _NETCDF
            ),
            "ec-earth3-esm-1-1_r1i1p1f1_era5_esm-scen7-h_tas_global_30arcmin_daily_2022_2030.nc",
            _ISIMIP,
            # emission-driven models have a CO2 of their own; monthly files lie beside
            co2=("co2_{model}_{scenario}_annual_*.txt", "co2_{pathway}_annual_*.txt"),
            emission_history="esm-hist",
        ),
        Project(
            "isimip4a", "ISIMIP4a",
            re.compile(
                r"^(?P<model>[^_]+)_(?P<scenario>[a-z]*clim)_(?P<variable>tas|pr|rsds)_"
                rf"{_RESOLUTION}_(?P<step>daily|monthly)_{_YEARS}" + _NETCDF
            ),
            "gswp3-w5e5_obsclim_tas_global_30arcmin_daily_1901_1910.nc",
            _ISIMIP,
            co2=("co2_{scenario}_annual_*.txt",),
            history=None,
        ),
        Project(
            "cmip", "CMIP",
            re.compile(
                r"^(?P<variable>tas|pr|rsds)_(?P<step>[A-Za-z0-9]+)_(?P<model>[^_]+)_"
                r"(?P<scenario>[^_]+)_(?P<variant>(?:s\d+-)?r\d+i\d+p\d+(?:f\d+)?)"
                r"(?:_(?P<grid>g[a-z]\d*[a-z]?))?_(?P<first>\d{6,8})-(?P<last>\d{6,8})" + _NETCDF
            ),
            "tas_Amon_MPI-ESM1-2-HR_ssp370_r1i1p1f1_gn_201501-210012.nc",
            _ISIMIP,
        ),
        Project(
            "cru-ts", "CRU TS",
            re.compile(
                r"^cru_ts(?P<variant>[\d.]+)\.(?P<first>\d{4})\.(?P<last>\d{4})\."
                r"(?P<variable>tmp|pre|cld)(?:\.dat)?" + _NETCDF
            ),
            "cru_ts4.09.1901.2024.tmp.dat.nc",
            (
                ProjectVariable("air_temperature", "tmp"),
                ProjectVariable("precipitation", "pre"),
                ProjectVariable(CLOUD_COVER, "cld"),
            ),
            co2=("co2_{scenario}_*.txt", "*co2*.txt"),
            history=None,
        ),
        Project(
            "era5-land", "ERA5-Land",
            re.compile(r"^.+" + _NETCDF),
            "any name; t2m, tp and ssrd in one file or in several",
            (
                ProjectVariable("air_temperature", "t2m"),
                ProjectVariable(
                    "precipitation", "tp", {"m": "m d-1", "mm": "mm d-1"}, _DAYS_AND_MONTHS
                ),
                ProjectVariable(
                    "shortwave", "ssrd", dict.fromkeys(("J m**-2", "J m-2", "J/m2"), "J m-2 d-1"),
                    _DAYS_AND_MONTHS,
                ),
            ),
            co2=("co2_{scenario}_*.txt", "*co2*.txt"),
            history=None,
        ),
        Project(
            "wie-mip", "WIE-MIP",
            re.compile(
                r"^(?P<variant>.+)\.(?P<variable>tmp|pre|dswrf)\.(?P<first>\d{4})_(?P<step>6hr)"
                r"\.noleap" + _NETCDF
            ),
            "crujra.tmp.1901_6hr.noleap.nc",
            (
                ProjectVariable("air_temperature", "tmp"),
                ProjectVariable("precipitation", "pre"),
                ProjectVariable("shortwave", "dswrf"),
            ),
            co2=("co2_{scenario}_*.txt", "*co2*.txt"),
            history=None,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class FileName:
    """What the name of a file says; empty where a project's names do not say it.

    Attributes:
        variables: names in the file; all of the project's where the name has none.
        model, variant, scenario: as written; the grid of CMIP belongs to the variant.
    """

    path: Path
    variables: tuple[str, ...]
    model: str
    variant: str
    scenario: str


def parse_name(project: Project, path: Path) -> FileName | None:
    """What the name of a file says in the form of a project; None for another form."""
    match = project.pattern.match(path.name)
    if match is None:
        return None
    parts = {key: value for key, value in match.groupdict().items() if value}
    variable = parts.get("variable")
    variables = (variable,) if variable else tuple(project.names.values())
    variant = "_".join(parts[key] for key in ("variant", "grid") if key in parts)
    model, scenario = parts.get("model", ""), parts.get("scenario", "")
    return FileName(path, variables, model, variant, scenario)


def project_of(names: Iterable[str]) -> tuple[Project, int] | None:
    """Find the project whose form most of the file names have, and how many; None for none."""
    names = list(names)
    counts = {
        kind: sum(project.pattern.match(name) is not None for name in names)
        for kind, project in PROJECTS.items()
        if "variable" in project.pattern.groupindex
    }
    kind = max(counts, key=lambda name: counts[name])
    return (PROJECTS[kind], counts[kind]) if counts[kind] else None
