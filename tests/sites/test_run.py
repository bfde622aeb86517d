"""Choices of a site run, and what it says of itself."""

import re

import numpy as np
import pytest

import temjax.sites.run
from temjax.files.findings import DataError
from temjax.runs.quality import RunQuality
from temjax.sites.run import SiteRun, parse_spin_up


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


@pytest.mark.parametrize(
    ("least", "left", "words"),
    [
        (0.0, 0.0, ()),
        (-0.01, 0.2, ("below zero, by 1.0e-02",)),
        (-0.01, 30.0, ("below zero", r"without a solution \(30 W m⁻²\)")),
    ],
)
def test_a_run_that_is_not_sound_says_so(monkeypatch, least, left, words):
    told = RunQuality(np.array(True), np.array(least), np.array(left))
    monkeypatch.setattr(temjax.sites.run, "run_quality", lambda run: told)
    monkeypatch.setattr(temjax.sites.run, "vegetation_fault", lambda *_, **__: "")
    result = SiteRun.__new__(SiteRun)
    for name in ("run", "site", "parameters", "parameter_source"):
        object.__setattr__(result, name, None)
    object.__setattr__(result, "fitted_with", {})
    assert len(result.warnings) == len(words)
    for warning, word in zip(result.warnings, words, strict=True):
        assert re.search(word, warning)
