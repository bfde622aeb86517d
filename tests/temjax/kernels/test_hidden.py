"""Without the package of kernels the model runs as functions of arrays: the same numbers."""

import subprocess
import sys

import numpy as np

from tests.support.hidden_kernels import numbers
from tests.support.kernels import needs_kernels


@needs_kernels
def test_a_cell_has_the_same_numbers_without_the_kernels(tmp_path):
    file = tmp_path / "arrays.npz"
    command = (sys.executable, "-m", "tests.support.hidden_kernels", str(file))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    expected, found = np.load(file), numbers()
    assert set(found) == set(expected.files)
    for name, values in found.items():
        scale = np.max(np.abs(expected[name]), initial=1e-30)
        np.testing.assert_allclose(values, expected[name], rtol=0, atol=1e-11 * scale, err_msg=name)
