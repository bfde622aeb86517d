"""NetCDF files of one folder: opened and loaded, with every fault as a finding."""

from pathlib import Path

import netCDF4
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.files.findings import Finding, nearest
from temjax.runtime.machine import available_bytes

# what the NetCDF libraries raise for damaged files and other formats
_UNREADABLE = (OSError, ValueError, RuntimeError, KeyError, TypeError, MemoryError, OverflowError)


class FileReader:
    """Reader of the NetCDF files of one folder.

    Attributes:
        findings: faults, which stop a run.
        notes: what was chosen where a file does not say, each once, to be told with the run.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        if not folder.is_dir():
            self.add_finding(
                str(folder), "", "folder does not exist", "Put the data there or mend `folder`."
            )

    def add_finding(
        self, file: str, variable: str, message: str, mend: str, index: str = ""
    ) -> None:
        """Add a fault, once."""
        finding = Finding(file, variable, index, message, mend)
        if finding not in self.findings:
            self.findings.append(finding)

    def add_note(self, file: str, variable: str, text: str) -> None:
        """Add what was chosen for a variable, once; the folder of the file is left out, since notes
        are written into the output."""
        note = ": ".join(filter(None, (Path(file).name, variable, text)))
        if note not in self.notes:
            self.notes.append(note)

    def open(self, file: str) -> xr.Dataset | None:
        """Open a file of the folder, times not decoded; None with a finding if it is unreadable."""
        path = self.folder / file
        if not self.folder.is_dir():
            return None
        if not path.is_file():
            files = [p.name for p in self.folder.glob("*.nc*")]
            hint = nearest(file, files) if files else "The folder holds no NetCDF file."
            self.add_finding(str(path), "", "file does not exist", hint)
            return None
        return self.open_path(path)

    def open_path(self, path: Path) -> xr.Dataset | None:
        """Open an existing file, see ``open``."""
        try:
            with netCDF4.Dataset(path) as file:
                axes = {n: v for n, v in file.variables.items() if n in v.dimensions}
                for name, axis in axes.items():  # xarray reads axes when it opens
                    size = np.dtype(axis.dtype).itemsize or 1
                    if not self._fits_memory(str(path), name, axis.size, size):
                        return None
            return xr.open_dataset(path, decode_times=False, engine="netcdf4")
        except _UNREADABLE:
            self.add_unreadable(str(path), "")
            return None

    def add_unreadable(self, file: str, variable: str) -> None:
        """Add the fault of a file or variable that the NetCDF library cannot read."""
        self.add_finding(
            file, variable, "not readable as NetCDF",
            "Give a whole NetCDF file: this one is truncated, damaged or of another kind.",
        )  # fmt: skip

    def load_values(self, file: str, array: xr.DataArray) -> NDArray | None:
        """Values of a variable; None with a finding where they are not numeric, too many for memory
        or unreadable."""
        name = str(array.name)
        if array.dtype.kind not in "iuf":
            held = "text" if array.dtype.kind in "OSU" else str(array.dtype)
            self.add_finding(file, name, f"holds {held}, not numbers", "Give a numeric variable.")
            return None
        if not self._fits_memory(file, name, array.size, array.dtype.itemsize):
            return None
        try:
            return array.values
        except _UNREADABLE:
            self.add_unreadable(file, str(array.name))
            return None

    def _fits_memory(self, file: str, name: str, size: int, item_size: int) -> bool:
        """Whether values fit into the available memory."""
        needed, available = size * item_size, available_bytes()
        if available is not None and needed > available:
            self.add_finding(
                file, name, f"declares {size:,} values ({needed / 1e9:,.0f} GB), "
                f"{available / 1e9:,.1f} GB of memory are available", "Cut the file to the region.",
            )  # fmt: skip
            return False
        return True
