"""Files that are written whole or not at all, and folders that one run at a time writes to."""

import errno
import fcntl
import json
import os
import shutil
import socket
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from temjax.files.findings import DataError, Finding

LOCK = ".temjax-lock"
_FULL = 1 << 16  # bytes free below which a write that failed met a full disk
_UNREADABLE = (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error)
_LOCAL_HEADER = struct.Struct("<26xHH")  # of a file in a ZIP archive: lengths of name and extra
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class DamagedError(Exception):
    """An archive of arrays that cannot be read; the message says why."""


@contextmanager
def written_whole(path: Path, mark: str = "") -> Iterator[Path]:
    """A name to write to, which takes the place of ``path`` when the block has ended well.

    Otherwise what was written is removed, and an older file under ``path`` stays as it was. What is
    written may be a folder; what a killed process left of one is removed first.

    Args:
        path: the file or folder that is wanted.
        mark: sets the partial files of several writers apart (``mark_of_process``).

    Raises:
        OSError: naming ``path``; also for a RuntimeError, which is what the NetCDF library makes of
            a full disk.
    """
    partial = path.with_name(f"{path.name}{mark}.partial")
    try:
        if partial.is_dir():
            _remove(partial)
        yield partial
        _put(partial, path)
    except BaseException as error:
        partial_size = partial.stat().st_size if partial.exists() else 0
        full = shutil.disk_usage(path.parent).free < _FULL if path.parent.is_dir() else False
        _remove(partial)
        if isinstance(error, RuntimeError) and partial_size:
            code = errno.ENOSPC if full else errno.EIO
            raise OSError(code, f"{os.strerror(code)} ({error})", str(path)) from error
        if isinstance(error, OSError) and error.filename in (None, str(partial)):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise


def mark_of_process() -> str:
    """A mark for ``written_whole`` that no other process has, on this machine or another."""
    return f".{socket.gethostname()}-{os.getpid()}"


def _put(partial: Path, path: Path) -> None:
    """Let what was written take its place; a folder cannot replace another in one step."""
    if not (partial.is_dir() and path.exists()):
        os.replace(partial, path)
        return
    old = path.with_name(f"{path.name}.old")
    _remove(old)
    path.rename(old)
    try:
        os.replace(partial, path)
    except OSError:
        old.rename(path)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """A text file in UTF-8, see ``written_whole``."""
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_arrays(path: Path, arrays: Mapping[str, ArrayLike], mark: str = "") -> None:
    """A NumPy archive (``.npz``), see ``written_whole``."""
    with written_whole(path, mark) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


def read_arrays(path: Path) -> dict[str, NDArray]:
    """All arrays of an archive; nothing in it is run.

    Raises:
        DamagedError: it is no whole archive of plain arrays.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except _UNREADABLE as error:
        raise DamagedError(str(error)) from error


class Archive(Mapping[str, NDArray]):
    """Arrays of a NumPy archive by name, each read when it is asked for; nothing in it is run.

    The file is open only meanwhile. What is read is not checked for damage as ``read_arrays`` does:
    for archives that this run has written.

    Raises:
        DamagedError: it is no archive.
    """

    def __init__(self, path: Path):
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self._at = {
                    info.filename.removesuffix(".npy"): info.header_offset
                    for info in archive.infolist()
                }
        except _UNREADABLE as error:
            raise DamagedError(str(error)) from error

    def __getitem__(self, name: str) -> NDArray:
        """
        Raises:
            KeyError: there is no array of this name.
            DamagedError: it cannot be read.
        """
        at = self._at[name]
        try:
            with self._path.open("rb") as file:
                file.seek(at)
                name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
                file.seek(name_length + extra_length, os.SEEK_CUR)
                return np.lib.format.read_array(file, allow_pickle=False)
        except (*_UNREADABLE, struct.error) as error:
            raise DamagedError(str(error)) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._at)

    def __len__(self) -> int:
        return len(self._at)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The folder, made if absent, for one run alone; the lock of a run that died is taken over.

    The lock is the kernel's, on ``.temjax-lock`` in the folder, and ends with the process however
    it ends. The file says for people who holds it. Where the file system has no locks the folder
    is not guarded.

    Raises:
        DataError: another run holds the folder: its process and machine are named.
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    descriptor = _locked(path)
    try:
        holder = {"pid": os.getpid(), "host": socket.gethostname(),
                  "since": datetime.now(UTC).isoformat(timespec="seconds")}  # fmt: skip
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(holder).encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(path: Path) -> int:
    """Descriptor of the lock file, locked."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return descriptor
            held_by = os.read(descriptor, 1000).decode(errors="replace")
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise DataError([_in_use(path, held_by)]) from error
        try:
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)  # its last holder has just removed it


def _in_use(path: Path, held_by: str) -> Finding:
    try:
        told = json.loads(held_by)
        who = f"process {told['pid']} on {told['host']} since {told['since']}"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    mend = "Wait for it, end it, or give another --out."
    return Finding(str(path.parent), "lock", "", f"another run writes here: {who}", mend)
