"""Timeline of a run: spin-up cycle, history and future as one sequence of years.

Source: docs/specification/protocol.md 1. The experiments S_R (no exposure after the branch) and S_T
(exposure) share the sequence and differ in one switch per year.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from temjax.forcing import Forcing, co2_monthly
from temjax.regional.experiment.settings import Protocol
from temjax.regional.inputs.climate import VARIABLES, Climate

EXPERIMENTS = ("S_R", "S_T")


@dataclass(frozen=True)
class Timeline:
    """Simulated years in order.

    Attributes:
        years: label of each year; spin-up years count down from the year before the history.
        rows: row of each year in the climate.
        co2: ppmv, ``(year, 12)``.
        exposed: whether thaw exposure acts (S_T), ``(year,)``.
        spin_up, historical, future: (first index, index after the last).
        past: leading part of the history that all scenarios of a climate model share, in whole
            blocks of years; empty where nothing is shared.
        equilibrium_rows: climate rows of the equilibrium.
        equilibrium_co2: ppmv.
    """

    years: NDArray
    rows: NDArray
    co2: NDArray
    exposed: NDArray
    spin_up: tuple[int, int]
    past: tuple[int, int]
    historical: tuple[int, int]
    future: tuple[int, int]
    equilibrium_rows: NDArray
    equilibrium_co2: float

    @property
    def simulated_years(self) -> int:
        """Simulated years per cell; the future is run twice."""
        return 2 * self.future[1] - self.future[0]

    def exposure_switch(self, experiment: str) -> NDArray:
        """Thaw exposure of S_R or S_T by year."""
        switch = self.exposed.copy()
        if experiment == "S_R":
            switch[self.future[0] :] = False
        return switch


def build_timeline(
    protocol: Protocol, climate: Climate, block_years: int, share: bool = True
) -> Timeline:
    """Build the timeline of a protocol over a climate that covers it.

    Args:
        protocol: periods.
        climate: of one member and scenario.
        block_years: length of the blocks of the past.
        share: whether scenarios of a member may share their past.
    """
    first_year = int(climate.years[0])

    def rows(period: tuple[int, int]) -> NDArray:
        return np.arange(period[0], period[1] + 1) - first_year

    cycle = rows(protocol.spin_up_years)
    length = protocol.spin_up_length
    repeats = -(-length // cycle.size)
    spin_up = np.tile(cycle, repeats)[repeats * cycle.size - length :]
    history = rows((protocol.historical[0], protocol.future[1]))
    branch = length + protocol.historical[1] - protocol.historical[0] + 1
    years = protocol.historical[0] + np.arange(-length, history.size)
    july = climate.co2
    co2 = np.concatenate(
        [np.full((length, 12), july[0]), np.asarray(co2_monthly(jnp.asarray(july[history])))]
    )
    return Timeline(
        years=years,
        rows=np.concatenate([spin_up, history]),
        co2=co2,
        exposed=(np.arange(years.size) >= length) & (years >= protocol.first_exposure_year),
        spin_up=(0, length),
        past=(length, length + (_common_years(protocol, climate, block_years) if share else 0)),
        historical=(length, branch),
        future=(branch, years.size),
        equilibrium_rows=rows(protocol.equilibrium_years),
        equilibrium_co2=float(july[0]),
    )


def _common_years(protocol: Protocol, climate: Climate, block_years: int) -> int:
    """Years of history, in whole blocks, whose forcing and next January all scenarios share."""
    before = (protocol.equilibrium_years, protocol.spin_up_years)
    if climate.common_until is None or max(last for _, last in before) > climate.common_until:
        return 0
    common = min(climate.common_until - 1, protocol.historical[1]) - protocol.historical[0] + 1
    return max(common, 0) // block_years * block_years


def year_blocks(start: int, stop: int, length: int) -> list[tuple[int, int]]:
    """Divide the years ``start`` to ``stop`` into blocks of at most ``length`` years."""
    return [(first, min(first + length, stop)) for first in range(start, stop, length)]


def block_forcing(
    timeline: Timeline, data: dict[str, NDArray], block: tuple[int, int], dtype: str
) -> tuple[Forcing, NDArray]:
    """Forcing of a block of years with one neighbour year on each side, and its timeline indices.

    The neighbours hold the months before and after, so that rows 1 to -1 give what a run of the
    whole timeline gives in these years. At its two ends the first and last year are their own
    neighbours, as the model does at the ends of a forcing. All blocks of one length share one
    compilation. A block may extend beyond the end: the last year is repeated there.
    """
    indices = np.clip(np.arange(block[0] - 1, block[1] + 1), 0, timeline.years.size - 1)
    rows = timeline.rows[indices]
    forcing = Forcing(
        years=jnp.asarray(timeline.years[indices]),
        co2=jnp.asarray(timeline.co2[indices], dtype),
        **{name: jnp.asarray(data[name][rows], dtype) for name in VARIABLES},
    )
    return forcing, indices


def equilibrium_forcing(timeline: Timeline, data: dict[str, NDArray]) -> Forcing:
    """Forcing of the equilibrium, which takes its mean or first year, at constant CO2."""
    rows = timeline.equilibrium_rows
    return Forcing(
        years=jnp.asarray(rows),
        co2=jnp.full((rows.size, 12), timeline.equilibrium_co2, float),
        **{name: jnp.asarray(data[name][rows]) for name in VARIABLES},
    )
