"""Everything a finished member leaves behind: data files, figures, the summary as JSON."""

import json
import math
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from temjax.files.atomic import write_text
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.figures.member_figures import write_figures
from temjax.regional.member import STATUS, MemberResult
from temjax.regional.results.effect import Row, summarise
from temjax.regional.results.member_files import attributes, write_member
from temjax.regional.run.workers import HERE, Workers


@dataclass(frozen=True)
class Unfinished:
    """A member whose files are being written.

    Attributes:
        member, scenario: of the climate.
        rows: its summary.
    """

    member: str
    scenario: str
    rows: list[Row]
    _files: list[Path]
    _begun: list[Future]
    _write_summary: Callable[[], Path]

    @property
    def label(self) -> str:
        """Member and scenario for people."""
        return f"{self.member} {self.scenario}"

    def done(self) -> bool:
        """Whether ``ended`` would not wait."""
        return all(file.done() for file in self._begun)

    def ended(self) -> list[Path]:
        """Wait for the files and write the summary, which says that they are complete.

        Returns:
            All paths, data files first.

        Raises:
            OSError: a file could not be written.
        """
        for file in self._begun:
            file.result()
        return [*self._files, self._write_summary()]


def begin_member(
    experiment: Experiment, result: MemberResult, out: Path, workers: Workers
) -> Unfinished:
    """Let workers write a member's files; what they need of its numbers is handed over."""
    files, begun = write_member(experiment, result, out, workers)
    figures = write_figures(experiment, result, out, workers)
    rows = summarise(experiment, result)
    last = partial(write_summary, experiment, result, rows, out)
    begun += figures.values()
    paths = [*files.values(), *figures]
    return Unfinished(result.member, result.scenario, rows, paths, begun, last)


def finish_member(
    experiment: Experiment, result: MemberResult, out: Path
) -> tuple[list[Row], list[Path]]:
    """Write a member's files; returns its summary and the paths, data files first."""
    begun = begin_member(experiment, result, out, HERE)
    return begun.rows, begun.ended()


def write_summary(experiment: Experiment, result: MemberResult, rows: list[Row], out: Path) -> Path:
    """Write what ``temjax report`` needs beside the data files; products are not read."""
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
    return path
