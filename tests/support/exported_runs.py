"""Run folders of made members, and what their exports hold."""

from dataclasses import replace
from importlib.resources import files
from io import StringIO

import numpy as np
import xarray as xr
from rich.console import Console

from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.exports.export import export_run
from temjax.regional.inputs.climate import Segment
from temjax.regional.report.member import write_summary
from temjax.regional.results.effect import summarise
from temjax.regional.results.member_files import submit_member_files
from temjax.regional.run.provenance import write_record
from tests.support.made_member import made_member

MONTHLY = ("gpp", "npp", "ra", "rh", "evap", "tsl", "soilmoist", "swe")
YEARS = 3  # 2019-2021


def written(experiment, result, folder):
    """A run folder of the member."""
    submit_member_files(experiment, result, folder)
    write_summary(experiment, result, summarise(experiment, result), folder)
    write_record(experiment, folder)
    return folder


def plateau_run(folder):
    """Experiment, member and run folder of four half-degree cells of the plateau."""
    text = (files("temjax.regional") / "experiments" / "qtp-analogue.toml").read_text(
        encoding="utf-8"
    )
    text = text.split("[parameters]")[0].replace("[1861, 1900]", "[1991, 1992]")
    text = text.replace("[1901, 2020]", "[2019, 2020]").replace("[2021, 2099]", "[2021, 2021]")
    kept = ", ".join(f'"{name}"' for name in MONTHLY)
    text = text.replace("= 1901", "= 2019") + f"[output]\nmonthly = [{kept}]\n"
    (folder / "plateau.toml").write_text(text, encoding="utf-8")
    box = (91.9, 33.4, 92.9, 34.4)
    experiment = read_experiment(folder / "plateau.toml").select(["A"], ["rcp85"], cells=box)
    result = made_member(experiment, "A")
    parts = (Segment("historical", 1861, 2005), Segment("rcp85", 2006, 2099))
    result = replace(result, segments=parts)
    return experiment, result, written(experiment, result, folder / "run")


def exported(folder, out, project, **choices):
    """What an export prints, and its files by name."""
    text = StringIO()
    console = Console(file=text, width=1000)
    export_run(folder, out, project, console, **choices)
    return text.getvalue(), {path.name: path for path in sorted(out.glob("*.nc"))}


def series(result, name, branch="S_T"):
    """History and branch of a product, ``(time, [depth,] cell)``."""
    parts = [result.products[f"{run}/{name}"] for run in ("historical", branch)]
    if name.startswith("monthly "):
        parts = [part.reshape(-1, *part.shape[2:]) for part in parts]
    return np.concatenate(parts)


def cells(path, name, result):
    """Values of the cells of a file, NaN where they are missing."""
    with xr.open_dataset(path, decode_times=False) as file:
        values = file[name].load()
    latitude, longitude = (next(d for d in values.dims if d[:3] == kind) for kind in ("lat", "lon"))
    domain = result.domain
    return np.stack(
        [
            values.sel({latitude: lat, longitude: lon}, method="nearest").values
            for lat, lon in zip(domain.latitude, domain.longitude, strict=True)
        ],
        axis=-1,
    )
