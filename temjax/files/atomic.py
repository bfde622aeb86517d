"""Atomic writes of files, NumPy archives, and folders locked by one run at a time."""

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
    """Archive of arrays that cannot be read; the message says why."""


@contextmanager
def atomic_write(path: Path, suffix: str = "") -> Iterator[Path]:
    """Write a file or folder atomically: a partial path replaces ``path`` when the block succeeds.

    Otherwise the partial path is removed, and an older file at ``path`` stays as it was. The
    remains of a killed process are removed first.

    Args:
        path: of the file or folder.
        suffix: distinguishes the partial files of several writers (``process_suffix``).

    Raises:
        OSError: naming ``path``; also for a RuntimeError, which the NetCDF library raises on a full
            disk.
    """
    partial = path.with_name(f"{path.name}{suffix}.partial")
    try:
        if partial.is_dir():
            _remove(partial)
        yield partial
        _replace(partial, path)
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


def process_suffix() -> str:
    """Suffix for ``atomic_write``, unique to this process and machine."""
    return f".{socket.gethostname()}-{os.getpid()}"


def _replace(partial: Path, path: Path) -> None:
    """Replace a file or folder; a folder cannot replace another in one step."""
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
    """Write a text file in UTF-8 atomically."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_arrays(path: Path, arrays: Mapping[str, ArrayLike], suffix: str = "") -> None:
    """Write a NumPy archive (``.npz``) atomically."""
    with atomic_write(path, suffix) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


def read_arrays(path: Path) -> dict[str, NDArray]:
    """Read all arrays of a NumPy archive, without pickles.

    Raises:
        DamagedError: not a complete archive of plain arrays.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except _UNREADABLE as error:
        raise DamagedError(str(error)) from error


class Archive(Mapping[str, NDArray]):
    """Lazy NumPy archive: arrays by name, each read on access, without pickles.

    The file is open only meanwhile. Checksums are not tested, as ``read_arrays`` does: for archives
    that this run has written. ``numpy.load`` tests them, and takes 3 times as long for arrays of
    10 MB.

    Raises:
        DamagedError: not an archive.
    """

    def __init__(self, path: Path):
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self._offsets = {
                    info.filename.removesuffix(".npy"): info.header_offset
                    for info in archive.infolist()
                }
        except _UNREADABLE as error:
            raise DamagedError(str(error)) from error

    def __getitem__(self, name: str) -> NDArray:
        """
        Raises:
            KeyError: no array of this name.
            DamagedError: the array cannot be read.
        """
        offset = self._offsets[name]
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
                file.seek(name_length + extra_length, os.SEEK_CUR)
                return np.lib.format.read_array(file, allow_pickle=False)
        except (*_UNREADABLE, struct.error) as error:
            raise DamagedError(str(error)) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._offsets)

    def __len__(self) -> int:
        return len(self._offsets)


@contextmanager
def exclusive_folder(folder: Path) -> Iterator[None]:
    """Lock a folder for one run; it is made if absent.

    An advisory lock (``flock``) on ``.temjax-lock`` in the folder, which ends with the process.
    The file names its holder. On file systems without locks the folder is not protected.

    Raises:
        DataError: another run has the lock; its process and machine are named.
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    descriptor = _acquire_lock(path)
    try:
        holder = {"pid": os.getpid(), "host": socket.gethostname(),
                  "since": datetime.now(UTC).isoformat(timespec="seconds")}  # fmt: skip
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(holder).encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire_lock(path: Path) -> int:
    """Descriptor of the locked lock file."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return descriptor
            holder = os.read(descriptor, 1000).decode(errors="replace")
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise DataError([_in_use(path, holder)]) from error
        try:
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)  # its last holder has just removed it


def _in_use(path: Path, holder: str) -> Finding:
    try:
        entry = json.loads(holder)
        who = f"process {entry['pid']} on {entry['host']} since {entry['since']}"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    mend = "Wait for it, end it, or give another --out."
    return Finding(str(path.parent), "lock", "", f"another run writes here: {who}", mend)
