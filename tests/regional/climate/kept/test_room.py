"""Old months are deleted, those used longest ago first; those in use and half written are safe."""

import os
import subprocess
import sys

import pytest

from temjax.regional.climate.kept import room
from temjax.regional.climate.kept.room import contents, delete_all, make_room, mark_used

NAMES = [f"tas_{letter * 16}.v3.nc" for letter in "abcd"]
PARTIAL = f"{NAMES[0]}.host-12.partial"


@pytest.fixture
def folder(tmp_path):
    """Four entries of 1000 bytes, the first used longest ago, and files of other people."""
    for number, name in enumerate(NAMES):
        (tmp_path / name).write_bytes(bytes(1000))
        os.utime(tmp_path / name, (number, number))
    (tmp_path / "tas_2001.nc").write_bytes(bytes(10))
    (tmp_path / "notes.txt").write_text("mine")
    return tmp_path


def names(folder):
    return [entry.path.name for entry in contents(folder).entries]


@pytest.mark.parametrize(("limit", "left"), [(1e9, 4), (4000, 4), (3999, 3), (1500, 1), (0, 0)])
def test_the_longest_unused_go_until_the_limit_holds(folder, limit, left):
    made = make_room(folder, [], 0, limit)
    assert names(folder) == NAMES[4 - left :]
    assert (made.files, made.size, made.alone) == (4 - left, 1000 * (4 - left), True)
    assert (folder / "notes.txt").exists() and (folder / "tas_2001.nc").exists()


def test_entries_in_use_stay_whatever_the_limit(folder):
    mark_used(folder / NAMES[0])
    assert names(folder)[-1] == NAMES[0]  # the latest
    make_room(folder, [NAMES[2]], 0, 0)
    assert names(folder) == [NAMES[2], NAMES[0]]
    make_room(folder, [], 0, 0)  # another climate of the same process
    assert names(folder) == [NAMES[2], NAMES[0]]


def test_room_is_made_for_what_comes(folder, monkeypatch):
    monkeypatch.setattr(room, "free_bytes", lambda path: 500 + 1000 * (4 - len(names(path))))
    assert make_room(folder, [], 2000, 1e9).files == 2


def test_what_a_killed_process_left_is_deleted(folder):
    (folder / PARTIAL).write_bytes(bytes(7))
    assert contents(folder).size == 4007
    made = make_room(folder, [], 0, 1e9)
    assert (made.files, made.size) == (1, 7) and names(folder) == NAMES


HOLD = """
import sys; from pathlib import Path
from temjax.regional.climate.kept.room import make_room
print(make_room(Path(sys.argv[1]), [], 0, 1e9).alone, flush=True); sys.stdin.read()
"""


def test_nothing_is_deleted_while_another_process_uses_the_folder(folder):
    (folder / PARTIAL).write_bytes(bytes(7))
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "True\n"
        (folder / PARTIAL).write_bytes(bytes(7))  # that process writes it
        assert make_room(folder, [], 0, 0) == room.Made()
        assert not delete_all(folder).alone
        assert names(folder) == NAMES and (folder / PARTIAL).exists()
        other.stdin.close()
        other.wait()
    assert delete_all(folder).files == 5 and contents(folder).size == 0


def test_a_folder_without_locks_keeps_its_files(folder, monkeypatch):
    monkeypatch.setattr(room, "_lock", lambda *arguments: False)
    assert make_room(folder, [], 0, 0) == room.Made() and names(folder) == NAMES
