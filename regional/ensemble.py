"""Mean and standard deviation over climate models as files, one variable at a time."""

from pathlib import Path

import netCDF4
import numpy as np

from regional.output import DIFFERENCE, FILE_NAMES, FILL
from regional.stored import StoredMember, annual_file
from temjax.run_files import written_whole
from temjax.validation import DataError, Finding

_KEPT = (
    "Conventions", "institution", "contact", "source", "references", "experiment", "region",
    "climate_scenario", "branch_year", "first_exposure_year", "spin_up", "equilibrium",
    "active_layer_rule", "root_zone_nitrogen", "model_options", "configuration_hash",
    "parameter_hashes", "title", "comment",
)  # fmt: skip
STATISTICS = {"ensmean": "mean", "enssd": "standard deviation (n - 1)"}
_LONG_NAME = {"ensmean": "mean over climate models", "enssd": "SD over climate models"}


def write_ensemble(members: list[StoredMember], out: Path) -> list[Path]:
    """Mean and SD files of every scenario with two members or more; returns their paths.

    Cells that are masked in one member are missing in the statistics, so that all cells rest on
    the same members.

    Raises:
        DataError: members of one scenario on different grids or years.
    """
    paths = []
    for scenario in sorted({member.scenario for member in members}):
        chosen = [member for member in members if member.scenario == scenario]
        if len(chosen) < 2:
            continue
        for name in (*FILE_NAMES.values(), DIFFERENCE):
            files = [annual_file(out, member.attributes, name) for member in chosen]
            years = "_".join(files[0].stem.split("_")[-2:])
            region = chosen[0].attributes["region"]
            for statistic in STATISTICS:
                stem = f"temjax_{statistic}_{scenario}_{name}_{region}_annual_{years}".lower()
                path = out / f"{stem}.nc"
                _write(files, [member.member for member in chosen], statistic, path)
                paths.append(path)
    return paths


def _write(files: list[Path], members: list[str], statistic: str, path: Path) -> None:
    sources = [netCDF4.Dataset(file) for file in files]
    try:
        first = sources[0]
        _check(files, sources)
        with (
            written_whole(path) as partial,
            netCDF4.Dataset(partial, "w", format="NETCDF4_CLASSIC") as made,
        ):
            attributes = {k: first.getncattr(k) for k in _KEPT if k in first.ncattrs()}
            attributes |= {
                "climate_model": ", ".join(members),
                "ensemble_statistic": STATISTICS[statistic],
                "title": f"{attributes['title']}: {_LONG_NAME[statistic]}",
            }
            made.setncatts(attributes)
            for name, dimension in first.dimensions.items():
                made.createDimension(name, dimension.size)
            for name in first.variables:
                _copy(name, sources, made, statistic)
    finally:
        for source in sources:
            source.close()


def _check(files: list[Path], sources: list[netCDF4.Dataset]) -> None:
    for name in ("time", "lat", "lon"):
        for file, source in zip(files, sources, strict=True):
            if not np.array_equal(source[name][:], sources[0][name][:]):
                message = f"differs from that of {files[0].name}"
                mend = "Put members of one domain and period into a folder."
                raise DataError([Finding(str(file), name, "", message, mend)])


def _copy(name: str, sources: list[netCDF4.Dataset], made: netCDF4.Dataset, statistic: str) -> None:
    """Coordinates as they are, statistics of everything that changes in time."""
    first = sources[0][name]
    attributes = {key: first.getncattr(key) for key in first.ncattrs() if key != "_FillValue"}
    if "time" not in first.dimensions or name in ("time", "time_bnds"):
        filled = first.getncattr("_FillValue") if "_FillValue" in first.ncattrs() else None
        copy = made.createVariable(name, first.dtype, first.dimensions, fill_value=filled)
        copy.setncatts(attributes)
        copy[...] = first[...]
        return
    values = np.stack([np.ma.filled(source[name][:].astype(float), np.nan) for source in sources])
    reduced = values.mean(axis=0) if statistic == "ensmean" else values.std(axis=0, ddof=1)
    copy = made.createVariable(
        name, "f4", first.dimensions, zlib=True, complevel=5, shuffle=True,
        fill_value=np.float32(FILL), chunksizes=first.chunking(),
    )  # fmt: skip
    attributes["long_name"] = f"{_LONG_NAME[statistic]}: {attributes['long_name']}"
    if statistic == "enssd":
        attributes.pop("standard_name", None)
    copy.setncatts(attributes)
    copy[:] = np.where(np.isfinite(reduced), reduced, FILL)
