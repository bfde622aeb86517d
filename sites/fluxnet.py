"""Sites from FLUXNET files, the facts of the place as arguments."""

from pathlib import Path
from typing import Literal

from temjax.sites.entry import SiteEntry
from temjax.sites.history import Warming
from temjax.sites.readers.record import Partition, Reading, Threshold
from temjax.sites.site import Site
from temjax.sites.tower import read_tower


def read_fluxnet(
    path: str | Path,
    *,
    elevation: float | None = None,
    texture: tuple[float, float, float] | None = None,
    vegetation: str | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
    site: str | Path | SiteEntry | None = None,
    partition: Partition | None = None,
    threshold: Threshold | None = None,
    minimum_quality: float | None = None,
    fill_from_climatology: bool = False,
    history: str = "auto",
    co2: Literal["global", "tower"] = "global",
    warming: Warming | None = None,
    first_year: int | None = None,
) -> Site:
    """Site of a FLUXNET file, archive or folder; ``read_tower`` with each choice as an argument.

    Args:
        path: of the file.
        elevation: m.
        texture: sand, silt and clay, percent by mass.
        vegetation: name of a parameter set.
        latitude, longitude: degrees.
        site: a site file (docs/sites.md) or its parsed form.
        partition, threshold, minimum_quality, fill_from_climatology, history, co2: see
            ``Reading``.
        warming, first_year: see ``read_tower``.

    Raises:
        DataError: every fault found, with file, column, line and mend.
    """
    reading = Reading(
        partition=partition,
        threshold=threshold,
        minimum_quality=minimum_quality,
        fill_from_climatology=fill_from_climatology,
        history=history,
        co2=co2,
    )
    return read_tower(
        path, site=site, reading=reading, warming=warming, first_year=first_year,
        elevation=elevation, texture=texture, vegetation=vegetation, latitude=latitude,
        longitude=longitude,
    )  # fmt: skip
