"""A design by brute force: what was chosen, measured and fitted shrinks intervals as told."""

import pytest

from tests.support.design_twin import run_twin


@pytest.mark.slow  # 42 truths fitted by Gauss-Newton, 85 runs of a region
def test_the_chosen_measurement_shrinks_the_interval_as_predicted(tmp_path):
    twin = run_twin(tmp_path, truths=42, best=1)
    assert (twin.predicted < 0.9).any(), "the choice is worth something"
    assert twin.intervals == pytest.approx(twin.predicted, rel=0.1)
    assert twin.errors == pytest.approx(twin.predicted, rel=0.2)
