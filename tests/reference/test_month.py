"""One month from 600 random states against TEM 4.2.3 (table 14b)."""

import jax
import numpy as np
import pytest

from temjax.month import integrate_month
from temjax.outputs import FLUX_SYMBOLS
from temjax.state import POOLS
from tests.reference.closure import close_month
from tests.reference.step_control import original_month
from tests.reference.tables import deviation, month_case, read_table

TOLERANCE = 1e-9
POOL_COLUMNS = dict(
    zip(
        POOLS,
        ("VEGC1", "STRN1", "STON1", "SOLC1", "SOLN1", "AVLN1", "AVLW1", "RGRW1", "SGRW1", "SNW1"),
        strict=True,
    )
)
CLOSED = {
    "mb_LTRC": "LTRC",
    "mb_RH": "RH",
    "mb_NMIN": "NMIN",
    "mb_NLOST": "NLOST",
    "mb_NINP": "NINPUT",
    "mb_SPERC": "SPERC",
    "mb_RRUN": "RRUN",
    "mb_SRUN": "SRUN",
    "mb_LTRN": "LTRN",
    "mb_RS": "RS",
}


@pytest.fixture(scope="module")
def reference(shared):
    return month_case(read_table(shared, "13_delta")), read_table(
        shared, "14b_month_integration_snwtest_fixed"
    )


def columns(pools, fluxes):
    """Results under the names of the table."""
    named = dict(zip(POOL_COLUMNS.values(), np.asarray(pools), strict=True))
    return named | dict(zip(FLUX_SYMBOLS, np.asarray(fluxes), strict=True))


def test_original_step_control(reference):
    case, table = reference
    pools, fluxes, attempts = jax.jit(original_month)(*case)
    closed = dict(zip(FLUX_SYMBOLS, np.asarray(close_month(case[4], pools, fluxes)), strict=True))
    results = {name: v for name, v in columns(pools, fluxes).items() if name in table}
    results |= {name: closed[symbol] for name, symbol in CLOSED.items()}
    assert np.array_equal(np.asarray(attempts), table["nsub"])
    off = {name: deviation(value, table[name]) for name, value in results.items()}
    print({name: f"{value:.1e}" for name, value in off.items()})
    assert max(off.values()) <= TOLERANCE, max(off, key=off.get)
