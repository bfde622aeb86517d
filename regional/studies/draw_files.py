"""Files of a run with drawn parameters: summary, regional series and totals by draw, maps.

The parameters of all draws are in one table, the totals of every draw in another with the same
numbers: what varies with what can be read without temjax.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temjax import __version__
from temjax.files.atomic import atomic_write, write_text
from temjax.regional.diagnostics.drawn import SERIES_ENDING, series_variables
from temjax.regional.diagnostics.members import QUANTILES
from temjax.regional.diagnostics.naming import variable_name
from temjax.regional.diagnostics.totals import REGION, GroupSeries
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.domain import Domain
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.results.formats import write_dataset
from temjax.regional.studies.draw_run import DrawnMember
from temjax.regional.studies.draw_statistics import (
    MISSING,
    Statistics,
    quantiles,
    series_rows,
    summary,
)
from temjax.regional.studies.parameter_sources import Source, draw_values

PARAMETERS_FILE = "draws_parameters.csv"
SHOWN = ("SOC_PF", "ΔSOC_NET", "ΣΔNEP", "NPP S_T", "ALT S_T")  # on the terminal, of the region
PANELS = (
    ("delta", "SOC_PF", "SOC_PF, Tg C"), ("delta", "ΔNEP", "ΣΔNEP, Tg C"),
    ("delta", "ΔSOC_NET", "ΔSOC_NET, Tg C"), ("S_T", "NPP", "NPP of S_T, Tg C yr⁻¹"),
    ("S_T", "SOC", "SOC of S_T, Tg C"), ("S_T", "ALT", "active layer of S_T, m"),
)  # fmt: skip
SUMMED = ("ΔNEP",)  # shown as sums since the branch


def write_parameters_of_draws(sources: Sequence[Source], draws: int, seed: int, out: Path) -> Path:
    """Write the drawn parameters, one row per draw, one column per type and parameter."""
    columns = {}
    for source in sources:
        values = draw_values(source, draws, seed)
        for vegetation, numbers in source.columns.items():
            columns |= {f"{vegetation}:{n}": values[:, column] for n, column in numbers.items()}
    table = pd.DataFrame(columns, index=pd.Index(range(1, draws + 1), name="draw"))
    return _write_table(table, out / PARAMETERS_FILE, index=True)


def write_draws(
    experiment: Experiment,
    member: DrawnMember,
    result: Statistics,
    central: dict[str, dict[str, float]],
    record: dict,
    out: Path,
) -> list[Path]:
    """Write the files of a member, the summary last, which marks them as complete.

    Args:
        experiment: choices.
        member: the runs.
        result: their statistics.
        central: numbers of the ordinary run by group and name; possibly empty.
        record: what the summary says of the draws besides.
        out: folder.
    """
    stem = f"draws_{member.member}_{member.scenario}".lower()
    label = f"{LABEL} " if member.domain.synthetic and LABEL not in experiment.title else ""
    title = f"{label}{experiment.title}: {member.draws} draws of the parameters, "
    title += f"{member.member} {member.scenario}"
    document = {
        "title": title,
        "member": member.member,
        "scenario": member.scenario,
        "source": f"temjax {__version__}",
        "configuration_hash": experiment.hash,
        **record,
        "failed": (np.flatnonzero(result.failed) + 1).tolist(),
        "failed_means": f"lacks more than {MISSING:.0%} of the area, left out of the numbers",
        "draws_with_missing_cells": int(np.sum(result.missing > 0)),
        "flagged_cell_draws": result.flagged,
        "shared_heat": member.shared_heat,
        "units": "Tg C or Tg N (yr-1), m, degC; last decade of a run where a name ends with it",
        "area_km2": {name: group.area for name, group in result.groups.items()},
        "numbers": {
            group: {
                name: summary(values) | {"ordinary_run": _number(central.get(group, {}).get(name))}
                for name, values in numbers.items()
            }
            for group, numbers in result.numbers.items()
        },
    }
    endings = (".json", "_series.csv", "_totals.csv", ".nc", SERIES_ENDING, ".png")
    paths = [out / f"{stem}{ending}" for ending in endings]
    series = pd.DataFrame(series_rows(result.groups, member.years))
    _write_table(series, paths[1], index=False)
    totals = pd.DataFrame(result.numbers[REGION], index=range(1, member.draws + 1))
    totals.insert(0, "failed", result.failed)
    totals.insert(1, "missing_area", result.missing)
    _write_table(totals.rename_axis("draw"), paths[2], index=True)
    _write_maps(paths[3], title, member.domain, result)
    variables = series_variables(result.groups, result.bands, member.years)
    write_dataset(paths[4], _attributes(title), variables)
    figure = bands(result.groups[REGION], member.years["future"], title)
    FigureCanvasAgg(figure)
    figure.savefig(paths[5], dpi=110)
    write_text(paths[0], json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return paths


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else value


def _write_table(table: pd.DataFrame, path: Path, *, index: bool) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial:
        table.to_csv(partial, index=index, float_format="%.10g")
    return path


def _attributes(title: str) -> dict[str, str]:
    return {"Conventions": "CF-1.8", "title": title, "source": f"temjax {__version__}"}


def _write_maps(path: Path, title: str, domain: Domain, result: Statistics) -> None:
    latitude, longitude = domain.grid.fields()
    space = {"coordinates": "lat lon"}

    def gridded(values: NDArray) -> NDArray:
        return domain.to_grid(np.asarray(values, dtype=float)).astype("f4")

    variables = [
        ("quantile", xr.Variable("quantile", np.array(QUANTILES), {"long_name": "quantile"})),
        ("lat", xr.Variable(("y", "x"), latitude,
                            {"units": "degrees_north", "standard_name": "latitude"})),
        ("lon", xr.Variable(("y", "x"), longitude,
                            {"units": "degrees_east", "standard_name": "longitude"})),
        ("draws_used", xr.Variable(("y", "x"), gridded(result.used),
                                   {"long_name": "draws with a result", "units": "1"} | space)),
    ]  # fmt: skip
    for name, values in result.maps.items():
        text = {"long_name": f"{name}: quantiles over draws", "units": map_unit(name)}
        variable = xr.Variable(("quantile", "y", "x"), gridded(values), text | space)
        variables.append((variable_name(name), variable))
        text = {"long_name": f"{name}: share of draws above zero", "units": "1"}
        share = xr.Variable(("y", "x"), gridded(result.above_zero[name]), text | space)
        variables.append((f"{variable_name(name)}_above_zero", share))
    write_dataset(path, _attributes(title), variables)


def map_unit(name: str) -> str:
    """Unit of a map, UDUNITS."""
    if name.startswith(("ALT", "thaw depth")):
        return "m"
    if name.startswith("MAGT"):
        return "degC"
    if name.startswith(("permafrost", "talik")):
        return "1"
    rates = ("GPP", "NPP", "RH", "NEP", "LTRN", "NetNMin", "VegNup")
    return "g m-2 yr-1" if name.startswith(rates) else "g m-2"


def bands(region: GroupSeries, years: NDArray, title: str) -> Figure:
    """Median and 5–95 % of regional series over the draws."""
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    panels = figure.subplots(2, 3, sharex=True)
    for axes, (run, label, text) in zip(panels.flat, PANELS, strict=True):
        values = region.delta[label] if run == "delta" else region.runs[run][label]
        if label in SUMMED:
            values = np.cumsum(values, axis=0)
        low, middle, high = quantiles(values.T)
        axes.fill_between(years, low, high, color="C0", alpha=0.3, lw=0, label="5–95 %")
        axes.plot(years, middle, color="C0", label="median")
        axes.set_title(text, fontsize=9)
    panels[0, 0].legend(fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=10)
    return figure
