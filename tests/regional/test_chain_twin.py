"""The whole chain, tower to region, where the truth is known."""

import numpy as np
import pytest

from temjax.regional.diagnostics.totals import REGION
from tests.support.chain_twin import QUANTITIES, run_chain


@pytest.mark.slow  # 24 truths of two types, 800 runs of six cells
def test_the_band_of_the_draws_holds_the_truth(tmp_path):
    twin = run_chain(tmp_path, replicates=24, draws=32)
    truth = twin.truth[REGION]
    assert all(truth[name].size >= 22 for name in QUANTITIES)
    assert np.median(truth["SOC_PF"]) > 0.5, "thaw exposes carbon"
    assert 0.80 <= twin.rate(REGION) <= 0.97
