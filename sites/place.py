"""Place of a tower as its file states it, held against the site file or the catalog."""

import numpy as np

from temjax.files.findings import Finding
from temjax.sites.entry import SiteEntry
from temjax.sites.readers.record import TowerRecord

EARTH_RADIUS = 6371.0  # km
NEAR = 2.0  # km; farther apart, the two are not one mast
ELSEWHERE = 100.0  # km; farther apart, the climate is another: a site file of another tower


def distance(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Great-circle distance of two places (degrees north, degrees east), km."""
    (north, east), (other_north, other_east) = np.radians(first), np.radians(second)
    chord = (
        np.sin((other_north - north) / 2) ** 2
        + np.cos(north) * np.cos(other_north) * np.sin((other_east - east) / 2) ** 2
    )
    return float(2 * EARTH_RADIUS * np.arcsin(np.sqrt(chord)))


def check_place(record: TowerRecord, entry: SiteEntry) -> list[Finding]:
    """Finding of a record from another part of the world than its site file."""
    apart = _apart(record, entry)
    if apart is None or apart <= ELSEWHERE:
        return []
    message = f"{_shown(record)} lies {apart:.0f} km from the place of {entry.name}"
    mend = "Give the site file of this tower, or mend its latitude and longitude."
    return [Finding(record.file, "location", "", message, mend)]


def place_notes(record: TowerRecord, entry: SiteEntry) -> list[str]:
    """How far the file's coordinates are from the entry's, where they are not one place."""
    apart = _apart(record, entry)
    if apart is None or apart <= NEAR:
        return []
    here = (record.location["latitude"], record.location["longitude"])
    known = [
        f"{listed.product} lists these coordinates: {listed.source}"
        for listed in entry.coordinates
        if listed.product == record.product
        and distance(here, (listed.latitude, listed.longitude)) <= NEAR
    ]
    text = f"location: {_shown(record)} lies {apart:.1f} km from the place of {entry.name}, used"
    return ["; ".join([text, *known])]


def _apart(record: TowerRecord, entry: SiteEntry) -> float | None:
    """Distance of the file's place from the entry's, km; None where one does not say."""
    if entry.location.longitude is None or not {"latitude", "longitude"} <= record.location.keys():
        return None
    there = (entry.location.latitude, entry.location.longitude)
    return distance((record.location["latitude"], record.location["longitude"]), there)


def _shown(record: TowerRecord) -> str:
    """The file's place in words."""
    latitude, longitude = record.location["latitude"], record.location["longitude"]
    return f"the file's place {latitude:.4f} N {longitude:.4f} E"
