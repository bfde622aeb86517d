"""Result files of a member in CF-1.8: history, S_R, S_T and their difference.

Float32, fill 1e20 (ISIMIP, docs/specification/protocol.md 6). Attributes give the provenance:
configuration, parameters, options, sources of the climate and their seams. Attributes of input
files are not copied, except the parameters of their projection.
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
from temjax.regional.experiment.one_percent import OnePercent
from temjax.regional.experiment.products import MONTHLY_PREFIX, PRODUCTS
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.member import MASKED, STATUS, MemberResult
from temjax.regional.results.cf_variables import member_variables
from temjax.regional.results.effect import delta
from temjax.regional.results.formats import SUFFIXES, write_dataset
from temjax.regional.run.restart_products import LazyProducts
from temjax.regional.run.workers import SERIAL, Workers

DIFFERENCE = "difference"
FILE_NAMES = {"historical": "historical", "S_R": "reference", "S_T": "transient"}


def member_files(experiment: Experiment, result: MemberResult, out: Path) -> dict[str, Path]:
    """Paths of a member's files in the naming pattern of ISIMIP (all variables in one file)."""
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


def submit_member_files(
    experiment: Experiment, result: MemberResult, out: Path, workers: Workers = SERIAL
) -> tuple[dict[str, Path], list[Future]]:
    """Submit a member's files to workers, and write the table of cells that are not ok.

    Returns:
        Paths by run, and futures of the files; all files are complete when these are done.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = member_files(experiment, result, out)
    futures = []
    for key, path in files.items():
        if key == DIFFERENCE:
            read = partial(delta, result.products)
        else:
            read = partial(_annual, result.products, key)
        products = LazyProducts(tuple(PRODUCTS), read)
        futures.append(_submit(experiment, result, path, key, products, workers))
    for key, path in _monthly_files(experiment, files).items():
        products = LazyProducts(experiment.output.monthly, partial(_monthly, result.products, key))
        futures.append(_submit(experiment, result, path, key, products, workers, monthly=True))
        files[f"{key} monthly"] = path
    files["cells"] = out / f"temjax_{result.member}_{result.scenario}_cells.csv".lower()
    write_findings(result, files["cells"])
    return files, futures


def _monthly_files(experiment: Experiment, annual: dict[str, Path]) -> dict[str, Path]:
    """Paths of the monthly files; none if the experiment has no monthly products."""
    return {
        key: path.with_name(path.name.replace("_annual_", "_monthly_"))
        for key, path in annual.items()
        if experiment.output.monthly and key != DIFFERENCE
    }


def _annual(products: Mapping[str, NDArray], run: str, name: str) -> NDArray:
    return products[f"{run}/{name}"]


def _monthly(products: Mapping[str, NDArray], run: str, name: str) -> NDArray:
    values = products[f"{run}/{MONTHLY_PREFIX}{name}"]
    return values.reshape(-1, *values.shape[2:])


def global_attributes(
    experiment: Experiment, result: MemberResult, key: str
) -> dict[str, str | int]:
    """Global attributes of a file: content and provenance."""
    options = experiment.options
    description = {
        "historical": "historical run, exposure as in S_T",
        "S_R": "S_R: climate change without thaw exposure after the branch year",
        "S_T": "S_T: climate change with thaw exposure",
        DIFFERENCE: "S_T minus S_R",
    }[key]
    counts = [int(np.sum(result.status == code)) for code in range(len(STATUS))]
    attributes = {
        "Conventions": "CF-1.8",
        "title": experiment.title,
        "institution": experiment.institution,
        "contact": experiment.contact,
        "source": f"temjax {__version__}",
        "references": "Liu et al. 2022, doi:10.1029/2021GB007068",
        "experiment": description,
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
        **{f"climate_{name}": value for name, value in result.repairs.items()},
        "branch_baseline_years": experiment.protocol.branch_baseline_years,
        "branch_baseline": "active layer of "
        + "-".join(map(str, dict.fromkeys(experiment.protocol.branch_baseline))),
        "active_layer_rule": options.active_layer_rule,
        "root_zone_nitrogen": options.root_zone_nitrogen,
        "freezing_cutoff": "on" if options.freezing_cutoff else "off",
        "model_options": json.dumps(asdict(options)),
        "configuration_hash": experiment.hash,
        "parameter_hashes": ", ".join(f"{k} {v}" for k, v in result.parameter_hashes.items()),
        "cells": result.domain.size,
        "cells_by_status": ", ".join(
            f"{name} {count}" for name, count in zip(STATUS, counts, strict=True)
        ),
    }
    if isinstance(experiment.protocol, OnePercent):
        attributes["protocol"] = experiment.protocol.kind
    if result.notes:
        attributes["input_notes"] = "; ".join(result.notes)
    if result.domain.synthetic:
        attributes["comment"] = (
            f"{LABEL} domain and climate: invented numbers that meet published aggregates; "
            "not an observation and not a projection"
        )
        if LABEL not in experiment.title:
            attributes["title"] = f"{LABEL} {experiment.title}"
    return attributes


def _submit(
    experiment: Experiment,
    result: MemberResult,
    path: Path,
    key: str,
    products: LazyProducts,
    workers: Workers,
    monthly: bool = False,
) -> Future:
    protocol = experiment.protocol
    first, last = protocol.historical if key == "historical" else protocol.future
    content = result.domain, result.status, np.arange(first, last + 1), products
    attributes = global_attributes(experiment, result, key)
    return workers.submit(_write, path, attributes, content, monthly, key == DIFFERENCE)


def _write(path: Path, attributes: dict, content: tuple, monthly: bool, difference: bool) -> None:
    variables = member_variables(*content, monthly=monthly, difference=difference)
    write_dataset(path, attributes, variables)


def write_findings(result: MemberResult, path: Path) -> None:
    """Write the cells that are not ok and the reasons as CSV."""
    domain = result.domain
    with atomic_write(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(
            ("cell", "row", "column", "latitude", "longitude", "status", "masked", "file",
             "variable", "place", "message", "mend")
        )  # fmt: skip
        for cell, cell_findings in result.findings.items():
            code = int(result.status[cell])
            for fault in cell_findings:
                table.writerow(
                    (cell, domain.row[cell], domain.column[cell],
                     f"{domain.latitude[cell]:.5f}", f"{domain.longitude[cell]:.5f}",
                     STATUS[code], code in MASKED, fault.file, fault.variable, fault.index,
                     fault.message, fault.mend)
                )  # fmt: skip
