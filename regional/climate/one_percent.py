"""Climate of the runs of ``one_percent``: the control climate and that of rising CO2, and the CO2.

WIE-MIP's files: the control is ``stable``, 20 years from 1850 on; CO2 is ``WIEMIP_1pctco2.txt`` in
whole ppm.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import DataError, Finding, raise_findings
from temjax.regional.climate.files import co2_texts
from temjax.regional.climate.monthly import MonthlyClimate
from temjax.regional.climate.project_climate import project_climate, project_files
from temjax.regional.climate.reader import ClimateReader
from temjax.regional.experiment.one_percent import (
    CHANGING_CLIMATE,
    PREINDUSTRIAL_CO2,
    RISE,
    RISING_CO2,
    OnePercent,
)
from temjax.regional.experiment.settings import ProjectClimate
from temjax.regional.inputs.climate import Segment, merge_findings
from temjax.regional.inputs.co2 import co2_of_files, co2_of_texts
from temjax.regional.inputs.domain import Domain

_ROUNDING = 0.5  # ppmv: files of whole ppm
_DEVIATION = 0.002  # of the expected CO2, for a start that is rounded
_CONTROL, _WARMING = "the control climate", "the climate of rising CO2"


@dataclass(frozen=True)
class OnePercentClimate:
    """Climate of one run, see ``inputs.climate.Climate``.

    Attributes:
        parts: climates, and the rows of each that follow each other.
    """

    parts: tuple[tuple[MonthlyClimate, NDArray], ...]
    years: NDArray
    co2: NDArray
    common_until: int
    segments: tuple[Segment, ...]
    findings: dict[int, list[Finding]]
    notes: tuple[str, ...]
    repairs: dict[str, float]

    def load(self, cells: NDArray) -> dict[str, NDArray]:
        """See ``Climate.load``."""
        loaded = [(climate.load(cells), rows) for climate, rows in self.parts]
        return {
            name: np.concatenate([values[name][rows] for values, rows in loaded])
            for name in loaded[0][0]
        }


def one_percent_climate(
    settings: ProjectClimate, protocol: OnePercent, domain: Domain, member: str, run: str
) -> OnePercentClimate:
    """Load the climate and CO2 of a run.

    Raises:
        DataError: a climate that is absent or lacks years, CO2 that does not rise 1 % a year, and
            the errors of ``project_climate``.
    """
    findings: list[Finding] = []

    def collected(load: Callable, *arguments: object) -> object:
        try:
            return load(settings, protocol, *arguments)
        except DataError as error:
            findings.extend(error.findings)
            return None

    rise = collected(rising_co2)
    climates = [collected(_part, domain, member, _CONTROL)]
    if run in CHANGING_CLIMATE:
        climates.append(collected(_part, domain, member, _WARMING))
    raise_findings(findings)
    (co2, note) = rise
    first, last = protocol.simulated
    years = np.arange(first, last + 1)
    before = protocol.years[0] - first
    rows = (years - protocol.years[0]) % protocol.control_cycle
    rows += protocol.control_years[0] - int(climates[0].years[0])
    spans = [(rows, years)]
    if len(climates) > 1:
        warm = protocol.warming_span[0] - int(climates[1].years[0]) + np.arange(years.size - before)
        spans = [(rows[:before], years[:before]), (warm, years[before:])]
    start = np.full(before, co2[0])
    repairs: dict[str, float] = {}
    for climate in climates:
        repairs |= {name: repairs.get(name, 0) + n for name, n in climate.repairs.items()}
    return OnePercentClimate(
        parts=tuple((part, rows) for part, (rows, _) in zip(climates, spans, strict=True)),
        years=years,
        co2=np.concatenate([start, co2 if run in RISING_CO2 else np.full(co2.size, co2[0])]),
        common_until=protocol.years[0] - 1,
        segments=_segments(settings, protocol, member, [span for _, span in spans]),
        findings=merge_findings(*(climate.findings for climate in climates)),
        notes=tuple(dict.fromkeys([note, *(text for part in climates for text in part.notes)])),
        repairs=repairs,
    )


def one_percent_files(
    settings: ProjectClimate, protocol: OnePercent, member: str, run: str
) -> list[Path]:
    """Every file that the climate and CO2 of a run are read from.

    Raises:
        DataError: files that are missing.
    """
    found = []
    for name, scenario in protocol.sources(settings.kind, member, run):
        alone = settings.model_copy(update={"history": scenario})
        found += project_files(alone, name, scenario, named=True, with_co2=False)
    return list(dict.fromkeys([*found, *_co2_texts(settings, protocol)]))


def rising_co2(settings: ProjectClimate, protocol: OnePercent) -> tuple[NDArray, str]:
    """July CO2 of the years of the rise, ppmv, from a file or by the rule; and where it is from.

    Raises:
        DataError: a file that lacks years, does not rise 1 % a year, or starts elsewhere than the
            protocol.
    """
    first, last = protocol.warming_span
    years = np.arange(first, last + 1)
    reader, texts = ClimateReader(settings.folder), _co2_texts(settings, protocol)
    if not (settings.co2 or texts):
        start = protocol.co2_start or PREINDUSTRIAL_CO2
        given = "protocol.co2_start" if protocol.co2_start else "CMIP6's of 1850"
        co2 = start * RISE ** np.arange(years.size)
        return co2, f"CO2 rises 1 % a year from {start:g} ppm ({given}); no CO2 file was read"
    if settings.co2:
        names = ", ".join(source.file for source in settings.co2)
        co2 = co2_of_files(reader, settings.co2, years)
    else:
        names = ", ".join(path.name for path in texts)
        co2 = co2_of_texts(reader, texts, years)
    reader.raise_faults()
    start = protocol.co2_start or float(co2[0])
    file = str(settings.folder / names)
    raise_findings([*_start_findings(co2, start, file), *_rise_findings(co2, start, years, file)])
    rise = f"{co2[0]:.5g} ppm in {first} to {co2[-1]:.5g} ppm in {last}"
    return co2, f"CO2 of {names} ({rise}) is that of {protocol.years[0]}-{protocol.years[1]}"


def _start_findings(co2: NDArray, start: float, file: str) -> list[Finding]:
    if abs(co2[0] - start) <= _ROUNDING:
        return []
    message = f"begins with {co2[0]:.5g} ppm, protocol.co2_start is {start:g}"
    return [Finding(file, "co2", "", message, "Leave co2_start out, or take the file away.")]


def _rise_findings(co2: NDArray, start: float, years: NDArray, file: str) -> list[Finding]:
    """Finding of values that are not those of a rise of 1 % a year."""
    expected = start * RISE ** np.arange(co2.size)
    wrong = np.flatnonzero(np.abs(co2 - expected) > _ROUNDING + _DEVIATION * expected)
    if wrong.size == 0 or abs(co2[0] - start) > _ROUNDING:
        return []
    at = wrong[0]
    message = (
        f"CO2 does not rise 1 % a year: {co2[at]:.5g} ppm, where {expected[at]:.5g} ppm follow "
        f"from {start:.5g} ppm in {years[0]}; so in {wrong.size} of {co2.size} years"
    )
    mend = "Give the CO2 of the 1 % experiment, or no CO2 file: then the rule is taken."
    return [Finding(file, "co2", f"year {years[at]}", message, mend)]


def _co2_texts(settings: ProjectClimate, protocol: OnePercent) -> list[Path]:
    """Text files of the rising CO2; none where NetCDF files are named."""
    if settings.co2:
        return [settings.folder / source.file for source in settings.co2]
    return co2_texts(settings, *protocol.warming_source(settings.kind, settings.members[0]))


def _part(
    settings: ProjectClimate, protocol: OnePercent, domain: Domain, member: str, part: str
) -> MonthlyClimate:
    """The control or the changing climate, which must have the years of the protocol.

    Raises:
        DataError: see ``one_percent_climate``.
    """
    source, span, key = {
        _CONTROL: (protocol.control_source, protocol.control_years, "control_years"),
        _WARMING: (protocol.warming_source, protocol.warming_span,
                   "warming_years" if protocol.warming_years else "years"),
    }[part]  # fmt: skip
    name, scenario = source(settings.kind, member)
    alone = settings.model_copy(update={"history": scenario})
    try:
        climate = project_climate(
            alone, domain, name, scenario, named=True,
            read_co2=lambda years: np.full(years.size, np.nan),
        )  # fmt: skip
    except DataError as error:
        raise DataError(
            [_of_part(finding, part, settings) for finding in error.findings]
        ) from error
    there = int(climate.years[0]), int(climate.years[-1])
    if span[0] < there[0] or span[1] > there[1]:
        raise DataError([_years_finding(settings, part, key, span, there)])
    return climate


def _of_part(finding: Finding, part: str, settings: ProjectClimate) -> Finding:
    """The finding; where files are missing, with the climate whose they are, and its key."""
    if not finding.message.startswith("no files of"):
        return finding
    key = "protocol.control" if part == _CONTROL else "protocol.warming"
    if part == _WARMING and settings.kind == "wie-mip":
        key = "climate.members"
    mend = f"{finding.mend} Put them there, or name others in {key}.".strip()
    return replace(finding, message=f"{finding.message}: {part} is missing", mend=mend)


def _years_finding(
    settings: ProjectClimate, part: str, key: str, span: tuple[int, int], there: tuple[int, int]
) -> Finding:
    absent = span[0] if span[0] < there[0] else there[1] + 1
    message = f"{span[0]}-{span[1]} is asked for, {part} has {there[0]}-{there[1]}"
    common = max(span[0], there[0]), min(span[1], there[1])
    mend = "Give the files of these years."
    if common[0] <= common[1]:
        mend = f"Give the files of these years, or shorten {key} to [{common[0]}, {common[1]}]."
    return Finding(str(settings.folder), f"protocol.{key}", f"year {absent}", message, mend)


def _segments(
    settings: ProjectClimate, protocol: OnePercent, member: str, spans: list[NDArray]
) -> tuple[Segment, ...]:
    """Sources of the years of a run: the control, and the changing climate."""
    kind = settings.kind
    control = protocol.control_source(kind, member)[0 if kind == "wie-mip" else 1]
    warming = protocol.warming_source(kind, member)[1]
    a, b = protocol.control_years
    labels = (f"{control} (its {a}-{b}, repeated)", warming)
    return tuple(
        Segment(label, int(years[0]), int(years[-1]))
        for label, years in zip(labels, spans, strict=False)
    )
