"""Region of a part: its domain, climate and years, and inputs of chosen cells."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from temjax import Location
from temjax.calibration.region.part import PartCells
from temjax.files.findings import DataError, Finding
from temjax.regional.climate.load import load_climate
from temjax.regional.experiment.experiment import Experiment, read_experiment
from temjax.regional.experiment.one_percent import OnePercent
from temjax.regional.inputs.climate import Climate, merge_findings
from temjax.regional.inputs.domain import load_domain
from temjax.regional.inputs.grids.cells import Domain, nearest_cell
from temjax.regional.inputs.timeline import (
    Timeline,
    block_forcing,
    build_timeline,
    equilibrium_forcing,
)
from temjax.runs.equilibrium import equilibrium_climate

KILOMETRES_PER_DEGREE = 111.2


@dataclass(frozen=True)
class Study:
    """Experiment of a region with its cells and the climate of its first member.

    Attributes:
        experiment: settings.
        domain: cells.
        climate: of the first member and scenario.
        timeline: years.
        member: climate model and scenario.
    """

    experiment: Experiment
    domain: Domain
    climate: Climate
    timeline: Timeline
    member: tuple[str, str]

    @classmethod
    def of(cls, source: Experiment | Path | str) -> "Study":
        """Study of an experiment or its file.

        Raises:
            DataError: an experiment or input that cannot be used, or a protocol without history.
        """
        experiment = source if isinstance(source, Experiment) else read_experiment(source)
        if isinstance(experiment.protocol, OnePercent):
            message = "1 % CO2 a year has no calendar years, in which measurements were made"
            mend = "Give the experiment of a history."
            raise DataError([Finding(experiment.name, "protocol.kind", "", message, mend)])
        domain = load_domain(experiment)
        member = experiment.members[0]
        climate = load_climate(experiment, domain, *member)
        timeline = build_timeline(
            experiment.protocol, climate, experiment.run.block_years, share=False
        )
        return cls(experiment, domain, climate, timeline, member)

    @cached_property
    def valid(self) -> np.ndarray:
        """Whether a cell has valid maps and climate, ``(cell,)``."""
        faulty = merge_findings(self.domain.findings, self.climate.findings)
        return ~np.isin(np.arange(self.domain.size), list(faulty))

    @property
    def history(self) -> range:
        """Calendar years that are simulated after the spin-up."""
        first, last = self.timeline.historical[0], self.timeline.years.size
        return range(int(self.timeline.years[first]), int(self.timeline.years[last - 1]) + 1)

    @property
    def last_decade(self) -> tuple[int, ...]:
        """Last ten years of the experiment's history, in which stocks are reported."""
        last = self.experiment.protocol.historical[1]
        return tuple(range(last - 9, last + 1))

    def row(self, year: int) -> int:
        """Row of a calendar year in a run from the spin-up on."""
        return self.timeline.historical[0] + year - self.history[0]

    def nearest(self, latitude: float, longitude: float) -> tuple[int, float, bool]:
        """Nearest cell of a place, its distance in km, and whether the place is in the domain."""
        cell, degrees = nearest_cell(self.domain, latitude, longitude)
        inside = degrees <= self.domain.grid.spacing()
        return cell, degrees * KILOMETRES_PER_DEGREE, inside

    def temperature(self, cells: np.ndarray) -> np.ndarray:
        """Mean air temperature of the experiment's history in cells, °C."""
        first, last = self.timeline.historical
        rows = self.timeline.rows[first:last]
        return self.climate.load(cells)["air_temperature"][rows].mean(axis=(0, 1))

    def inputs(self, cells: np.ndarray, types: tuple[str, ...], last_year: int) -> PartCells:
        """Inputs of cells up to a calendar year.

        Args:
            cells: of the domain.
            types: vegetation types, in the order of the part's parameter sets.
            last_year: that is simulated.
        """
        domain, timeline = self.domain, self.timeline
        data = self.climate.load(cells)
        forcing, indices = block_forcing(timeline, data, (0, self.row(last_year) + 1), "float64")
        cycle = equilibrium_climate(
            equilibrium_forcing(timeline, data),
            self.experiment.protocol.equilibrium_climate,
            timeline.equilibrium_rows.size,
        )
        return PartCells(
            location=Location(
                latitude=jnp.asarray(domain.latitude[cells], float),
                elevation=jnp.asarray(domain.elevation[cells], float),
                silt_plus_clay=jnp.asarray(domain.silt_plus_clay[cells], float),
            ),
            cycle=cycle,
            forcing=forcing,
            exposed=jnp.asarray(timeline.exposed[indices]),
            type_index=jnp.asarray([types.index(name) for name in domain.vegetation[cells]]),
            labels=tuple(domain.label(int(cell)) for cell in cells),
        )
