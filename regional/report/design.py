"""Which measurement next: tables, figure and text of ``temjax design``."""

import base64
from pathlib import Path

import numpy as np
import pandas as pd

from temjax.regional.diagnostics.tables import Table
from temjax.regional.report.sections import Picture, Section
from temjax.regional.studies.design.files import BEST, STEM, Stored, read_design

SHOWN = 15  # candidates in the table
PAIRS_SHOWN = 4  # of each sign


def design_section(folder: Path, configuration: str = "") -> Section | None:
    """Section of the page; ``None`` where there is no design.

    Args:
        folder: of the run.
        configuration: hash of the run's; empty where there is no run.

    Raises:
        DataError: a damaged file.
    """
    stored = read_design(folder)
    if stored is None:
        return None
    texts = [f"What was chosen or left out: {stored.attributes['choices']}."]
    if configuration and stored.attributes.get("configuration_hash") != configuration:
        texts.append("The design has other cells or settings than the run of this page.")
    section = Section("Which measurement next", texts, tables(stored))
    path = folder / f"{STEM}.png"
    if path.is_file():
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        caption = "Worth of candidates alone, one after the other, and of pairs."
        section.pictures.append(Picture("Which measurement next.", caption, data))
    return section


def tables(stored: Stored) -> list[Table]:
    """Tables of candidates, of the chosen in order, and of pairs."""
    return [candidates_table(stored), order_table(stored), pairs_table(stored)]


def candidates_table(stored: Stored) -> Table:
    """Worth of each candidate by itself, the best first."""
    rows = stored.candidates
    labels = list(dict.fromkeys(rows["target"]))
    worth = rows.pivot(index="candidate", columns="target", values="worth")[labels]
    order = worth.mean(axis=1).sort_values(ascending=False, kind="stable").index
    per_cost = rows.pivot(index="candidate", columns="target", values="worth_per_cost")[labels]
    has_cost = bool(np.isfinite(per_cost.to_numpy()).all())
    first = rows.drop_duplicates("candidate").set_index("candidate")
    table = []
    for name in order[:SHOWN]:
        of_one = first.loc[name]
        place = f"{of_one['latitude']:.1f} N {of_one['longitude']:.1f} E"
        line = [str(name), f"{place}, {of_one['air_temperature_degC']:.1f} °C".replace("-", "−")]
        line.append(str(int(of_one["values"])))
        line += [percent(worth.loc[name, label]) for label in labels]
        if has_cost:
            line += [f"{100 * per_cost.loc[name, label]:.2g}" for label in labels]
        table.append(tuple(line))
    unit = stored.attributes.get("cost_unit") or "cost"
    costs = [f"{label}, % per {unit}" for label in labels] if has_cost else []
    sds = "; ".join(
        f"{label} ± {of['sd_before'].iloc[0]:.4g} {of['unit'].iloc[0]}"
        for label, of in rows.groupby("target", sort=False)
    )
    more = f"{len(order) - SHOWN} more in {STEM}.csv. " if len(order) > SHOWN else ""
    note = f"Share of the variance that a measurement alone takes away. {more}Before: {sds}."
    head = ("candidate", "cell", "values", *(f"{label}, %" for label in labels), *costs)
    return Table("Worth of each measurement", note, head, table)


def percent(share: float) -> str:
    """A share in percent with one decimal; a true minus."""
    return f"{100 * share:.1f}".replace("-", "−")


def order_table(stored: Stored) -> Table:
    """Chosen measurements in order, by objective, beside the best subset."""
    rows = stored.order
    labels = list(dict.fromkeys(rows["target"]))
    table = []
    for (objective, choice), of_choice in rows.groupby(["objective", "choice"], sort=False):
        for step, of_step in of_choice.groupby("step", sort=True):
            values = of_step.set_index("target")
            size = of_choice["step"].max()
            way = choice if choice != BEST else f"{choice} of {size}"
            cells = [f"{values.loc[label, 'sd_after']:.4g}" for label in labels]
            shares = [percent(values.loc[label, "worth_together"]) for label in labels]
            name = str(of_step["candidate"].iloc[0])
            table.append((str(objective), way, str(step), name, *shares, *cells))
    units = rows.drop_duplicates("target").set_index("target")["unit"]
    head = (
        "for", "choice", "step", "measurement", *(f"{label}, %" for label in labels),
        *(f"SD left of {label}, {units[label]}" for label in labels),
    )  # fmt: skip
    note = (
        "Share of the variance that the measurements so far take away together, and the standard "
        f"deviation left; {stored.attributes['search']}."
    )
    return Table("One after the other", note, head, table)


def pairs_table(stored: Stored) -> Table:
    """Pairs that complement each other most, and those that most tell the same."""
    pairs = stored.pairs.sort_values("beyond_sum", kind="stable")
    lowest = pairs[pairs["beyond_sum"] < 0].head(PAIRS_SHOWN)
    highest = pairs[pairs["beyond_sum"] > 0].tail(PAIRS_SHOWN)[::-1]
    rows = [
        (str(pair["candidate"]), str(pair["other"]), str(pair["target"]),
         percent(pair["worth_together"]), f"{100 * pair['beyond_sum']:+.1f}".replace("-", "−"))
        for _, pair in pd.concat([highest, lowest]).iterrows()
    ]  # fmt: skip
    note = (
        "Worth of two together, and what of it is beyond the sum of both: above 0 they complement "
        f"each other, below 0 they tell the same. All pairs: {STEM}_pairs.csv."
    )
    head = ("measurement", "and", "for", "together, %", "beyond the sum, %")
    return Table("Pairs", note, head, rows)
