"""Results in CF-1.8: one file each for the history, S_R, S_T and their difference.

Float32, fill 1e20 (ISIMIP, protocol.md 6). Attributes carry what made the file: configuration,
parameters, options, sources of the climate and their seams. Attributes of input files are never
copied, but for the parameters of their projection.
"""

import csv
import json
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temjax import __version__
from temjax.files.atomic import atomic_write
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.experiment.products import MONTHLY_PREFIX, PRODUCTS
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.results.cf_variables import member_variables
from temjax.regional.results.effect import delta
from temjax.regional.results.formats import SUFFIXES, write_dataset
from temjax.regional.run.members import MASKED, STATUS, MemberResult
from temjax.regional.run.restart_products import Chosen
from temjax.regional.run.workers import HERE, Workers

DIFFERENCE = "difference"
FILE_NAMES = {"historical": "historical", "S_R": "reference", "S_T": "transient"}


def member_files(experiment: Experiment, result: MemberResult, out: Path) -> dict[str, Path]:
    """Paths of a member's files, named after the ISIMIP pattern (all variables in one file)."""
    protocol = experiment.protocol
    periods = {"historical": protocol.historical} | dict.fromkeys(
        ("S_R", "S_T", DIFFERENCE), protocol.future
    )
    start = f"temjax_{result.member}_{result.scenario}".lower()
    names = FILE_NAMES | {DIFFERENCE: DIFFERENCE}
    suffix = SUFFIXES[experiment.output.format]
    return {
        key: out / f"{start}_{names[key]}_{experiment.region}_annual_{a}_{b}{suffix}"
        for key, (a, b) in periods.items()
    }


def write_member(
    experiment: Experiment, result: MemberResult, out: Path, workers: Workers = HERE
) -> tuple[dict[str, Path], list[Future]]:
    """Begin to write a member's files, and write the table of cells that are not ok.

    Returns:
        The paths, and the files that workers are writing: all are whole when these have ended.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = member_files(experiment, result, out)
    begun = []
    for key, path in files.items():
        if key == DIFFERENCE:
            take = partial(delta, result.products)
        else:
            take = partial(_of_run, result.products, key)
        products = Chosen(tuple(PRODUCTS), take)
        begun.append(_begin(experiment, result, path, key, products, workers))
    for key, path in _monthly_files(experiment, files).items():
        products = Chosen(experiment.output.monthly, partial(_by_month, result.products, key))
        begun.append(_begin(experiment, result, path, key, products, workers, monthly=True))
        files[f"{key} monthly"] = path
    files["cells"] = out / f"temjax_{result.member}_{result.scenario}_cells.csv".lower()
    write_findings(result, files["cells"])
    return files, begun


def _monthly_files(experiment: Experiment, annual: dict[str, Path]) -> dict[str, Path]:
    """Files of the products kept by month, where any were asked for."""
    return {
        key: path.with_name(path.name.replace("_annual_", "_monthly_"))
        for key, path in annual.items()
        if experiment.output.monthly and key != DIFFERENCE
    }


def _of_run(products: Mapping[str, NDArray], run: str, name: str) -> NDArray:
    return products[f"{run}/{name}"]


def _by_month(products: Mapping[str, NDArray], run: str, name: str) -> NDArray:
    values = products[f"{run}/{MONTHLY_PREFIX}{name}"]
    return values.reshape(-1, *values.shape[2:])


def attributes(experiment: Experiment, result: MemberResult, key: str) -> dict[str, str | int]:
    """Global attributes: what the file holds and what made it."""
    options = experiment.options
    says = {
        "historical": "historical run, exposure as in S_T",
        "S_R": "S_R: climate change without thaw exposure after the branch year",
        "S_T": "S_T: climate change with thaw exposure",
        DIFFERENCE: "S_T minus S_R",
    }[key]
    masked = [int(np.sum(result.status == code)) for code in range(len(STATUS))]
    made = {
        "Conventions": "CF-1.8",
        "title": experiment.title,
        "institution": experiment.institution,
        "contact": experiment.contact,
        "source": f"temjax {__version__}",
        "references": "Liu et al. 2022, doi:10.1029/2021GB007068",
        "experiment": says,
        "region": experiment.region,
        "climate_model": result.member,
        "climate_scenario": result.scenario,
        "climate_sources": "; ".join(
            f"{part.label} {part.first}-{part.last}" for part in result.segments
        ),
        "forcing_seam": "; ".join(map(str, result.seams)) or "none",
        "branch_year": experiment.protocol.historical[1],
        "first_exposure_year": experiment.protocol.first_exposure_year,
        "spin_up": "{} years of {}-{}".format(
            experiment.protocol.spin_up_length, *experiment.protocol.spin_up_years
        ),
        "equilibrium": "{} year of {}-{}".format(
            experiment.protocol.equilibrium_climate, *experiment.protocol.equilibrium_years
        ),
        "active_layer_rule": options.active_layer_rule,
        "root_zone_nitrogen": options.root_zone_nitrogen,
        "model_options": json.dumps(asdict(options)),
        "configuration_hash": experiment.hash,
        "parameter_hashes": ", ".join(f"{k} {v}" for k, v in result.parameter_hashes.items()),
        "cells": result.domain.size,
        "cells_by_status": ", ".join(
            f"{name} {count}" for name, count in zip(STATUS, masked, strict=True)
        ),
    }
    if result.domain.synthetic:
        made["comment"] = (
            f"{LABEL} domain and climate: invented numbers that meet published aggregates; "
            "not an observation and not a projection"
        )
        made["title"] = made["title"] if LABEL in made["title"] else f"{LABEL} {made['title']}"
    return made


def _begin(
    experiment: Experiment,
    result: MemberResult,
    path: Path,
    key: str,
    products: Chosen,
    workers: Workers,
    monthly: bool = False,
) -> Future:
    protocol = experiment.protocol
    first, last = protocol.historical if key == "historical" else protocol.future
    given = result.domain, result.status, np.arange(first, last + 1), products
    told = attributes(experiment, result, key)
    return workers.submit(_write, path, told, given, monthly, key == DIFFERENCE)


def _write(path: Path, told: dict, given: tuple, monthly: bool, changed: bool) -> None:
    variables = member_variables(*given, monthly=monthly, difference=changed)
    write_dataset(path, told, variables)


def write_findings(result: MemberResult, path: Path) -> None:
    """Every cell that is not ok, with the reasons, as CSV."""
    domain = result.domain
    with atomic_write(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(
            ("cell", "row", "column", "latitude", "longitude", "status", "masked", "file",
             "variable", "place", "message", "mend")
        )  # fmt: skip
        for cell, found in result.findings.items():
            code = int(result.status[cell])
            for fault in found:
                table.writerow(
                    (cell, domain.row[cell], domain.column[cell],
                     f"{domain.latitude[cell]:.5f}", f"{domain.longitude[cell]:.5f}",
                     STATUS[code], code in MASKED, fault.file, fault.variable, fault.index,
                     fault.message, fault.mend)
                )  # fmt: skip
