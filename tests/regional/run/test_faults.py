"""What goes wrong around a run: full disk, read-only folder, damaged files, two runs, Ctrl-C, kill.

Each fault has a message, an exit code, and leaves what was already written as it was.
"""

import errno
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time

import netCDF4
import numpy as np
import pytest

import temjax.regional.run.members
import temjax.regional.run.restart
from temjax.command import main as cli
from temjax.files.atomic import LOCK, atomic_write, exclusive_folder, write_text
from temjax.files.findings import DataError
from temjax.regional.run.restart import RestartPoints
from tests.support.command import ended
from tests.support.small_region import write_experiment

PRODUCTS = {"historical/npp": np.linspace(0.0, 1.0, 60_000).reshape(6, -1)}


pytestmark = pytest.mark.usefixtures("restored_settings")


def netcdf(path):
    with atomic_write(path) as partial, netCDF4.Dataset(partial, "w") as file:
        file.createDimension("x", 50_000)
        file.createVariable("v", "f8", ("x",))[:] = np.random.default_rng(1).random(50_000)


def point(path):
    RestartPoints(path.parent, 0, "hash").save("historical", None, PRODUCTS)


WRITERS = {
    "NetCDF": ("year.nc", netcdf),
    "restart": ("tile0000_historical.npz", point),
    "text": ("summary.json", lambda path: write_text(path, "x" * 400_000)),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_write_that_fails_names_the_file_and_keeps_the_older_one(kind, tmp_path):
    """The system refuses files above 64 KiB: the error comes from below, inside the writer."""
    name, write = WRITERS[kind]
    path = tmp_path / name
    write(path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    try:
        with pytest.raises(OSError) as error:
            write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.filename == str(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.fixture
def tiny(tmp_path):
    """A disk of 200 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ("mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder))
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield folder
    subprocess.run(("umount", str(folder)), check=True)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_is_called_full(kind, tiny):
    (tiny / "filler").write_bytes(b"x" * 60_000)
    name, write = WRITERS[kind]
    with pytest.raises(OSError, match="No space left on device") as error:
        write(tiny / name)
    assert error.value.errno == errno.ENOSPC
    assert error.value.filename == str(tiny / name)
    assert [file.name for file in tiny.iterdir()] == ["filler"]


def project(monkeypatch, capsys, *arguments):
    return ended(monkeypatch, capsys, "project", *arguments)


def failing(error):
    def run_tasks(*_):
        raise error
        yield

    return run_tasks


def test_a_full_disk_during_a_run(tmp_path, monkeypatch, capsys):
    path, out = write_experiment(tmp_path), tmp_path / "out"
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(out / "restart" / "tile.npz"))
    monkeypatch.setattr(temjax.regional.run.members, "run_tasks", failing(full))
    code, stderr = project(monkeypatch, capsys, path, "--out", out)
    assert code == cli.WRITE_ERROR
    first, second = stderr.splitlines()
    assert first == f"error: {full.filename}: No space left on device"
    assert "stays in" in second and second.endswith("--resume")


def test_ctrl_c_says_how_to_go_on_and_frees_the_folder(tmp_path, monkeypatch, capsys):
    path, out = write_experiment(tmp_path), tmp_path / "out"
    monkeypatch.setattr(temjax.regional.run.members, "run_tasks", failing(KeyboardInterrupt()))
    code, stderr = project(monkeypatch, capsys, path, "--out", out)
    assert code == cli.INTERRUPTED
    (line,) = stderr.splitlines()
    assert line.startswith(f"interrupted. What is finished stays in {out}.")
    assert line.endswith(f"temjax --no-cache project {path} --out {out} --resume")
    assert not (out / LOCK).exists()
    assert (out / "inputs" / "record.json").is_file()


def test_a_read_only_folder(tmp_path, monkeypatch, capsys):
    path, out = write_experiment(tmp_path), tmp_path / "out"
    out.mkdir()
    if os.geteuid():
        out.chmod(0o500)
    else:  # no mode stops root
        command = ("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(out))
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("root can write everywhere, and nothing can be mounted here")
    try:
        code, stderr = project(monkeypatch, capsys, path, "--out", out)
    finally:
        if os.geteuid():
            out.chmod(0o700)
        else:
            subprocess.run(("umount", str(out)), check=True)
    assert code == cli.WRITE_ERROR
    assert f"error: {out / LOCK}: " in stderr
    assert "Read-only file system" in stderr or "Permission denied" in stderr
    assert "Traceback" not in stderr


def test_two_runs_in_one_folder(tmp_path, monkeypatch, capsys):
    path, out = write_experiment(tmp_path), tmp_path / "out"
    with exclusive_folder(out):
        (out / "kept.nc").write_bytes(b"first run")
        code, stderr = project(monkeypatch, capsys, path, "--out", out)
        assert code == cli.DATA_ERROR
        who = f"another run writes here: process {os.getpid()} on {socket.gethostname()}"
        assert who in stderr and "give another --out" in stderr
        assert (out / LOCK).exists()
    assert (out / "kept.nc").read_bytes() == b"first run"
    assert not (out / "inputs").exists()
    assert not (out / LOCK).exists()


def test_the_lock_of_a_killed_run_is_taken_over(tmp_path):
    """A process that dies by kill -9 leaves its lock file behind, not its lock."""
    code = (
        "import pathlib, os, signal; from temjax.files.atomic import exclusive_folder\n"
        f"with exclusive_folder(pathlib.Path({str(tmp_path)!r})):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    left = json.loads((tmp_path / LOCK).read_text())
    with exclusive_folder(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid() != left["pid"]
    assert not (tmp_path / LOCK).exists()


@pytest.fixture
def stored(tmp_path):
    """A restart point and its file."""
    restarts = RestartPoints(tmp_path, 0, "hash")
    restarts.save("historical", None, PRODUCTS)
    state, products = restarts.load("historical")
    assert state is None
    np.testing.assert_array_equal(products["historical/npp"], PRODUCTS["historical/npp"])
    return restarts, restarts.path("historical")


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGE = {
    "empty": lambda content: b"",
    "short": lambda content: content[:1000],
    "truncated": lambda content: content[:-100],
    "one bit": flipped,
    "no archive": lambda content: b"not an archive",
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_restart_file_is_named(kind, stored):
    restarts, path = stored
    path.write_bytes(DAMAGE[kind](path.read_bytes()))
    with pytest.raises(DataError, match=rf"{path.name}.*damaged restart file.*Delete it"):
        restarts.load("historical")


def test_a_restart_file_with_objects_in_it_is_not_opened(stored):
    restarts, path = stored
    with path.open("wb") as file:
        np.savez(file, hash=np.array(["hash"], dtype=object))
    with pytest.raises(DataError, match="damaged restart file"):
        restarts.load("historical")


def test_a_restart_file_of_another_version_is_named(stored, monkeypatch):
    restarts, _ = stored
    monkeypatch.setattr(temjax.regional.run.restart, "__version__", "99.0")
    with pytest.raises(DataError, match=r"made by temjax \S+, this is 99.0. Run without --resume"):
        restarts.load("historical")


def test_a_restart_file_of_another_configuration_is_named(stored):
    restarts, _ = stored
    with pytest.raises(DataError, match=r"made by another configuration \(hash, now other\)"):
        RestartPoints(restarts.folder, 0, "other").load("historical")


INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from temjax.command.main import main
if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
def test_sigint_ends_a_run_that_goes_on_from_there(tmp_path):
    """Ctrl-C to a run with two worker processes, once a phase is on disk."""
    path, out = write_experiment(tmp_path, "workers = 2"), tmp_path / "out"
    run = [sys.executable, "-c", INTERRUPTIBLE, "project", str(path)]
    run += ["--out", str(out)]
    process = subprocess.Popen(run, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while process.poll() is None and not list(out.rglob("tile*_equilibrium.npz")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=300)[1]
    assert process.returncode == cli.INTERRUPTED
    assert "interrupted. What is finished stays" in stderr and "--resume" in stderr
    assert "Traceback" not in stderr
    points = {file: file.read_bytes() for file in out.rglob("tile*.npz")}
    assert points
    done = subprocess.run([*run, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(file.read_bytes() == content for file, content in points.items())
    assert len(list(out.glob("*.nc"))) == 4
