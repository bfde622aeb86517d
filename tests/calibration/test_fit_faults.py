"""What goes wrong around a fit: a folder in use, a full disk, no folder, Ctrl-C, damage.

Each fault has a message, an exit code, and leaves what was already written as it was.
"""

import errno
import os

import numpy as np
import pytest

import temjax.calibration.candidate_fit
from temjax.calibration import FitError, fit
from temjax.calibration.checkpoint import fingerprint
from temjax.command import main as cli
from temjax.files.atomic import LOCK, exclusive_folder
from tests.support.command import ended
from tests.support.short_site import NAMES, short_objective

pytestmark = pytest.mark.usefixtures("restored_settings")

STARTS = 2


def calibrate(monkeypatch, capsys, out, *more):
    return ended(monkeypatch, capsys, "calibrate", "haibei-meadow", "--out", out, *more)


def failing(error):
    def fit(*_, checkpoint, **__):
        checkpoint.write_bytes(b"steps so far")
        raise error

    return fit


def test_two_fits_in_one_folder(tmp_path, monkeypatch, capsys):
    out = tmp_path / "fit"
    with exclusive_folder(out):
        (out / "checkpoint.npz").write_bytes(b"of the first")
        code, said = calibrate(monkeypatch, capsys, out)
        assert code == cli.DATA_ERROR
        assert f"another run writes here: process {os.getpid()}" in said
        assert (out / "checkpoint.npz").read_bytes() == b"of the first"


@pytest.mark.parametrize(
    ("error", "code", "first"),
    [
        (KeyboardInterrupt(), cli.INTERRUPTED, "interrupted. "),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "checkpoint.npz"),
            cli.WRITE_ERROR,
            "error: checkpoint.npz: No space left on device",
        ),
    ],
)
def test_a_fit_that_is_cut_says_how_to_go_on(error, code, first, tmp_path, monkeypatch, capsys):
    out = tmp_path / "fit"
    monkeypatch.setattr(temjax.calibration.candidate_fit, "fit", failing(error))
    found, said = calibrate(monkeypatch, capsys, out)
    assert found == code
    assert said.startswith(first)
    again = f"temjax --no-cache calibrate haibei-meadow --out {out} --resume"
    assert said.splitlines()[-1].endswith(again)
    assert not (out / LOCK).exists()
    assert (out / "checkpoint.npz").read_bytes() == b"steps so far"


def test_a_folder_that_is_a_file(tmp_path, monkeypatch, capsys):
    out = tmp_path / "fit"
    out.write_text("mine")
    code, said = calibrate(monkeypatch, capsys, out)
    assert code == cli.WRITE_ERROR
    assert f"error: {out}: File exists" in said
    assert out.read_text() == "mine"


def test_a_damaged_checkpoint_is_named_before_anything_is_compiled(tmp_path, monkeypatch, capsys):
    out = tmp_path / "fit"
    out.mkdir()
    (out / "checkpoint.npz").write_bytes(b"PK\x03\x04 cut")
    code, said = calibrate(monkeypatch, capsys, out, "--resume")
    assert code == cli.DATA_ERROR
    assert f"{out / 'checkpoint.npz'} is damaged" in said
    assert "remove it to start afresh" in said


def test_a_checkpoint_without_its_arrays_is_damaged(tmp_path):
    """Whole as an archive and of this very fit, but written by something else."""
    objective = short_objective()
    path = tmp_path / "checkpoint.npz"
    np.savez(path, fingerprint=fingerprint(objective, "lm", 0, STARTS))
    with pytest.raises(FitError, match="is damaged"):
        fit(objective, first=np.zeros((len(NAMES), STARTS)), steps=1, checkpoint=path)


def test_a_checkpoint_with_objects_in_it_is_not_opened(tmp_path):
    path = tmp_path / "checkpoint.npz"
    np.savez(path, fingerprint=np.array([{"run": "me"}], dtype=object))
    with pytest.raises(FitError, match="is damaged"):
        fit(short_objective(), first=np.zeros((len(NAMES), STARTS)), steps=1, checkpoint=path)
