"""Room for months on disk: what a folder of them holds, what is deleted from it, and when.

Entries that a climate uses are never deleted. Of the others, those used longest ago are deleted
until they pass no limit and the disk has room for what is to be written; what a killed process left
half written goes first. Nothing is deleted while another process uses the folder: every process
holds a shared lock (``flock``) on it until it ends, and deleting takes the lock alone. On file
systems without locks nothing is deleted but by ``temjax cache``.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_ENTRY = re.compile(r".+_[0-9a-f]{16}\.v\d+\.(nc|f4|json)")
_PARTIAL = re.compile(_ENTRY.pattern + r"\..+\.partial")
_descriptors: dict[Path, int] = {}  # of the folders that this process holds
_used: dict[Path, set[str]] = {}  # entries that this process uses, by folder


@dataclass(frozen=True)
class Entry:
    """A file of months: its path, bytes and time of last use."""

    path: Path
    size: int
    used: float


@dataclass(frozen=True)
class Contents:
    """Files of months in a folder, those used longest ago first, and what was left half written."""

    entries: tuple[Entry, ...] = ()
    remains: tuple[Entry, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(entry.size for entry in (*self.entries, *self.remains))


@dataclass(frozen=True)
class Made:
    """What was deleted to make room.

    Attributes:
        files, size: deleted files and their bytes.
        alone: whether no other process used the folder, so that files could be deleted.
    """

    files: int = 0
    size: int = 0
    alone: bool = False


def contents(folder: Path) -> Contents:
    """Files of months in a folder; none where there is no such folder."""
    found: dict[bool, list[Entry]] = {False: [], True: []}
    for path in folder.iterdir() if folder.is_dir() else ():
        partial = bool(_PARTIAL.fullmatch(path.name))
        if not partial and not _ENTRY.fullmatch(path.name):
            continue
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue  # another process has just deleted it
        found[partial].append(Entry(path, stat.st_size, stat.st_mtime))
    entries, remains = (sorted(found[partial], key=lambda e: e.used) for partial in (False, True))
    return Contents(tuple(entries), tuple(remains))


def mark_used(path: Path) -> None:
    """Note that this process uses an entry, and when."""
    _used.setdefault(path.parent, set()).add(path.name)
    try:
        os.utime(path)
    except OSError:
        return  # a folder of someone else


def free_bytes(folder: Path) -> int:
    """Bytes free on the disk of a folder, which may be absent yet."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free


def make_room(folder: Path, using: Iterable[str], needed: float, limit: float) -> Made:
    """Delete entries that nobody uses, those used longest ago first, as far as it needs.

    The folder is held by this process from here on.

    Args:
        using: names of the entries that the climate uses or is going to write.
        needed: bytes that are to be written.
        limit: bytes of other entries that may stay.
    """
    _used.setdefault(folder, set()).update(using)
    if not _hold(folder):
        return Made()
    found = contents(folder)
    files, size = 0, 0
    others = [entry for entry in found.entries if entry.path.name not in _used[folder]]
    rest = sum(entry.size for entry in others)
    for entry in (*found.remains, *others):
        old = entry not in found.remains
        if old and rest <= limit and free_bytes(folder) >= needed:
            break
        entry.path.unlink(missing_ok=True)
        rest -= entry.size if old else 0
        files, size = files + 1, size + entry.size
    _lock(folder, fcntl.LOCK_SH)
    return Made(files, size, alone=True)


def delete_all(folder: Path) -> Made:
    """Delete every file of months in a folder that no other process uses."""
    _used.pop(folder, None)
    return make_room(folder, (), 0, -1)


def _hold(folder: Path) -> bool:
    """Hold a folder until this process ends; whether no other process holds it, and none can until
    ``_lock`` shares it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _descriptors.get(folder)
        if descriptor is None or not os.path.samestat(os.fstat(descriptor), folder.stat()):
            _descriptors[folder] = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    alone = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if not alone:
        _lock(folder, fcntl.LOCK_SH)
    return alone


def _lock(folder: Path, kind: int) -> bool:
    try:
        fcntl.flock(_descriptors[folder], kind)
    except OSError:
        return False
    return True
