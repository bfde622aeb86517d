"""Files of target values (TOML): a community, its base set, targets, soil horizons and priors.

``docs/communities.md`` describes the form; files of ``catalog/`` have it too.
"""

from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, ValidationError

from temjax.calibration.communities.depth import Horizon, share_above
from temjax.calibration.communities.target_values import (
    RELATIVE_ERROR,
    SOIL_MATTER,
    TARGETS,
    Community,
    TargetValue,
)
from temjax.calibration.tunables import expand_names, parameter_info
from temjax.conventions.units import QUANTITIES, UNDERSTOOD
from temjax.files.findings import DataError, Finding, nearest, raise_findings
from temjax.files.toml import TomlError, read_toml
from temjax.parameters.files import parameter_set_names
from temjax.parameters.registry import REGISTRY, resolve_name
from temjax.sites.entry_tables import Name, Override, SiteTable, Title
from temjax.sites.entry_values import Conversion, single_conversion
from temjax.sites.schema_findings import schema_findings

Line = Literal["CMAX", "KDC", "NMAX", "NUP"]
PAGE = "docs/communities.md"
SAME_CARBON = 0.01  # relative; horizons and the target are sums of the same table
WIDEST_ERROR = 3.0  # of a value; more says nothing


class TargetTable(SiteTable):
    """``[targets.NAME]``: value, unit and error, a standard deviation or a share of the value."""

    value: float
    unit: str
    sd: float | None = Field(default=None, gt=0)
    relative_error: float | None = Field(default=None, gt=0, le=WIDEST_ERROR)
    source: str = ""


class HorizonTable(SiteTable):
    """``[[soil.horizons]]``: carbon in the unit of the table, thickness in m."""

    name: str
    carbon: float = Field(gt=0)
    thickness: float = Field(gt=0, le=40)
    exponent: float = Field(default=1.0, gt=0, le=3)


class SoilTable(SiteTable):
    """``[soil]``: which part of the stocks the model's pools stand for."""

    depth: float | None = Field(default=None, gt=0)
    share: float | None = Field(default=None, gt=0, le=1)
    unit: str = "g C m-2"
    horizons: list[HorizonTable] = Field(default_factory=list)
    source: str
    assumed: bool = False


class FactorTable(SiteTable):
    """``[factors.SYMBOL]``: factor on the lines in texture that give CMAX, KDC, NMAX or NUP."""

    value: float = Field(gt=0)
    source: str
    assumed: bool = False


class ClimateTable(SiteTable):
    """``[climate]``: years whose mean climate is repeated, and CO2 in ppmv."""

    years: tuple[int, int] | None = None
    co2: float | None = Field(default=None, gt=0)


class TargetsFile(SiteTable):
    """Contents of a file of target values."""

    format: Literal["temjax community targets 1"]
    name: Name
    title: Title
    source: str
    parameter_set: str
    period: str = ""
    relative_error: float = Field(default=RELATIVE_ERROR, gt=0, le=WIDEST_ERROR)
    targets: dict[str, TargetTable] = Field(min_length=1)
    soil: SoilTable | None = None
    climate: ClimateTable = ClimateTable()
    factors: dict[Line, FactorTable] = Field(default_factory=dict)
    overrides: dict[str, Override] = Field(default_factory=dict)
    prior_sd: dict[str, float] = Field(default_factory=dict)
    free: list[str] = Field(default_factory=list)


def community_names() -> tuple[str, ...]:
    """Names of the communities that come with the package."""
    folder = files("temjax.calibration.communities") / "catalog"
    return tuple(sorted(p.name[:-5] for p in folder.iterdir() if p.name.endswith(".toml")))


def open_community(source: str | Path) -> Community:
    """Community of a file, or of the catalog by its name.

    Raises:
        DataError: unknown name, or every fault of the file.
    """
    if str(source) in community_names():
        folder = files("temjax.calibration.communities") / "catalog"
        return read_community(Path(str(folder / f"{source}.toml")))
    path = Path(source)
    if not path.is_file() and path.suffix != ".toml":
        message = "no such file, and no community of the catalog"
        raise DataError([Finding(str(source), "targets", "", message,
                                 nearest(str(source), community_names()))])  # fmt: skip
    return read_community(path)


def read_community(path: Path) -> Community:
    """Community of a file of target values.

    Raises:
        DataError: every fault, with key and mend.
    """
    file = str(path)
    try:
        document = read_toml(path)
    except TomlError as error:
        raise DataError([Finding(file, "file", "", str(error), f"See {PAGE}.")]) from error
    try:
        table = TargetsFile.model_validate(document)
    except ValidationError as error:
        raise DataError(schema_findings(file, error.errors(), PAGE)) from error
    findings = [
        *_target_findings(table, file),
        *_soil_findings(table, file),
        *_parameter_findings(table, file),
        *_climate_findings(table, file),
    ]
    raise_findings(findings)
    return _community(table, file)


def _target_findings(table: TargetsFile, file: str) -> list[Finding]:
    """Names, units, values and errors of the targets."""
    findings = []
    for name, target in table.targets.items():
        key = f"targets.{name}"
        if name not in TARGETS:
            mend = nearest(name, TARGETS)
            findings.append(Finding(file, key, "", f"unknown target {name!r}", mend))
            continue
        if _conversion(name, target.unit) is None:
            quantity = QUANTITIES[TARGETS[name]]
            message = f"unit {target.unit!r} is not understood for {name.replace('_', ' ')}"
            examples = [u for u in UNDERSTOOD[quantity] if _conversion(name, u) is not None]
            mend = f"Give one of: {', '.join(examples)}."
            findings.append(Finding(file, f"{key}.unit", "", message, mend))
        if not target.value > 0:
            message = f"{target.value:g} is not a positive number"
            mend = "Give the value, or remove the table where it is not known."
            findings.append(Finding(file, f"{key}.value", "", message, mend))
        if target.sd is not None and target.relative_error is not None:
            message = "both sd and relative_error are given"
            findings.append(Finding(file, key, "", message, "Keep one of them."))
        elif target.sd is not None and target.sd > WIDEST_ERROR * abs(target.value):
            message = f"sd {target.sd:g} beside the value {target.value:g} {target.unit}"
            mend = "Give both in the same unit."
            findings.append(Finding(file, f"{key}.sd", "", message, mend))
    return findings


def _soil_findings(table: TargetsFile, file: str) -> list[Finding]:
    """Depth, share and horizons that do not fit together."""
    soil = table.soil
    if soil is None:
        return []
    findings = []
    if (soil.share is None) == (soil.depth is None):
        both = (
            "both share and depth are" if soil.share is not None else "neither share nor depth is"
        )
        mend = "Give the depth with [[soil.horizons]], or the share alone."
        findings.append(Finding(file, "soil", "", f"{both} given", mend))
    if (soil.depth is None) != (not soil.horizons):
        message = "depth and [[soil.horizons]] go together, and one of them is missing"
        mend = "Give both, or the share alone."
        findings.append(Finding(file, "soil", "", message, mend))
    scale = single_conversion(soil.unit, "soil_organic_carbon")
    if scale is None:
        message = f"unit {soil.unit!r} is not understood for the carbon of horizons"
        mend = f"Give one of: {', '.join(UNDERSTOOD['carbon stock'])}."
        findings.append(Finding(file, "soil.unit", "", message, mend))
    target = table.targets.get("soil_organic_carbon")
    of_target = None if target is None else _conversion("soil_organic_carbon", target.unit)
    if soil.horizons and scale is not None and of_target is not None and target.value > 0:
        total = float(scale.apply(sum(one.carbon for one in soil.horizons)))
        whole = float(of_target.apply(target.value))
        if abs(total / whole - 1) > SAME_CARBON:
            message = f"horizons hold {total:g} g C m-2, the target is {whole:g} g C m-2"
            mend = "Give the carbon of every horizon down to the depth of the target, in soil.unit."
            findings.append(Finding(file, "soil.horizons", "", message, mend))
    return findings


def _parameter_findings(table: TargetsFile, file: str) -> list[Finding]:
    """Base set, overrides, priors and free parameters that are not known or not possible."""
    findings = []
    if table.parameter_set not in parameter_set_names():
        message = f"unknown parameter set {table.parameter_set!r}"
        mend = nearest(table.parameter_set, parameter_set_names())
        findings.append(Finding(file, "parameter_set", "", message, mend))
    known: dict[str, str] = {}
    for key, names in (("overrides", table.overrides), ("prior_sd", table.prior_sd)):
        for name in names:
            try:
                known[name] = resolve_name(name)
            except KeyError as error:
                text = error.args[0]
                findings.append(Finding(file, f"{key}.{name}", "", text, "Correct the name."))
    for name, override in table.overrides.items():
        low, high = REGISTRY[known[name]].bounds if name in known else (-np.inf, np.inf)
        if not low <= override.value <= high:
            message = f"{override.value:g} is outside its bounds {low:g} … {high:g}"
            mend = "Give a value inside."
            findings.append(Finding(file, f"overrides.{name}.value", "", message, mend))
    for name, sd in table.prior_sd.items():
        if not sd > 0:
            message, mend = f"{sd:g} is not a positive number", "Give a standard deviation."
            findings.append(Finding(file, f"prior_sd.{name}", "", message, mend))
    if table.free:
        try:
            expand_names(tuple(table.free))
        except ValueError as error:
            findings.append(Finding(file, "free", "", str(error), "Correct the list."))
    return findings


def _climate_findings(table: TargetsFile, file: str) -> list[Finding]:
    """Years that run backwards."""
    years = table.climate.years
    if years is None or years[0] <= years[1]:
        return []
    message = f"years {years[0]}-{years[1]} run backwards"
    return [Finding(file, "climate.years", "", message, "Give the first and the last year.")]


def _conversion(name: str, unit: str) -> Conversion | None:
    """Conversion of a target's unit to the model's, per year."""
    return single_conversion(unit, TARGETS[name])


def _community(table: TargetsFile, file: str) -> Community:
    """Community of a checked table."""
    share, notes = _soil_share(table)
    targets = []
    for name in TARGETS:
        if name not in table.targets:
            continue
        target = table.targets[name]
        stated = float(_conversion(name, target.unit).apply(target.value))
        value = stated * (share if name in SOIL_MATTER else 1.0)
        relative, how = _relative_error(table, target)
        targets.append(
            TargetValue(name, value, relative * value, stated, how, target.source or table.source)
        )
    period = f"targets of {table.period}" if table.period else ""
    assumed = [
        f"{name} {one.value:g} {REGISTRY[resolve_name(name)].unit}, in place of the set's"
        f"{', assumed' if one.assumed else ''}: {one.source}"
        for name, one in table.overrides.items()
    ]
    scaled = [
        f"{symbol} {one.value:g} times that of {table.parameter_set}"
        f"{', assumed' if one.assumed else ''}: {one.source}"
        for symbol, one in table.factors.items()
    ]
    widths = [
        f"prior width of {name} {sd:g} in prior space"
        f" (registry {parameter_info(resolve_name(name)).prior_sd:g})"
        for name, sd in table.prior_sd.items()
    ]
    return Community(
        name=table.name,
        title=table.title,
        source=table.source,
        parameter_set=table.parameter_set,
        targets=tuple(targets),
        factors={symbol: one.value for symbol, one in table.factors.items()},
        overrides={resolve_name(k): one.value for k, one in table.overrides.items()},
        prior_sd={resolve_name(k): sd for k, sd in table.prior_sd.items()},
        free=tuple(table.free),
        years=table.climate.years,
        co2=table.climate.co2,
        notes=tuple(filter(None, (period, *notes, *scaled, *assumed, *widths))),
        file=file,
    )


def _relative_error(table: TargetsFile, target: TargetTable) -> tuple[float, str]:
    """Error of a target as a share of its value, and where it comes from."""
    if target.sd is not None:
        return target.sd / target.value, "sd of the target"
    if target.relative_error is not None:
        return target.relative_error, f"{target.relative_error:.0%} of the value, of the target"
    of_file = "relative_error" in table.model_fields_set
    where = "of the file" if of_file else "by default, our choice"
    return table.relative_error, f"{table.relative_error:.0%} of the value, {where}"


def _soil_share(table: TargetsFile) -> tuple[float, list[str]]:
    """Share of the stocks of soil matter that the model's pools stand for, and a note."""
    soil = table.soil
    named = [name for name in SOIL_MATTER if name in table.targets]
    if not named:
        return 1.0, []
    if soil is None:
        return 1.0, ["soil stocks count whole: the file states no depth of the model's pools"]
    assumed = ", assumed" if soil.assumed else ""
    if soil.share is not None:
        note = f"{soil.share:.0%} of the soil stocks count{assumed}: {soil.source}"
        return soil.share, [note]
    horizons = [Horizon(one.carbon, one.thickness, one.exponent) for one in soil.horizons]
    share = share_above(horizons, soil.depth)
    deepest = sum(one.thickness for one in horizons)
    note = (
        f"{share:.1%} of the soil stocks count, what lies above {soil.depth:g} m of a profile of "
        f"{deepest:.2f} m{assumed}: {soil.source}"
    )
    return share, [note]
