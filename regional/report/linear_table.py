"""Table of ``temjax region-sensitivity``: linear propagation of uncertainty beside draws."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from temjax.regional.diagnostics.drawn import MemberDraws
from temjax.regional.diagnostics.members import DECADE, MeanSD, mean_sd, values_of
from temjax.regional.diagnostics.naming import scenario_name
from temjax.regional.diagnostics.tables import Table
from temjax.regional.diagnostics.totals import REGION, GroupSeries, diagnostics
from temjax.regional.studies.sensitivity import LABELS

# numbers of draws that the totals of a record stand for, Tg C or m
_OF_DRAWS = {
    "delta_nep": lambda g: diagnostics(g)["ΣΔNEP"],
    "exposed_carbon": lambda g: diagnostics(g)["SOC_PF"],
    "thickness": lambda g: _last_decade(g, "ALT"),
    "nep": lambda g: g.runs["S_T"]["NEP"].sum(axis=0),
    "net_soil_carbon": lambda g: diagnostics(g)["ΔSOC_NET"],
    "npp": lambda g: _last_decade(g, "NPP"),
}
_COLUMNS = ("linear", "linear_without_correlations", "samples")


def _last_decade(group: GroupSeries, label: str) -> np.ndarray:
    return group.runs["S_T"][label][-DECADE:].mean(axis=0)


def linear_tables(folder: Path, drawn: Sequence[MemberDraws], configuration: str) -> list[Table]:
    """Regional numbers ± SD by member; none where no uncertainty was propagated.

    Args:
        folder: of the run.
        drawn: its draws, which stand beside records of the same configuration only.
        configuration: hash of the run's.
    """
    rows, others = [], []
    for path in sorted(folder.glob("sensitivity_*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        name = f"{record['member']} {scenario_name(record['scenario'])}"
        is_of_run = record.get("configuration_hash") == configuration
        of_member = [
            m for m in drawn
            if is_of_run and (m.member, m.scenario) == (record["member"], record["scenario"])
        ]  # fmt: skip
        if not is_of_run and (record["linear"] or record["samples"]):
            others.append(name)
        for output in record["linear"] or record["samples"]:
            cells = []
            for column in _COLUMNS:
                total = record.get(column, {}).get(output)
                cells.append(MeanSD(total["value"], total["sd"]).text() if total else "–")
            values = values_of(of_member, REGION, _OF_DRAWS[output])
            known = values[np.isfinite(values)]
            cells.append(mean_sd(known).text() if known.size else "–")
            unit = "m" if output == "thickness" else "Tg C"
            label = getattr(LABELS, output)
            rows.append((f"{name}: {label}, {unit}{' yr⁻¹' if output == 'npp' else ''}", *cells))
    if not rows:
        return []
    note = (
        "± 1 SD of the parameters: gᵀCg with derivatives at the best values and the covariances of "
        "fits and priors, the same with their correlations set to zero, and runs with drawn "
        "parameters (mean, not the run's own number). Where linear and draws part, the model is "
        "curved or bounds are near."
    )
    if others:
        note += (
            f" Of other cells or settings than this run, or from an older version, and so not "
            f"beside its draws: {', '.join(others)}."
        )
    head = ("quantity", "linear", "without correlations", "samples", "draws of project")
    return [Table("Uncertainty of parameters, linear and drawn", note, head, rows)]
