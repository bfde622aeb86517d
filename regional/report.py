"""Everything a finished member leaves behind: data files, figures, the summary as JSON."""

import json
import math
from pathlib import Path

from regional.analysis import Row, summarise
from regional.experiment import Experiment
from regional.figures import write_figures
from regional.output import attributes, write_member
from regional.run import STATUS, MemberResult
from temjax.run_files import write_text


def finish_member(
    experiment: Experiment, result: MemberResult, out: Path
) -> tuple[list[Row], list[Path]]:
    """Write a member's files; returns its summary and the paths, data files first."""
    files = [*write_member(experiment, result, out).values()]
    files += write_figures(experiment, result, out).values()
    rows, summary = write_summary(experiment, result, out)
    return rows, [*files, summary]


def write_summary(
    experiment: Experiment, result: MemberResult, out: Path
) -> tuple[list[Row], Path]:
    """Write what ``temjax report`` needs beside the data files; returns the numbers in it too."""
    rows = summarise(experiment, result)
    path = out / f"summary_{result.member}_{result.scenario}.json".lower()
    summary = {
        "attributes": attributes(experiment, result, "S_T"),
        "format": experiment.output.format,
        "numbers": [
            {
                "name": row.name,
                "value": row.value if math.isfinite(row.value) else None,
                "unit": row.unit,
            }
            for row in rows
        ],
        "climate": {name: [float(v) for v in values] for name, values in result.climate.items()},
        "cells": {
            str(cell): {
                "status": STATUS[int(result.status[cell])],
                "reasons": [str(fault) for fault in found],
            }
            for cell, found in result.findings.items()
        },
    }
    write_text(path, json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    return rows, path
