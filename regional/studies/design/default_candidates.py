"""A commented list of candidates to start from: every type of a region, every kind."""

from collections.abc import Sequence

from temjax.regional.studies.design.candidate_file import (
    CLIMATES,
    DEPTHS,
    SOIL_MATTER_SD,
    VERSION,
    YEARS,
)
from temjax.regional.studies.design.kinds import KINDS, SERIES, Kind, Series


def candidates_text(types: Sequence[str]) -> str:
    """Text of a file of candidates for some vegetation types."""
    blocks = [_head()]
    blocks += [_candidate(vegetation, kind) for vegetation in types for kind in KINDS]
    return "\n\n".join("\n".join(lines) for lines in blocks) + "\n"


def _head() -> list[str]:
    lines = [
        "# Measurements that could be made: temjax design ranks them by how much they shrink the",
        "# uncertainty of regional numbers. Remove what is out of the question; docs/design.md has",
        "# all keys.",
        f"version = {VERSION}",
        f"# soil_matter_sd = {SOIL_MATTER_SD}   # of ln(factor on soil matter) of a place, 0: none",
        '# cost_unit = "kEUR"   # of `cost`, which is optional',
        "#",
        "# Keys that a candidate may have besides:",
        f'# climate = "mean"   # {", ".join(CLIMATES)}: cell of the type by mean air temperature;',
        "#                      or {latitude = 34.0, longitude = 92.0}: its nearest cell",
        '# errors = {thaw_depth = {value = 0.1, unit = "m", common = 0.05}}',
        "#",
        "# Series and default errors, one standard deviation of a value:",
    ]
    for kind, info in KINDS.items():
        lines.append(f"# {kind}: {info.words}")
        lines += [f"#   {name}: {error_text(SERIES[name])}" for name in info.series]
    return lines


def error_text(series: Series) -> str:
    """Errors of a series in words."""
    parts = []
    if series.error:
        parts.append(f"{series.error:g} {series.unit}")
    if series.share:
        parts.append(f"{100 * series.share:g} % of the value")
    text = " and ".join(parts)
    if series.averages:
        text += ", over the root of the points"
    if series.common:
        text += f"; {series.common:g} {series.unit} that all values share"
    return f"{text} ({series.source})"


def _candidate(vegetation: str, kind: Kind) -> list[str]:
    info = KINDS[kind]
    lines = [
        "[[candidates]]",
        f'name = "{vegetation} {kind}"',
        f'kind = "{kind}"',
        f'type = "{vegetation}"',
    ]
    if "years" in info.takes:
        lines.append(f"years = {YEARS}")
    if "points" in info.takes:
        lines.append(f"points = {info.points}")
    if "depths" in info.takes:
        layers = ", ".join(f"[{top}, {bottom}]" for top, bottom in DEPTHS)
        lines.append(f"depths = [{layers}]   # m")
    return [*lines, "# cost = 1.0"]
