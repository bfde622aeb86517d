"""Bias correction by calendar month: exact means, fall-backs, limits, and what disagrees."""

import numpy as np
import pytest

from temjax.sites.bias import FACTORS, apply_correction, correction, disagreements, on_years

RANDOM = np.random.default_rng(7)
MONTH = np.arange(12)
TRUTH = {
    "air_temperature": 12 * np.cos(2 * np.pi * (MONTH - 6) / 12) + RANDOM.normal(0, 2, (8, 12)),
    "precipitation": 30 + RANDOM.gamma(2, 20, (8, 12)),
    "shortwave": 180 + 100 * np.cos(2 * np.pi * (MONTH - 5) / 12) + RANDOM.normal(0, 5, (8, 12)),
}


def biased(name: str) -> np.ndarray:
    if name == "air_temperature":
        return TRUTH[name] + MONTH / 3 - 1.5 + RANDOM.normal(0, 1, (8, 12))
    return TRUTH[name] * (0.7 + MONTH / 20) * RANDOM.uniform(0.8, 1.2, (8, 12))


@pytest.mark.parametrize("name", TRUTH)
def test_means_of_common_months_become_the_towers(name):
    modelled, measured = biased(name), TRUTH[name].copy()
    measured[2, 3:8] = np.nan
    modelled[5, 10] = np.nan
    terms, limited = correction(name, measured, modelled)
    corrected = apply_correction(name, modelled, terms)
    common = np.isfinite(measured) & np.isfinite(modelled)
    assert limited == 0 and common.sum() == 90
    for month in range(12):
        rows = common[:, month]
        assert corrected[rows, month].mean() == pytest.approx(measured[rows, month].mean())
    assert not np.allclose(modelled[common], corrected[common])


def test_a_month_without_common_values_takes_the_year():
    measured = TRUTH["air_temperature"].copy()
    measured[:, 4] = np.nan
    terms, _ = correction("air_temperature", measured, TRUTH["air_temperature"] - 2)
    np.testing.assert_allclose(terms, 2)
    rain = TRUTH["precipitation"].copy()
    rain[:, 4] = np.nan
    factors, _ = correction("precipitation", rain, TRUTH["precipitation"] / 1.5)
    np.testing.assert_allclose(factors, 1.5)


def test_dark_and_dry_months_take_the_annual_ratio():
    modelled = np.tile(np.where(MONTH == 0, 0.3, 100.0), (8, 1))
    measured = np.tile(np.where(MONTH == 0, 2.0, 120.0), (8, 1))
    factors, limited = correction("shortwave", measured, modelled)
    assert limited == 0
    assert factors[0] == pytest.approx(measured.sum() / modelled.sum())
    np.testing.assert_allclose(factors[1:], 1.2)
    factors, limited = correction("precipitation", measured, np.zeros((8, 12)))
    np.testing.assert_array_equal(factors, 1.0)


def test_factors_are_limited_and_counted():
    measured = np.tile(np.where(MONTH == 5, 0.0, 60.0), (8, 1))
    measured[:, 7] = 900.0
    factors, limited = correction("precipitation", measured, np.full((8, 12), 50.0))
    assert limited == 2
    assert (factors[5], factors[7]) == FACTORS
    assert factors[0] == pytest.approx(1.2)


def test_rows_by_year():
    rows = on_years(np.arange(24.0).reshape(2, 12), np.array([2001, 2002]), np.arange(2000, 2003))
    assert np.isnan(rows[0]).all() and rows[1, 0] == 0 and rows[2, 11] == 23


@pytest.mark.parametrize(
    ("name", "modelled", "words"),
    [
        ("air_temperature", lambda v: v + 3.5, "mean +3.5 K"),
        ("air_temperature", lambda v: v - 3.5, "mean -3.5 K"),
        ("air_temperature", lambda v: v + 2.5, None),
        (
            "air_temperature",
            lambda v: RANDOM.permutation(v.ravel()).reshape(v.shape),
            "correlation",
        ),
        ("precipitation", lambda v: 2.1 * v, "mean 2.10 times"),
        ("precipitation", lambda v: 0.4 * v, "mean 0.40 times"),
        ("precipitation", lambda v: 1.8 * v, None),
        ("shortwave", lambda v: 1.4 * v, "mean 1.40 times"),
        ("shortwave", lambda v: 0.7 * v, "mean 0.70 times"),
        ("shortwave", lambda v: 0.8 * v, None),
    ],
)
def test_disagreement_before_correction(name, modelled, words):
    found = disagreements(name, TRUTH[name], modelled(TRUTH[name]))
    assert (words is None and found == []) or words in found[0]
