"""How one tower's file is read: the choices of the call, then those of its site file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from temjax.files.findings import Finding
from temjax.sites.entry import SiteEntry
from temjax.sites.readers.archive import fluxnet_id
from temjax.sites.readers.kinds import holds_many_sites
from temjax.sites.readers.reanalysis import find_reanalysis, is_reanalysis_path
from temjax.sites.readers.record import Reading

_FIELDS = {"quality": "minimum_quality"}  # key of [reading] -> attribute of Reading


def place_reading(reading: Reading, entry: SiteEntry | None) -> tuple[Reading, list[str]]:
    """Choices of a place: those of the call, else of ``[reading]`` of its site file; and notes."""
    told = {} if entry is None else entry.reading.model_dump(exclude_defaults=True)
    used, passed_over = {}, []
    for key, value in told.items():
        name = _FIELDS.get(key, key)
        asked = getattr(reading, name)
        if asked is None or asked is False:
            used[name] = value
        elif asked != value:
            passed_over.append(f"{key} {asked} was asked for, not the site file's {value}")
    notes = []
    if used:
        shown = ", ".join(f"{key} {told[key]}" for key in told if _FIELDS.get(key, key) in used)
        notes.append(f"as [reading] of the site file says: {shown}")
    return replace(reading, **used), [*notes, *passed_over]


def check_one_site_id(towers: Sequence[Path], reading: Reading) -> list[Finding]:
    """Finding of one ``site_id`` for several tables of many sites."""
    tables = [] if reading.site_id is None else [t for t in towers if holds_many_sites(t)]
    if len(tables) < 2:
        return []
    message = f"names one site, {reading.site_id}, for {len(tables)} towers read from such tables"
    mend = 'Give site_id = "…" under [reading] of each site file in its place.'
    return [Finding(str(tables[1]), "--site-id", "", message, mend)]


def check_one_history(towers: Sequence[Path], reading: Reading) -> list[Finding]:
    """Finding of one tower's reanalysis that would be the history of several towers."""
    path = Path(reading.history)
    if not path.exists() or not is_reanalysis_path(path):
        return []
    for tower in towers:
        own = fluxnet_id(tower)
        member, _ = find_reanalysis(path, own)
        whose = member.label.tower if member is not None else None
        if None not in (own, whose) and own != whose:
            message = f"is the reanalysis of {whose}, and {tower.name} of {own} among the towers"
            mend = 'Give climate = "…" under [history] of each site file, or a folder with all.'
            return [Finding(str(path), "--history", "", message, mend)]
    return []
