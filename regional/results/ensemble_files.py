"""Ensemble files: mean and standard deviation over climate models, one variable at a time."""

from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import xarray as xr

from temjax.files.findings import DataError, Finding
from temjax.regional.results.cf_variables import difference_units
from temjax.regional.results.formats import open_dataset, write_dataset
from temjax.regional.results.member_files import DIFFERENCE, FILE_NAMES
from temjax.regional.results.read_back import StoredMember, annual_file
from temjax.regional.run.workers import SERIAL, Workers

_COPIED = (
    "Conventions", "institution", "contact", "source", "references", "experiment", "region",
    "climate_scenario", "branch_year", "branch_baseline", "branch_baseline_years",
    "first_exposure_year", "spin_up", "equilibrium", "active_layer_rule", "root_zone_nitrogen",
    "freezing_cutoff", "model_options", "configuration_hash", "parameter_hashes", "title",
    "comment",
)  # fmt: skip
STATISTICS = {"ensmean": "mean", "enssd": "standard deviation (n - 1)"}
_LONG_NAME = {"ensmean": "mean over climate models", "enssd": "SD over climate models"}


def submit_ensemble(
    members: list[StoredMember], out: Path, workers: Workers = SERIAL
) -> dict[Path, Future]:
    """Submit the mean and SD files of one scenario to workers; none for a single member.

    Cells that are masked in one member are missing in the statistics, so that all cells have the
    same members.

    Raises:
        DataError: members on different grids or years; raised by the future if workers write.
    """
    if len(members) < 2:
        return {}
    futures, first = {}, members[0]
    labels = [member.member for member in members]
    for name in (*FILE_NAMES.values(), DIFFERENCE):
        files = [annual_file(out, member.attributes, name, member.suffix) for member in members]
        years = "_".join(files[0].stem.split("_")[-2:])
        region = first.attributes["region"]
        for statistic in STATISTICS:
            stem = f"temjax_{statistic}_{first.scenario}_{name}_{region}_annual_{years}".lower()
            path = out / f"{stem}{first.suffix}"
            futures[path] = workers.submit(_write_statistic, path, files, labels, statistic)
    return futures


def _write_statistic(path: Path, files: list[Path], members: list[str], statistic: str) -> None:
    with ExitStack() as stack:
        sources = [stack.enter_context(open_dataset(file)) for file in files]
        _require_one_grid(files, sources)
        first = sources[0]
        attributes = {key: first.attrs[key] for key in _COPIED if key in first.attrs}
        attributes |= {
            "climate_model": ", ".join(members),
            "ensemble_statistic": STATISTICS[statistic],
            "title": f"{attributes['title']}: {_LONG_NAME[statistic]}",
        }
        reduced = ((str(name), _reduce(str(name), sources, statistic)) for name in first.variables)
        write_dataset(path, attributes, reduced)


def _require_one_grid(files: list[Path], sources: list[xr.Dataset]) -> None:
    for name in ("time", "lat", "lon"):
        for file, source in zip(files, sources, strict=True):
            if not np.array_equal(source[name].values, sources[0][name].values):
                message = f"differs from that of {files[0].name}"
                mend = "Put members of one domain and period into a folder."
                raise DataError([Finding(str(file), name, "", message, mend)])


def _reduce(name: str, sources: list[xr.Dataset], statistic: str) -> xr.Variable:
    """Statistic of a variable over members; coordinates are copied."""
    first = sources[0].variables[name]
    if "time" not in first.dims or name in ("time", "time_bnds"):
        return xr.Variable(first.dims, first.values, first.attrs, first.encoding)
    values = np.stack([source.variables[name].values for source in sources]).astype(float)
    reduced = values.mean(axis=0) if statistic == "ensmean" else values.std(axis=0, ddof=1)
    attributes = dict(first.attrs)
    attributes["long_name"] = f"{_LONG_NAME[statistic]}: {attributes['long_name']}"
    if statistic == "enssd":
        attributes.pop("standard_name", None)
        attributes["units"] = difference_units(attributes["units"])
    return xr.Variable(first.dims, reduced.astype(np.float32), attributes, first.encoding)
