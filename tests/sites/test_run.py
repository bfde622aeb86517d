"""Choices of a site run."""

import pytest

from sites.run import parse_spin_up
from temjax.findings import DataError


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("equilibrium", ("first", 0)),
        ("mean", ("mean", 0)),
        ("cycle", ("cycle", 0)),
        ("years:200", ("mean", 200)),
    ],
)
def test_spin_up_choices(choice, expected):
    assert parse_spin_up(choice) == expected


@pytest.mark.parametrize("choice", ["years", "years:", "years:0", "years:-3", "years:2.5", "200"])
def test_other_spin_ups_are_refused(choice):
    with pytest.raises(DataError, match="years:N"):
        parse_spin_up(choice)
