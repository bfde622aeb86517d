"""Units of maps: texture in percent, elevation in m, permafrost as a share."""

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from temjax.regional.inputs.grids.cells import TEXTURE
from temjax.regional.inputs.grids.gridded import Reader
from temjax.regional.inputs.maps.source import SourceMap
from temjax.regional.inputs.units import conversion

_MEND = {
    "texture": "Give one of: percent, 1, g kg-1.",
    "elevation": "Give m or km.",
    "permafrost": "Give percent or 1.",
}
_BY_MASS = re.compile(r"\b(by )?(wt|weight|mass)\b\.?", re.IGNORECASE)  # "% wt." of HWSD
# sums of sand, silt and clay without units, and the factor to percent
_SUMS = ((1.0, 100.0, "fractions"), (100.0, 1.0, "percent"), (1000.0, 0.1, "g kg-1"))
_ROUNDING = 1e-3  # of packed shares
_NEAR = 0.1  # share by which a mean sum may differ


def factors(
    reader: Reader, maps: Mapping[str, SourceMap], means: Mapping[str, NDArray]
) -> dict[str, float]:
    """Factors of maps to percent, m and shares; a unit that is not understood is a finding.

    Args:
        maps: by quantity; those without means are left alone.
        means: of maps of numbers on the run's grid, in the maps' own units.
    """
    found = {}
    texture = [name for name in TEXTURE if not maps[name].units.strip()]
    sized = _texture_by_size(reader, maps, means) if len(texture) == len(TEXTURE) else None
    for name, source in maps.items():
        kind = "texture" if name in TEXTURE else name
        if kind not in _MEND or name not in means:
            continue
        if source.units.strip():
            found[name] = _factor(reader, source, kind)
        elif kind == "texture" and sized is not None:
            found[name] = sized
        elif kind == "permafrost":
            percent = source.values[source.valid].max(initial=0) > 1
            _tell(reader, source, "percent" if percent else "a share of 1")
            found[name] = 0.01 if percent else 1.0
        else:
            _tell(reader, source, {"elevation": "m", "texture": "percent"}[kind])
            found[name] = 1.0
    _check_shares(reader, maps, found)
    return found


def _check_shares(
    reader: Reader, maps: Mapping[str, SourceMap], found: Mapping[str, float]
) -> None:
    """Add the fault of an extent of permafrost that is no share."""
    if "permafrost" not in found:
        return
    source = maps["permafrost"]
    shares = source.values[source.valid] * found["permafrost"]
    wrong = (shares < 0) | (shares > 1 + _ROUNDING)
    if wrong.any():
        reader.add_finding(
            str(reader.folder / source.variable.file), source.variable.variable,
            f"{source.values[source.valid][wrong][0]:g} is no share of permafrost "
            f"({int(wrong.sum())} such cells)",
            "Give percent or fraction by the units, or name classes in permafrost_classes.",
        )  # fmt: skip


def _factor(reader: Reader, source: SourceMap, kind: str) -> float:
    """Factor of a named unit."""
    text = _BY_MASS.sub(" ", source.units)
    result = conversion("elevation" if kind == "elevation" else "texture", text)
    if result is None:
        path = str(reader.folder / source.variable.file)
        message = f"unit {source.units!r} is not understood"
        reader.add_finding(path, source.variable.variable, message, _MEND[kind])
        return 1.0
    return float(result[0]) / (100 if kind == "permafrost" else 1)


def _texture_by_size(
    reader: Reader, maps: Mapping[str, SourceMap], means: Mapping[str, NDArray]
) -> float | None:
    """Factor of sand, silt and clay without units from their sum; None where it does not tell."""
    total = sum(float(np.mean(means[name][np.isfinite(means[name])])) for name in TEXTURE)
    for whole, factor, unit in _SUMS:
        if abs(total - whole) <= _NEAR * whole:
            for name in TEXTURE:
                _tell(reader, maps[name], f"{unit}, which the sum {total:.4g} fits")
            return factor
    return None


def _tell(reader: Reader, source: SourceMap, taken: str) -> None:
    path = str(reader.folder / source.variable.file)
    reader.add_note(path, source.variable.variable, f"no units; taken as {taken}")
