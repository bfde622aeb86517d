"""The right-hand side against 600 random states of TEM 4.2.3 (table 13)."""

import jax
import numpy as np
import pytest

from temjax.ecosystem.month import right_hand_side
from temjax.outputs import FLUX_SYMBOLS
from temjax.state import POOLS
from tests.support.tables import deviation, month_case, read_table

TOLERANCE = 1e-8
DERIVATIVES = dict(
    zip(
        POOLS,
        ("dVEGC", "dSTRN", "dSTON", "dSOLC", "dSOLN", "dAVLN", "dAVLW", "dRGRW", "dSGRW", "dSNW"),
        strict=True,
    )
)
# TEM replaces an uptake of exactly zero by 1e-6, which moves these by as much.
TOUCHED_BY_BUMP = ("INUP", "U", "SUP", "LUP", "NMIN", "dSTRN", "dSTON", "dSOLN", "dAVLN", "MOBIL")


@pytest.fixture(scope="module")
def case(shared):
    table = read_table(shared, "13_delta")
    tendency, fluxes = jax.jit(right_hand_side)(*month_case(table))
    results = dict(zip(DERIVATIVES.values(), np.asarray(tendency), strict=True))
    results |= dict(zip(FLUX_SYMBOLS, np.asarray(fluxes), strict=True))
    return table, results


def test_every_column_of_every_row(case):
    table, results = case
    bumped = table["INUP"] <= 1.0000001e-6
    assert bumped.sum() == 121
    columns = [name for name in results if name in table]
    assert set(DERIVATIVES.values()) <= set(columns)
    assert len(columns) == 37
    worst = {}
    for name in columns:
        rows = ~bumped if name in TOUCHED_BY_BUMP else np.full(bumped.shape, True)
        worst[name] = deviation(results[name][rows], table[name][rows])
        if name in TOUCHED_BY_BUMP:
            assert np.abs(results[name][bumped] - table[name][bumped]).max() <= 1.01e-6, name
    print({name: f"{value:.1e}" for name, value in worst.items()})
    assert max(worst.values()) <= TOLERANCE, max(worst, key=worst.get)
