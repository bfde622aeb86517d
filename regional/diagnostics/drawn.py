"""Draws of a run in its folder: regional series of every draw, and what was drawn.

A member has a summary ``draws_MODEL_SCENARIO.json``, maps beside it, and the series written here.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from temjax.regional.diagnostics.naming import variable_name
from temjax.regional.diagnostics.totals import MEANS, GroupSeries, MemberSeries, MemberTotals
from temjax.regional.results.formats import open_dataset

SERIES_ENDING = "_series.nc"
DELTA = "S_T - S_R"  # in place of the name of a run
_RATES = ("GPP", "NPP", "RH", "NEP", "LTR", "NetNMin", "VegNup")  # how labels of fluxes begin
_OWN_UNITS = {"MAGT": "degC", "talik": "1", "permafrost": "1"}  # of means; others are in m


@dataclass(frozen=True)
class MemberDraws(MemberSeries):
    """Series of a member's draws, ``(year, draw)``; NaN in draws that failed.

    Attributes:
        record: the summary.
        maps: file of maps.
    """

    record: dict
    maps: Path


def series_unit(label: str) -> str:
    """Unit of a regional series, UDUNITS."""
    if label in MEANS:
        return _OWN_UNITS.get(label, "m")
    return "Tg yr-1" if label.removeprefix("Δ").startswith(_RATES) else "Tg"


def series_variables(
    groups: Mapping[str, GroupSeries], bands: Mapping[str, GroupSeries], years: Mapping
) -> Iterator[tuple[str, xr.Variable]]:
    """Variables of the file of series: ``(group, year, draw)`` by run and label.

    Args:
        groups: region and vegetation types, ``(year, draw)``.
        bands: latitude bands.
        years: of ``historical`` and ``future``.
    """
    of_all = {**groups, **bands}
    kind = ["group"] * len(groups) + ["latitude band"] * len(bands)
    first = next(iter(groups.values()))
    draws = next(iter(first.delta.values())).shape[1]
    yield "group", xr.Variable("group", list(of_all), {"long_name": "group of cells"})
    yield "kind", xr.Variable("group", kind, {"long_name": "kind of group"})
    areas = [group.area for group in of_all.values()]
    yield "area", xr.Variable("group", areas, {"long_name": "area", "units": "km2"})
    yield "draw", xr.Variable("draw", np.arange(1, draws + 1), {"long_name": "draw"})
    for run, values in years.items():
        yield f"year_{run}", xr.Variable(f"year_{run}", values, {"long_name": "year"})
    for run, labels in {DELTA: first.delta, **first.runs}.items():
        for label in labels:
            values = np.stack([_series(group, run)[label] for group in of_all.values()])
            axis = "year_historical" if run == "historical" else "year_future"
            attributes = {
                "long_name": f"{label} of {run}",
                "units": series_unit(label),
                "run": run,
                "series": label,
            }
            name = f"{run.replace(' - ', '_minus_')}_{variable_name(label)}"
            yield name, xr.Variable(("group", axis, "draw"), values.astype("f4"), attributes)


def _series(group: GroupSeries, run: str) -> dict:
    return group.delta if run == DELTA else group.runs[run]


def read_draws(folder: Path, members: list[MemberTotals]) -> tuple[list[MemberDraws], list[str]]:
    """Read the draws of the members of a run, ordered as they are.

    Returns:
        The draws, possibly none, and what was left out: draws of another configuration, those that
        differ in number, seed or sources from most, or lack their series.
    """
    hashes = {(m.member, m.scenario): m.stored.attributes["configuration_hash"] for m in members}
    records, notes = {}, []
    for path in sorted(folder.glob("draws_*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        key = record["member"], record["scenario"]
        if "configuration_hash" not in record or not _series_path(path).is_file():
            notes.append(f"{path.name}: written by an older version")
        elif key not in hashes:
            notes.append(f"{path.name}: the run has no such member")
        elif record["configuration_hash"] != hashes[key]:
            notes.append(f"{path.name}: draws of another configuration than the run's")
        else:
            records[key] = path, record
    choices = {key: _choice(record) for key, (_, record) in records.items()}
    if len(set(choices.values())) > 1:
        usual = Counter(choices.values()).most_common(1)[0][0]
        for key in [key for key, choice in choices.items() if choice != usual]:
            notes.append(f"{records.pop(key)[0].name}: other draws than those of the other members")
    if records:
        notes += [f"{' '.join(key)}: has no draws" for key in hashes if key not in records]
    ends = ". Run temjax project --draws again, with --resume."
    drawn = [_read_member(*records[key]) for key in hashes if key in records]
    return drawn, [f"{note}{ends}" for note in notes]


def _choice(record: dict) -> str:
    return json.dumps([record[name] for name in ("draws", "seed", "unfitted", "sources")])


def _series_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}{SERIES_ENDING}")


def _read_member(path: Path, record: dict) -> MemberDraws:
    series: dict[str, dict[str, dict]] = {}
    with open_dataset(_series_path(path)) as file:
        names = [str(name) for name in file["group"].values]
        is_band = [str(kind) != "group" for kind in file["kind"].values]
        areas = file["area"].values
        years = {run: file[f"year_{run}"].values for run in ("historical", "future")}
        for variable in file.data_vars.values():
            if "series" not in variable.attrs:
                continue
            values = variable.values.astype(float)
            run, label = variable.attrs["run"], variable.attrs["series"]
            for name, of_group in zip(names, values, strict=True):
                series.setdefault(name, {}).setdefault(run, {})[label] = of_group
    groups = {
        name: GroupSeries(float(area), runs.pop(DELTA), runs)
        for (name, runs), area in zip(series.items(), areas, strict=True)
    }
    bands = {name for name, band in zip(names, is_band, strict=True) if band}
    return MemberDraws(
        member=record["member"],
        scenario=record["scenario"],
        years=years,
        groups={name: group for name, group in groups.items() if name not in bands},
        bands={name: group for name, group in groups.items() if name in bands},
        record=record,
        maps=path.with_suffix(".nc"),
    )
