"""``temjax design`` asked for what cannot be."""

import pytest

from temjax.files.findings import DataError
from tests.support.command import called

pytestmark = pytest.mark.usefixtures("restored_settings")


def test_a_folder_that_is_no_run_is_told(tmp_path):
    result = called("design", tmp_path, "--candidates", tmp_path / "c.toml")
    assert isinstance(result.exception, DataError)
    assert "is no run: it holds no inputs/experiment.toml" in str(result.exception)


def test_one_of_two_files_is_asked_for(tmp_path):
    result = called("design", tmp_path)
    assert result.exit_code == 2
    assert "give --candidates FILE, or --write-candidates FILE" in result.output
