"""``temjax cache``: what runs have kept is shown and deleted."""

import pytest

from tests.support.command import called
from tests.support.small_region import write_experiment


def test_months_of_a_region_are_told_shown_and_deleted(tmp_path):
    path = write_experiment(tmp_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[protocol]", 'cache = "kept"\n[protocol]'), encoding="utf-8")
    told = called("check", path).stderr
    assert "note: " in told and "months on disk: " in told and "in 6 files" in told
    shown = called("cache", path).stdout
    assert "past_tair_" in shown and " in 6 files, " in shown
    assert "6 files deleted" in called("cache", tmp_path / "kept", "--delete").stdout
    assert "0 MB in 0 files" in called("cache", path).stdout


def test_a_computed_climate_keeps_none():
    shown = called("cache", "regional/experiments/qtp-synthetic-demo.toml").stdout
    assert "keeps no months" in shown


@pytest.mark.parametrize("name", ["absent.toml", "absent"])
def test_an_absent_file_is_one_line(tmp_path, name):
    result = called("cache", tmp_path / name)
    assert result.exit_code == 1 and len(result.exception.findings) == 1
