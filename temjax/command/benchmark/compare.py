"""Comparison between versions: cost ratios within a run, independent of the machine's load."""

import json
from pathlib import Path

from temjax.files.findings import DataError, Finding

LARGE = 1.5  # times the old ratio
BASE = "forward"
Key = tuple[str, int, str, int]


def read_results(path: Path) -> list[dict]:
    """Read results of ``temjax benchmark --json``.

    Raises:
        DataError: not such a file.
    """
    mend = "Give a file made by temjax benchmark --json."
    try:
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
        costs(results)
    except OSError as error:
        raise DataError([Finding(str(path), "", "", f"{error.strerror}", mend)]) from error
    except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        fault = f"no results of a benchmark ({type(error).__name__}: {error})"
        raise DataError([Finding(str(path), "results", "", fault, mend)]) from error
    return results


def costs(results: list[dict]) -> dict[Key, float]:
    """CPU-seconds per cell-year by (name, cells, dtype, years)."""
    return {
        (row["name"], row["cells"], row["dtype"], row["years"]):
            1.0 / row["cell_years_per_cpu_second"]
        for row in results
    }  # fmt: skip


def ratios(results: list[dict]) -> dict[str, float]:
    """Cost ratios: to the forward run of the same size, and between forward runs."""
    cost = costs(results)
    result = {}
    forward = {key: value for key, value in cost.items() if key[0] == BASE}
    for (name, cells, dtype, years), value in cost.items():
        same = forward.get((BASE, cells, dtype, years))
        if name != BASE and same:
            result[f"{name} / {BASE}, {cells} cells, {dtype}, {years} years"] = value / same
    for (_, cells, dtype, years), value in forward.items():
        double = forward.get((BASE, cells, "float64", years))
        if dtype == "float32" and double:
            result[f"float32 / float64, {BASE}, {cells} cells, {years} years"] = value / double
        fewest = min(key[1] for key in forward if key[2:] == (dtype, years))
        if cells != fewest:
            per_cell = value / forward[(BASE, fewest, dtype, years)]
            result[f"{cells} / {fewest} cells, {BASE}, {dtype}, {years} years"] = per_cell
    return result


def regressions(new: list[dict], old: list[dict], limit: float = LARGE) -> tuple[list[str], int]:
    """Ratios that grew by more than ``limit``, in words, and the number that was compared."""
    before, now = ratios(old), ratios(new)
    shared = [name for name in now if name in before]
    worse = [
        f"{name}: {now[name]:.3g}, was {before[name]:.3g} ({now[name] / before[name]:.2f} times)"
        for name in shared
        if now[name] > limit * before[name]
    ]
    return worse, len(shared)
