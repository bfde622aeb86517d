"""Output of a member: data files, figures, the summary as JSON."""

import json
import math
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from temjax.files.atomic import write_text
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.figures.member_figures import submit_figures
from temjax.regional.member import STATUS, MemberResult
from temjax.regional.results.effect import SummaryRow, summarise
from temjax.regional.results.member_files import global_attributes, submit_member_files
from temjax.regional.run.workers import SERIAL, Workers


@dataclass(frozen=True)
class PendingMember:
    """Output of a member that workers are writing.

    Attributes:
        member, scenario: of the climate.
        rows: summary.
    """

    member: str
    scenario: str
    rows: list[SummaryRow]
    _files: list[Path]
    _futures: list[Future]
    _write_summary: Callable[[], Path]

    @property
    def label(self) -> str:
        """Member and scenario in one text."""
        return f"{self.member} {self.scenario}"

    def done(self) -> bool:
        """Whether all files are written."""
        return all(file.done() for file in self._futures)

    def wait(self) -> list[Path]:
        """Wait for the files, then write the summary, which marks them as complete.

        Returns:
            All paths, data files first.

        Raises:
            OSError: a file could not be written.
        """
        for file in self._futures:
            file.result()
        return [*self._files, self._write_summary()]


def submit_member(
    experiment: Experiment, result: MemberResult, out: Path, workers: Workers
) -> PendingMember:
    """Submit the files and figures of a member to workers and summarise it."""
    files, futures = submit_member_files(experiment, result, out, workers)
    figures = submit_figures(experiment, result, out, workers)
    rows = summarise(experiment, result)
    summary = partial(write_summary, experiment, result, rows, out)
    futures += figures.values()
    paths = [*files.values(), *figures]
    return PendingMember(result.member, result.scenario, rows, paths, futures, summary)


def write_member_output(
    experiment: Experiment, result: MemberResult, out: Path
) -> tuple[list[SummaryRow], list[Path]]:
    """Write the output of a member; returns its summary and the paths, data files first."""
    pending = submit_member(experiment, result, out, SERIAL)
    return pending.rows, pending.wait()


def write_summary(
    experiment: Experiment, result: MemberResult, rows: list[SummaryRow], out: Path
) -> Path:
    """Write the summary that ``temjax report`` reads beside the data files."""
    path = out / f"summary_{result.member}_{result.scenario}.json".lower()
    summary = {
        "attributes": global_attributes(experiment, result, "S_T"),
        "format": experiment.output.format,
        "numbers": [
            {
                "name": row.name,
                "value": row.value if math.isfinite(row.value) else None,
                "unit": row.unit,
            }
            for row in rows
        ],
        "climate_repairs": result.repairs,
        "climate": {name: [float(v) for v in values] for name, values in result.climate.items()},
        "cells": {
            str(cell): {
                "status": STATUS[int(result.status[cell])],
                "reasons": [str(finding) for finding in cell_findings],
            }
            for cell, cell_findings in result.findings.items()
        },
    }
    write_text(path, json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    return path
