"""Table and figure of the effect of each driver, from the files of ``temjax attribute``."""

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temjax.regional.diagnostics.members import MeanSD, mean_sd
from temjax.regional.diagnostics.naming import Units, scenario_name
from temjax.regional.diagnostics.tables import Table
from temjax.regional.diagnostics.totals import REGION
from temjax.regional.figures.panels import COLOURS, finish, panels, shaded
from temjax.regional.studies.attribution import ALL, BASELINE, RUNS

SINGLE = tuple(name for name in RUNS if name not in (BASELINE, ALL))
INTERACTION = "together"  # interaction: effect of all drivers less the sum of the single ones
_SHOWN = ("ΣNPP", "ΣRH", "ΣNEP", "VegC", "SOC")
_LARGE = 1e6  # km², of a record without an area

Effects = dict[str, NDArray]


def read_attributions(folder: Path) -> list[dict]:
    """Read the records of every member in a folder, ordered by scenario and member."""
    paths = folder.glob("attribution_*.json")
    records = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return sorted(records, key=lambda record: (record["scenario"], record["member"]))


def effects(record: dict, group: str = REGION) -> dict[str, Effects]:
    """Annual effects by driver and quantity relative to the run without changes, Tg C.

    Fluxes are summed from the branch on. ``together`` is the effect of all drivers less the sum
    of the single ones.
    """
    runs = {name: _quantities(series) for name, series in record["groups"][group].items()}
    baseline = runs[BASELINE]
    by_driver = {
        name: {label: values - baseline[label] for label, values in runs[name].items()}
        for name in (*SINGLE, ALL)
    }
    by_driver[INTERACTION] = {
        label: by_driver[ALL][label] - sum(by_driver[name][label] for name in SINGLE)
        for label in baseline
    }
    return by_driver


def _quantities(series: dict[str, list[float]]) -> Effects:
    arrays = {label: np.asarray(values) for label, values in series.items()}
    sums = {f"Σ{label}": np.cumsum(arrays[label]) for label in ("NPP", "RH")}
    sums["ΣNEP"] = sums["ΣNPP"] - sums["ΣRH"]
    return sums | {"VegC": arrays["VegC"], "SOC": arrays["SOC"]}


def _units(records: list[dict]) -> Units:
    return Units.of_area(records[0].get("area", _LARGE))


def drivers_table(records: list[dict]) -> Table:
    """Table of effects by the last year, mean ± SD over climate models where there are several."""
    rows, units = [], _units(records)
    for scenario in sorted({record["scenario"] for record in records}):
        chosen = [effects(record) for record in records if record["scenario"] == scenario]
        for name in (*SINGLE, INTERACTION, ALL):
            values: list[MeanSD] = [
                mean_sd(
                    float(of_member[name][label][-1]) / units.amount_size for of_member in chosen
                )
                for label in _SHOWN
            ]
            words = {INTERACTION: "interaction", ALL: "all together"}.get(name, f"{name} alone")
            rows.append((scenario_name(scenario), words, *(value.text(0) for value in values)))
    head = ("scenario", "driver", *(f"{label}, {units.amount} C" for label in _SHOWN))
    years = records[0]["held_years"]
    note = (
        "Against a run in which nothing changes after the branch year: climate repeats the last "
        f"{years} years of the history, CO2 is held, exposure is off. Exposure alone takes the "
        "active layer of the changing climate. SOC counts what was exposed as gained."
    )
    return Table("What each driver does", note, head, rows)


def drivers_figure(records: list[dict]) -> Figure:
    """Plot the effect of each driver on the carbon balance through time."""
    names, units = sorted({record["scenario"] for record in records}), _units(records)
    figure, axes = panels(1, len(names), 3.4)
    for panel, scenario in zip(axes, names, strict=True):
        chosen = [record for record in records if record["scenario"] == scenario]
        for name, colour in zip((*SINGLE, ALL), COLOURS, strict=False):
            rows = [effects(record)[name]["ΣNEP"] / units.amount_size for record in chosen]
            shaded(panel, np.asarray(chosen[0]["years"]), rows, colour, name)
        finish(panel, f"ΣNEP by driver, {scenario_name(scenario)}", f"{units.amount} C")
    return figure
