"""Cache of monthly means on disk: one pair of files for each file of climate and its cells.

``NAME.npy`` holds the months ``(year, 12, cell)`` float32 and is memory-mapped, ``NAME.json`` the
notes of the reading and the calendar years with the cover and first record of each month.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temjax.files.atomic import atomic_write, write_text
from temjax.regional.climate.months import YearOfMonths
from temjax.regional.climate.reader import ClimateReader

FORM = 1  # of the cached files


def cached_years(
    reader: ClimateReader,
    folder: Path,
    path: Path,
    variable: str,
    places: NDArray,
    years: Iterable[YearOfMonths],
) -> Iterator[YearOfMonths]:
    """The months of a file from the cache, or read and kept there if they have no fault.

    Args:
        folder: of the cache.
        path, variable: what is read.
        places: latitude and longitude of the cells.
        years: reads the file.
    """
    stat = path.stat()
    key = hashlib.sha256(np.ascontiguousarray(places).tobytes())
    key.update(f"{FORM} {path.name} {variable} {stat.st_size} {stat.st_mtime_ns}".encode())
    name = f"{path.name.partition('.nc')[0]}_{variable}_{key.hexdigest()[:16]}"
    values, index = folder / f"{name}.npy", folder / f"{name}.json"
    if not (values.is_file() and index.is_file()):
        findings, notes = len(reader.findings), list(reader.notes)
        read = list(years)
        if len(reader.findings) > findings or not read:
            return
        try:
            told = [note for note in reader.notes if note not in notes]
            _store(read, told, values, index)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            reader.add_note(str(folder), "cache", f"monthly means cannot be kept there ({reason})")
            yield from read
            return
    months = np.load(values, mmap_mode="r", allow_pickle=False)
    content = json.loads(index.read_text(encoding="utf-8"))
    reader.notes += [note for note in content["notes"] if note not in reader.notes]
    for row, (year, covered, record) in enumerate(content["years"]):
        yield YearOfMonths(year, months[row], np.array(covered), np.array(record))


def _store(years: list[YearOfMonths], notes: list[str], values: Path, index: Path) -> None:
    values.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(values) as partial, partial.open("wb") as file:
        np.save(file, np.stack([year.values for year in years]))
    rows = [[year.year, year.covered.tolist(), year.record.tolist()] for year in years]
    write_text(index, json.dumps({"notes": notes, "years": rows}) + "\n")
