"""Files of a design: tables of candidates, orders, pairs and parameters, and one NetCDF file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from temjax import __version__
from temjax.files.atomic import atomic_write
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.results.formats import open_dataset, write_dataset
from temjax.regional.run.provenance import file_hash
from temjax.regional.studies.design.run import Design, series_words

NETCDF, STEM = "design.nc", "design"
CANDIDATES, ORDER, PAIRS, PARAMETERS = (
    f"{STEM}.csv", f"{STEM}_order.csv", f"{STEM}_pairs.csv", f"{STEM}_parameters.csv",
)  # fmt: skip
GREEDY, BEST = "greedy", "best subset"


def candidate_rows(result: Design) -> pd.DataFrame:
    """Worth of every candidate by itself, one row for each candidate and target."""
    rows = []
    for number, (one, site) in enumerate(zip(result.candidates, result.sites, strict=True)):
        for target, worth in zip(result.targets, result.worth[number], strict=True):
            rows.append(
                {
                    "candidate": one.name, "kind": one.kind, "type": one.type,
                    "latitude": site.latitude, "longitude": site.longitude,
                    "air_temperature_degC": site.temperature, "series": series_words(one),
                    "values": result.values[number], "target": target.label, "unit": target.unit,
                    "worth": worth, "sd_before": target.sd, "sd_after": target.sd * left(worth),
                    "cost": np.nan if one.cost is None else one.cost,
                    "worth_per_cost": np.nan if one.cost is None else worth / one.cost,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def left(worth: float) -> float:
    """Share of the standard deviation that is left of a worth."""
    return float(np.sqrt(max(1 - worth, 0.0)))


def order_rows(result: Design) -> pd.DataFrame:
    """Chosen candidates in order, one row for each objective, way of choice, step and target."""
    rows = []
    for way, choices in ((GREEDY, result.orders), (BEST, result.best)):
        for objective, choice in choices.items():
            cost = 0.0
            for step, chosen in enumerate(choice.chosen):
                one = result.candidates[chosen]
                cost += np.nan if one.cost is None else one.cost
                for target, worth in zip(result.targets, choice.worth[step], strict=True):
                    rows.append(
                        {
                            "objective": objective, "choice": way, "step": step + 1,
                            "candidate": one.name, "target": target.label, "unit": target.unit,
                            "worth_together": worth, "sd_after": target.sd * left(worth),
                            "cost_together": cost,
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


def pair_rows(result: Design) -> pd.DataFrame:
    """Worth of pairs beyond the sum of both, one row for each pair and target."""
    rows = []
    for number, target in enumerate(result.targets):
        for one in range(len(result.candidates)):
            for other in range(one + 1, len(result.candidates)):
                gain = result.gains[number, one, other]
                together = gain + result.worth[one, number] + result.worth[other, number]
                names = result.candidates[one].name, result.candidates[other].name
                rows.append((*names, target.label, together, gain))
    head = ["candidate", "other", "target", "worth_together", "beyond_sum"]
    return pd.DataFrame(rows, columns=head)


def parameter_rows(result: Design) -> pd.DataFrame:
    """Uncertain numbers: spread, share in every target, and what measurements leave."""
    everything = result.measurements.variance_left(range(result.measurements.size))
    chosen = next(iter(result.orders.values())).chosen
    table = {
        "number": result.uncertain.labels,
        "sd": np.sqrt(np.diagonal(result.uncertain.covariance)),
        "variance_left_by_all": everything,
        "variance_left_by_chosen": result.measurements.variance_left(chosen),
    }
    for target, share in zip(result.targets, result.alone, strict=True):
        table[f"share_alone_{target.output}"] = share
    return pd.DataFrame(table)


def write_design(result: Design, path: Path, out: Path) -> list[Path]:
    """Write tables and NetCDF; ``path`` is the file of candidates."""
    tables = {
        CANDIDATES: candidate_rows(result),
        ORDER: order_rows(result),
        PAIRS: pair_rows(result),
        PARAMETERS: parameter_rows(result),
    }
    for name, table in tables.items():
        with atomic_write(out / name) as partial:
            table.to_csv(partial, index=False, float_format="%.10g")
    write_dataset(out / NETCDF, _attributes(result, path), _variables(result))
    return [out / name for name in (*tables, NETCDF)]


def _attributes(result: Design, path: Path) -> dict[str, str | float]:
    experiment = result.experiment
    label = f"{LABEL} " if experiment.synthetic and LABEL not in experiment.title else ""
    return {
        "Conventions": "CF-1.8",
        "title": f"{label}{experiment.title}: which measurement next",
        "source": f"temjax {__version__}",
        "references": "Chaloner and Verdinelli 1995, doi:10.1214/ss/1177009939",
        "comment": "worth is the share of the variance of a regional number from parameters that a "
        "measurement takes away, to first order and with Gaussian errors",
        "configuration_hash": experiment.hash,
        "members": "; ".join(" ".join(pair) for pair in result.derivatives.members),
        "candidates_file": path.name,
        "candidates_sha256": file_hash(path),
        "soil_matter_sd": result.content.soil_matter_sd,
        "cost_unit": result.content.cost_unit,
        "search": result.search,
        "choices": "; ".join(result.notes),
    }


def _variables(result: Design) -> Iterator[tuple[str, xr.Variable]]:
    candidate, target, number = ("candidate",), ("target",), ("number",)
    labels = [one.label for one in result.targets]
    for axis, names, meaning in (
        ("candidate", [one.name for one in result.candidates], "candidate measurement"),
        ("target", labels, "regional number"),
        ("number", list(result.uncertain.labels), "uncertain number, in prior space"),
        ("objective", list(result.orders), "what is to shrink"),
    ):
        yield axis, xr.Variable(axis, names, {"long_name": meaning})
    for name, values, attributes in (
        ("lat", [s.latitude for s in result.sites],
         {"units": "degrees_north", "standard_name": "latitude", "long_name": "latitude"}),
        ("lon", [s.longitude for s in result.sites],
         {"units": "degrees_east", "standard_name": "longitude", "long_name": "longitude"}),
        ("air_temperature", [s.temperature for s in result.sites],
         {"units": "degC", "standard_name": "air_temperature", "cell_methods": "time: mean",
          "long_name": "mean air temperature before the branch"}),
    ):  # fmt: skip
        yield name, xr.Variable(candidate, np.asarray(values), attributes)
    for name, axes, values, long_name, units in (
        ("value", target, [one.value for one in result.targets],
         "regional number, in the unit of target_unit", None),
        ("sd", target, [one.sd for one in result.targets],
         "its standard deviation from parameters before any measurement", None),
        ("target_unit", target, [one.unit for one in result.targets], "unit of value and sd", None),
        ("worth", (*candidate, *target), result.worth,
         "share of the variance that a candidate alone takes away", "1"),
        ("joint_gain", (*target, *candidate, "other_candidate"), result.gains,
         "worth of a pair less the sum of both; on the diagonal of two alike", "1"),
        ("gradient", (*target, *number), result.gradients,
         "derivative of the regional number with respect to the uncertain number", None),
        ("covariance", (*number, "other_number"), result.uncertain.covariance,
         "covariance of the uncertain numbers before any measurement", None),
    ):  # fmt: skip
        attributes = {"long_name": long_name} | ({"units": units} if units else {})
        yield name, xr.Variable(axes, values, attributes)
    for name, choices in (("greedy", result.orders), ("best", result.best)):
        yield from _choice_variables(name, choices, result)


def _choice_variables(
    name: str, choices: dict, result: Design
) -> Iterator[tuple[str, xr.Variable]]:
    """Numbers of the chosen candidates, from 0, and their worth together; −1 and NaN: no more."""
    steps = max(len(choice.chosen) for choice in result.orders.values())
    chosen = np.full((len(choices), steps), -1, dtype=np.int32)
    worth = np.full((len(choices), steps, len(result.targets)), np.nan)
    for row, choice in enumerate(choices.values()):
        chosen[row, : len(choice.chosen)] = choice.chosen
        worth[row, : len(choice.chosen)] = choice.worth
    axes = ("objective", "step")
    long_name = f"candidate of each step, counted from 0; -1: none ({name} choice)"
    yield f"{name}_candidate", xr.Variable(axes, chosen, {"long_name": long_name})
    long_name = f"share of the variance that the steps so far take away ({name} choice)"
    attributes = {"long_name": long_name, "units": "1"}
    yield f"{name}_worth", xr.Variable((*axes, "target"), worth, attributes)


@dataclass(frozen=True)
class Stored:
    """A design as it was written.

    Attributes:
        attributes: of the NetCDF file.
        candidates, order, pairs, parameters: tables.
    """

    attributes: dict
    candidates: pd.DataFrame
    order: pd.DataFrame
    pairs: pd.DataFrame
    parameters: pd.DataFrame


def read_design(folder: Path) -> Stored | None:
    """The design in a folder; ``None`` where there is none.

    Raises:
        DataError: a damaged file.
    """
    names = (CANDIDATES, ORDER, PAIRS, PARAMETERS)
    if not all((folder / name).is_file() for name in (*names, NETCDF)):
        return None
    with open_dataset(folder / NETCDF) as file:
        attributes = dict(file.attrs)
    return Stored(attributes, *(pd.read_csv(folder / name) for name in names))
