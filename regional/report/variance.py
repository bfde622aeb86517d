"""Whose uncertainty: tables, figure and text of ``temjax variance`` for the report."""

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from temjax.regional.diagnostics.tables import Table
from temjax.regional.studies.variance.figure import STEM
from temjax.regional.studies.variance.files import GROUP, RUNS, TYPE, Stored, read_variance
from temjax.regional.studies.variance.run import QUANTITIES

Picture = tuple[str, str, str]  # title, caption, PNG in base64
_LEAST = 0.005  # largest share of an interaction that is left out of the table


def variance_parts(
    folder: Path, configuration: str = ""
) -> tuple[list[str], list[Table], list[Picture]] | None:
    """Texts, tables and pictures of a split of variance; ``None`` where there is none.

    Args:
        folder: of the run.
        configuration: hash of the run's; empty where there is no run.

    Raises:
        DataError: a damaged file.
    """
    stored = read_variance(folder)
    if stored is None:
        return None
    pictures = []
    path = folder / f"{STEM}.png"
    if path.is_file():
        caption = (
            "Shares of variance. Parameters: by walks (left) and by linear propagation (right, "
            "pale) where there are derivatives. Estimates below zero are not drawn: where there "
            "are, bars pass 100 %."
        )
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        pictures.append(("Whose uncertainty.", caption, data))
    texts = [f"What was varied and chosen: {stored.attributes['choices']}."]
    if configuration and stored.attributes.get("configuration_hash") != configuration:
        texts.append("These runs have other cells or settings than the run of this page.")
    return texts, tables(stored), pictures


def tables(stored: Stored) -> list[Table]:
    """Tables of all runs, and of the parameters by type and by group."""
    parts = [part for part in (TYPE, GROUP) if (stored.rows["part"] == part).any()]
    return [runs_table(stored), *(parameters_table(stored, part) for part in parts)]


def runs_table(stored: Stored) -> Table:
    """Mean and SD of all runs, and the share of every factor and interaction in the variance."""
    rows = [
        ("mean of all runs", *(_number(stored.means[name]) for name in QUANTITIES)),
        ("SD of all runs", *(_number(stored.sds[name]) for name in QUANTITIES)),
    ]
    left_out: list[pd.DataFrame] = []
    for term, of_term in _terms(stored, RUNS):
        if " × " in term and of_term["share"].max() < _LEAST:
            left_out.append(of_term)
            continue
        rows.append((term, *map(_share, of_term["share"], of_term["share_se"])))
    note = (
        "Shares of the variance of all runs, %: main effects, then what factors do together; ± one "
        "standard error over the draws (jackknife). All levels of a factor count alike. They sum "
        "to 100 %."
    )
    if left_out:
        count = f"{len(left_out)} interaction{'s' * (len(left_out) > 1)} of two"
        largest = 100 * sum(of_term["share"].to_numpy() for of_term in left_out).max()
        note += f" Not shown: {count}, together at most {largest:.1f} %."
    head = ("", *(f"{name}, {unit}" for name, unit in QUANTITIES.items()))
    return Table("Whose uncertainty: all runs", note, head, rows)


def parameters_table(stored: Stored, part: str) -> Table:
    """Shares of the variance from parameters by walks and by linear propagation."""
    rows = []
    known = np.isfinite(stored.rows.loc[stored.rows["part"] == part, "linear_share"]).any()
    for term, of_term in _terms(stored, part):
        cells = [_share(*pair) for pair in zip(of_term["share"], of_term["share_se"], strict=True)]
        if known:
            linear = (_share(share, np.nan) for share in of_term["linear_share"])
            cells = [f"{cell} | {first}" for cell, first in zip(cells, linear, strict=True)]
        rows.append((term, *cells))
    rows.append(("SD from parameters", *_spreads(stored, part, known)))
    note = (
        f"Shapley effects of {stored.attributes['parameters_of']}: shares of the variance from "
        "parameters, %, ± one standard error, their interactions divided among them; a share "
        "below zero is zero within its error."
    )
    note += " After the bar: by linear propagation." if known else " No linear propagation."
    head = (part, *(f"{name}, {unit}" for name, unit in QUANTITIES.items()))
    by = "group" if part == GROUP else part
    return Table(f"Whose uncertainty: parameters by {by}", note, head, rows)


def _terms(stored: Stored, part: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Rows of each term, one per quantity in the order of ``QUANTITIES``."""
    chosen = stored.rows[stored.rows["part"] == part]
    for term, of_term in chosen.groupby("term", sort=False):
        yield str(term), of_term.set_index("quantity").loc[list(QUANTITIES)]


def _spreads(stored: Stored, part: str, known: bool) -> Iterator[str]:
    chosen = stored.rows[stored.rows["part"] == part]
    for name in QUANTITIES:
        sums = chosen.loc[chosen["quantity"] == name, ["variance", "linear_variance"]].sum()
        text = _number(np.sqrt(max(sums["variance"], 0.0)))
        yield f"{text} | {_number(np.sqrt(sums['linear_variance']))}" if known else text


def _share(share: float, error: float) -> str:
    text = f"{100 * share:.1f}"
    if np.isfinite(error):
        text += f" ± {100 * error:.1f}"
    return text.replace("-", "−")


def _number(value: float) -> str:
    return f"{value:,.4g}".replace("-", "−")
