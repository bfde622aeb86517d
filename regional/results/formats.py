"""Formats of result files, written atomically: NetCDF, or Zarr as an option.

ISIMIP asks for NETCDF4_CLASSIC with deflate 5 (docs/specification/protocol.md 6). Zarr is version 2
with consolidated metadata: GDAL, xarray and the netCDF library read it. One process writes a file,
under another name until it is complete.
"""

from collections.abc import Collection, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import xarray as xr

from temjax.files.atomic import atomic_write
from temjax.files.findings import DataError, Finding

FILL = np.float32(1e20)
SUFFIXES = {"netcdf": ".nc", "zarr": ".zarr"}
# chunks of up to 40 years and 50 x 50 cells, a compromise between maps and time series
_CHUNK = {"time": 40, "depth": 1}
_CELLS = 50
_COPIED = ("_FillValue", "missing_value", "dtype")
_BATCH_BYTES = 2**26  # gridded values in memory while a file is written


def require_format(name: str) -> None:
    """Require the packages that write and read a format.

    Raises:
        DataError: Zarr without the package.
    """
    if name == "zarr" and find_spec("zarr") is None:
        mend = "pip install 'temjax[zarr]', or choose format = \"netcdf\"."
        raise DataError([Finding("zarr", "output.format", "", "package is not installed", mend)])


def _is_zarr(path: Path) -> bool:
    """Whether the suffix is that of Zarr; raises ``DataError`` if the format is not available."""
    zarr = path.suffix == SUFFIXES["zarr"]
    require_format("zarr" if zarr else "netcdf")
    return zarr


def write_dataset(
    path: Path, attributes: Mapping[str, object], variables: Iterable[tuple[str, xr.Variable]]
) -> None:
    """Write a file in the format of its suffix; an existing file is replaced.

    Args:
        path: ends in one of ``SUFFIXES``.
        attributes: global ones.
        variables: consumed one at a time, so that they need not fit into memory together; NaN
            where there is no value; of ``encoding``, ``_FillValue``, ``missing_value`` and
            ``dtype`` are used, the rest is set here.

    Raises:
        DataError: Zarr without the package.
        OSError: the file cannot be written; an existing file stays.
    """
    zarr = _is_zarr(path)
    with atomic_write(path) as partial:
        for number, batch in enumerate(_batches(variables)):
            part = xr.Dataset(batch, attrs=attributes)
            options = {
                "mode": "a" if number else "w",
                "encoding": {name: _encoding(variable, zarr) for name, variable in batch.items()},
            }
            if zarr:
                part.to_zarr(partial, zarr_format=2, consolidated=False, **options)
            else:
                part.to_netcdf(partial, format="NETCDF4_CLASSIC", engine="netcdf4", **options)
        if zarr:
            import zarr as package

            package.consolidate_metadata(partial)


def _batches(variables: Iterable[tuple[str, xr.Variable]]) -> Iterable[dict[str, xr.Variable]]:
    batch: dict[str, xr.Variable] = {}
    for name, variable in variables:
        batch[name] = variable
        if sum(part.nbytes for part in batch.values()) > _BATCH_BYTES:
            yield batch
            batch = {}
    if batch:
        yield batch


def _encoding(variable: xr.Variable, zarr: bool) -> dict:
    encoding = {"_FillValue": None} | {
        k: variable.encoding[k] for k in _COPIED if k in variable.encoding
    }
    if variable.ndim < 3:
        return encoding
    chunks = tuple(min(n, _CHUNK.get(str(name), _CELLS)) for name, n in variable.sizes.items())
    if zarr:
        from numcodecs import Blosc

        compressor = Blosc(cname="zstd", clevel=5, shuffle=Blosc.SHUFFLE)
        return encoding | {"chunks": chunks, "compressors": (compressor,)}
    # ISIMIP asks for deflate 5 or more; 3 would take half the time for files as small
    return encoding | {"chunksizes": chunks, "zlib": True, "complevel": 5, "shuffle": True}


def open_dataset(path: Path, without: Collection[str] = (), *, decode: bool = False) -> xr.Dataset:
    """Open a result file lazily and without caching values; NaN where there is no value.

    Args:
        path: of the file.
        without: variables to leave out, which makes opening faster.
        decode: times as dates, coordinates as such.

    Raises:
        DataError: the file is damaged, or is Zarr without the package.
    """
    options = {"decode_times": decode, "decode_coords": decode, "cache": False}
    options["drop_variables"] = list(without)
    zarr = _is_zarr(path)
    try:
        return xr.open_dataset(path, engine="zarr" if zarr else "netcdf4", **options)
    except (OSError, ValueError, KeyError) as error:
        mend = "Run temjax project again with --resume."
        raise DataError([Finding(str(path), "", "", f"cannot be read ({error})", mend)]) from error
