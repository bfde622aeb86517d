"""Codes that stand for missing values in tables of towers."""

import numpy as np

# of missing values; all but the first in either sign
CODES = (
    -999.0,
    *(sign * code for code in (6999, 7777, 8888, 9990, 9999, 99999) for sign in (1, -1)),
)
FILL = 1e15  # beyond are fill values such as 1e20


def missing_codes(values: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Code of missing values that a value, or its mean per day, is; NaN where it is none."""
    codes = np.where(np.abs(values) > FILL, values, np.nan)
    for candidate in (values, values / days):
        for code in CODES:
            codes[np.isclose(candidate, code, rtol=1e-6, atol=0.0)] = code
    return codes
