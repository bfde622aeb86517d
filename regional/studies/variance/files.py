"""Files of the split of variance: every run's numbers and all shares, as NetCDF and as a table."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from temjax import __version__
from temjax.files.atomic import atomic_write
from temjax.regional.diagnostics.naming import variable_name
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.results.formats import open_dataset, write_dataset
from temjax.regional.studies.variance.analysis import HIGHER, VarianceTerms, share_errors
from temjax.regional.studies.variance.run import (
    FACTORS,
    QUANTITIES,
    ParameterSplit,
    Study,
    Table,
)

NETCDF, CSV = "variance.nc", "variance.csv"
RUNS, TYPE, GROUP, BOTH = "runs", "vegetation type", "parameter group", "type and group"
PARTS = {
    RUNS: "share in the variance of all runs",
    TYPE: "share in the variance from parameters, by vegetation types that vary together",
    GROUP: "share in the variance from parameters, by group of parameters",
    BOTH: "share in the variance from parameters, by vegetation types and group of parameters",
}


def term_text(term: tuple[str, ...]) -> str:
    """Term of the analysis of variance in words."""
    return "three and more together" if term == HIGHER else " × ".join(term)


@dataclass(frozen=True)
class Result:
    """Everything that the files hold.

    Attributes:
        study: what was varied.
        table: numbers of all runs.
        terms: their analysis of variance by quantity.
        split: of the parameters; ``None`` where none is uncertain.
        linear: of the parameters to first order, by quantity; empty where there is none.
    """

    study: Study
    table: Table
    terms: dict[str, VarianceTerms]
    split: ParameterSplit | None
    linear: dict[str, NDArray]

    def rows(self) -> pd.DataFrame:
        """Shares of all parts, one row per quantity and term.

        Columns: ``quantity``, ``unit`` of its standard deviation, ``part`` (``PARTS``), ``term``,
        ``variance``, ``share`` and its standard error ``share_se``, and the same to first order:
        ``linear_variance``, ``linear_share``.
        """
        rows = [row for name in QUANTITIES for row in self._rows(name)]
        return pd.DataFrame(rows)

    def _rows(self, name: str) -> Iterator[dict]:
        head = {"quantity": name, "unit": QUANTITIES[name]}
        terms = self.terms[name]
        for term, variance in terms.terms.items():
            yield head | {
                "part": RUNS, "term": term_text(term), "variance": variance,
                "share": terms.share(term), "share_se": terms.errors[term],
            }  # fmt: skip
        if self.split is None:
            return
        linear = self.linear.get(name)
        for part, labels in (
            (TYPE, [types for types, _ in self.split.players]),
            (GROUP, [group for _, group in self.split.players]),
            (BOTH, [": ".join(player) for player in self.split.players]),
        ):
            yield from (head | row for row in _sums(part, labels, self.split.effects[name], linear))


def _sums(
    part: str, labels: Sequence[str], effects: NDArray, linear: NDArray | None
) -> Iterator[dict]:
    """Rows of effects summed over players of one label."""
    unique = list(dict.fromkeys(labels))
    member = np.array([[label == one for one in unique] for label in labels], dtype=float)
    summed = effects @ member
    shares, errors = share_errors(summed)
    first_order = np.full(len(unique), np.nan) if linear is None else linear @ member
    total = first_order.sum()
    for number, label in enumerate(unique):
        yield {
            "part": part, "term": label, "variance": summed[:, number].mean(),
            "share": shares[number], "share_se": errors[number],
            "linear_variance": first_order[number],
            "linear_share": first_order[number] / total if total > 0 else np.nan,
        }  # fmt: skip


def write_variance(result: Result, out: Path) -> list[Path]:
    """Write ``variance.nc`` and ``variance.csv``."""
    rows = result.rows()
    paths = [out / NETCDF, out / CSV]
    write_dataset(paths[0], _attributes(result), _variables(result, rows))
    with atomic_write(paths[1]) as partial:
        rows.to_csv(partial, index=False, float_format="%.10g")
    return paths


def _attributes(result: Result) -> dict[str, str | int]:
    study, experiment = result.study, result.study.experiment
    synthetic = experiment.synthetic and LABEL not in experiment.title
    attributes = {
        "Conventions": "CF-1.8",
        "title": f"{LABEL + ' ' if synthetic else ''}{experiment.title}: whose uncertainty",
        "source": f"temjax {__version__}",
        "references": "Yip et al. 2011, doi:10.1175/2011JCLI4085.1; Goda 2021, "
        "doi:10.1016/j.ress.2021.107683; Owen and Prieur 2017, doi:10.1137/16M1097717",
        "configuration_hash": experiment.hash,
        "draws": study.draws,
        "seed": study.seed,
        "draws_that_failed": json.dumps(result.table.failed),
        "flagged_cell_runs": json.dumps(result.table.flagged),
        "choices": "; ".join(study.notes),
    }
    if result.split is not None:
        attributes["parameters_of"] = (
            f"{result.split.member} {result.split.scenario}, "
            f"{experiment.model.active_layer_rule}, {experiment.model.root_zone_nitrogen}"
        )
        attributes["walks_that_failed"] = json.dumps(result.split.failed)
    return attributes


def _variables(result: Result, rows: pd.DataFrame) -> Iterator[tuple[str, xr.Variable]]:
    axes = tuple(_plain(name) for name in FACTORS)
    failed = set(result.table.failed)
    for axis, factor in zip(axes, FACTORS, strict=True):
        labels = result.table.levels[factor]
        if factor == FACTORS[0]:
            labels = [label for n, label in enumerate(labels, 1) if n not in failed]
        yield axis, xr.Variable(axis, labels, {"long_name": f"level of: {factor}"})
    for name, unit in QUANTITIES.items():
        plain, udunits = variable_name(name), unit.replace(" C", "").replace("⁻¹", "-1")
        text = {"long_name": f"{name} of the region in every run", "units": udunits}
        yield plain, xr.Variable(axes, result.table.values[name], text)
        of_name = rows[rows["quantity"] == name]
        for part, meaning in PARTS.items():
            chosen = of_name[of_name["part"] == part]
            if chosen.empty:
                continue
            axis = _plain(f"{part} term")
            if name == next(iter(QUANTITIES)):
                yield axis, xr.Variable(axis, list(chosen["term"]), {"long_name": part})
            variance_unit = "Tg2 yr-2" if "yr" in udunits else "Tg2"
            for column, what, units in (
                ("variance", "variance that is the", variance_unit),
                ("share", "", "1"),
                ("share_se", "standard error of the", "1"),
                ("linear_share", "by linear propagation, the", "1"),
            ):
                if part == RUNS and column == "linear_share":
                    continue
                text = {"long_name": f"{name}: {what} {meaning}".replace("  ", " ")}
                values = chosen[column].to_numpy(dtype=float)
                yield (
                    f"{plain}_{_plain(part)}_{column}",
                    xr.Variable(axis, values, text | {"units": units}),
                )


def _plain(name: str) -> str:
    return name.replace("-", "_").replace(" ", "_")


@dataclass(frozen=True)
class Stored:
    """A split of variance as it was written.

    Attributes:
        attributes: of the NetCDF file.
        rows: as ``Result.rows``.
        means: of the runs by quantity.
        sds: standard deviations of the runs by quantity.
    """

    attributes: dict
    rows: pd.DataFrame
    means: dict[str, float]
    sds: dict[str, float]


def read_variance(folder: Path) -> Stored | None:
    """The split of variance in a folder; ``None`` where there is none.

    Raises:
        DataError: a damaged file.
    """
    if not ((folder / NETCDF).is_file() and (folder / CSV).is_file()):
        return None
    with open_dataset(folder / NETCDF) as file:
        runs = {name: file[variable_name(name)].values for name in QUANTITIES}
        return Stored(
            dict(file.attrs),
            pd.read_csv(folder / CSV),
            {name: float(values.mean()) for name, values in runs.items()},
            {name: float(values.std()) for name, values in runs.items()},
        )
