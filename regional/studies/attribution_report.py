"""What each driver did, from the files of ``temjax attribute``: a table and a figure."""

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temjax.regional.diagnostics.tables import Ours, Table, spread
from temjax.regional.diagnostics.totals import REGION
from temjax.regional.figures.paper_figures import COLOURS, finish, panels, shaded
from temjax.regional.studies.attribution import ALL, BASELINE, RUNS

SINGLE = tuple(name for name in RUNS if name not in (BASELINE, ALL))
TOGETHER = "together"  # what is more, or less, than the sum of the single effects
_SHOWN = {"ΣNPP": "Tg C", "ΣRH": "Tg C", "ΣNEP": "Tg C", "VegC": "Tg C", "SOC": "Tg C"}

Effects = dict[str, NDArray]


def read_attributions(folder: Path) -> list[dict]:
    """The records of every member in a folder, in order of scenario and member."""
    paths = folder.glob("attribution_*.json")
    records = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return sorted(records, key=lambda record: (record["scenario"], record["member"]))


def effects(record: dict, group: str = REGION) -> dict[str, Effects]:
    """Driver to quantity to annual effect against the run in which nothing changes, Tg C.

    Fluxes are summed from the branch on. ``together`` is the effect of all drivers less the sum
    of the single ones.
    """
    runs = {name: _quantities(series) for name, series in record["groups"][group].items()}
    baseline = runs[BASELINE]
    made = {
        name: {label: values - baseline[label] for label, values in runs[name].items()}
        for name in (*SINGLE, ALL)
    }
    made[TOGETHER] = {
        label: made[ALL][label] - sum(made[name][label] for name in SINGLE) for label in baseline
    }
    return made


def _quantities(series: dict[str, list[float]]) -> Effects:
    given = {label: np.asarray(values) for label, values in series.items()}
    sums = {f"Σ{label}": np.cumsum(given[label]) for label in ("NPP", "RH")}
    sums["ΣNEP"] = sums["ΣNPP"] - sums["ΣRH"]
    return sums | {"VegC": given["VegC"], "SOC": given["SOC"]}


def drivers_table(records: list[dict]) -> Table:
    """Effects by the last year, mean ± SD over climate models."""
    rows = []
    for scenario in sorted({record["scenario"] for record in records}):
        chosen = [effects(record) for record in records if record["scenario"] == scenario]
        for name in (*SINGLE, TOGETHER, ALL):
            values: list[Ours] = [
                spread(float(made[name][label][-1]) for made in chosen) for label in _SHOWN
            ]
            words = {TOGETHER: "interaction", ALL: "all together"}.get(name, f"{name} alone")
            rows.append((scenario, words, *(value.text(0) for value in values)))
    head = ("scenario", "driver", *(f"{label}, {unit}" for label, unit in _SHOWN.items()))
    held = records[0]["held_years"]
    note = (
        "Against a run in which nothing changes after the branch year: climate repeats the last "
        f"{held} years of the history, CO2 is held, exposure is off. Exposure alone takes the "
        "active layer of the changing climate. SOC counts what was exposed as gained."
    )
    return Table("What each driver does", note, head, rows)


def drivers_figure(records: list[dict]) -> Figure:
    """Effect of each driver on the carbon balance through time."""
    names = sorted({record["scenario"] for record in records})
    figure, axes = panels(1, len(names), 3.4)
    for panel, scenario in zip(axes, names, strict=True):
        chosen = [record for record in records if record["scenario"] == scenario]
        for name, colour in zip((*SINGLE, ALL), COLOURS, strict=False):
            rows = [effects(record)[name]["ΣNEP"] for record in chosen]
            shaded(panel, np.asarray(chosen[0]["years"]), rows, colour, name)
        finish(panel, f"ΣNEP by driver, {scenario}", "Tg C")
    return figure
