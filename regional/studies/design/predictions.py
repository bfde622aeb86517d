"""Values that candidates would give, with Jacobians and errors, and their information."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temjax.parameters.registry import Parameters
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.timeline import Timeline
from temjax.regional.run.cells import Cells
from temjax.regional.run.member_group import MemberGroup
from temjax.regional.studies.design.candidate_file import Candidate
from temjax.regional.studies.design.kinds import KINDS, SERIES, Series
from temjax.regional.studies.design.measured import measured, stocks_by_layer
from temjax.regional.studies.design.places import Site
from temjax.regional.studies.design.uncertain import Uncertain
from temjax.regional.studies.design.worth import information
from temjax.regional.studies.sensitivity import Dual, differentiated_branch

PADDED = 64  # cells up to which candidates take the tile size of the run, and so its programs


@dataclass(frozen=True)
class Prediction:
    """Values of one series of a candidate.

    Attributes:
        series: name in ``kinds.SERIES``.
        values: ``(value,)``.
        jacobian: with respect to the uncertain numbers, ``(value, number)``.
        independent: standard deviation of each value by itself, ``(value,)``.
        common: of an offset that all values share, ``(value,)``; 0 where there is none.
    """

    series: str
    values: NDArray
    jacobian: NDArray
    independent: NDArray
    common: NDArray

    @property
    def information(self) -> NDArray:
        """Jᵀ R⁻¹ J, ``(number, number)``."""
        common = [self.common] if (self.common > 0).any() else []
        return information(self.jacobian, self.independent, common)


@dataclass(frozen=True)
class Places:
    """Cells of candidates, differentiated.

    Attributes:
        sites: one for each cell.
        names: parameters, in order of the directions; after them comes the factor on soil matter.
        parameters: values, ``(parameter, place)``.
        fluxes, stocks: ``measured.Fluxes`` and ``Stocks``.
        sound: whether the equilibrium converged and all derivatives are finite, ``(place,)``.
        no_layer: whether no year had an active layer, ``(place,)``.
    """

    sites: tuple[Site, ...]
    names: tuple[str, ...]
    parameters: NDArray
    fluxes: Dual
    stocks: Dual
    sound: NDArray
    no_layer: NDArray


def cells_of(group: MemberGroup, chosen: Sequence[int]) -> Cells:
    """Cells of a member's first scenario, filled up to the size of its tiles if that is small."""
    (_, tile), *_ = group.tiles.values()
    size = max(len(chosen), tile.size if tile.size <= PADDED else 0)
    source = np.full(size, chosen[0])
    source[: len(chosen)] = chosen
    domain = group.domain
    return Cells(
        number=0,
        index=np.arange(len(chosen)),
        latitude=domain.latitude[source],
        elevation=domain.elevation[source],
        silt_plus_clay=domain.silt_plus_clay[source],
        parameter_index=np.searchsorted(group.names, domain.vegetation[source]),
        climate=group.runs[0].climate.load(source),
    )


def differentiated_places(
    experiment: Experiment, group: MemberGroup, sites: Sequence[Site], names: tuple[str, ...],
    years: int,
) -> Places:  # fmt: skip
    """Run the cells of candidates to the branch and through the years measured.

    Args:
        experiment: of the region.
        group: of the first member.
        sites: of the candidates, some of them perhaps the same.
        names: parameters to differentiate to.
        years: measured.
    """
    unique = tuple({site.cell: site for site in sites}.values())
    cells = cells_of(group, [site.cell for site in unique])
    timeline = group.runs[0].timeline
    return differentiated_cells(experiment, timeline, cells, group.sets, unique, names, years)


def differentiated_cells(
    experiment: Experiment, timeline: Timeline, cells: Cells, sets: list[Parameters],
    sites: tuple[Site, ...], names: tuple[str, ...], years: int,
    log_factor: NDArray | None = None,
) -> Places:  # fmt: skip
    """Run cells to the branch and through the years measured.

    Args:
        experiment: of the region.
        timeline: of its first member.
        cells: the sites, and perhaps further positions behind them.
        sets: parameter sets that the cells refer to.
        sites: of the first positions.
        names: parameters to differentiate to.
        years: measured.
        log_factor: logarithm of the factor on soil matter, ``(position,)``; 0 where not given.
    """
    number = len(sites)
    branch = differentiated_branch(experiment, timeline, cells, sets, names)
    fluxes, stocks = measured(experiment, timeline, cells, branch, years, log_factor)
    finite = np.ones(number, dtype=bool)
    for leaf in (*fluxes.value, *fluxes.tangents, *stocks.value, *stocks.tangents):
        of_place = np.isfinite(np.asarray(leaf)).reshape(-1, leaf.shape[-1]).all(axis=0)
        finite &= of_place[:number]
    parameters = [
        np.asarray(getattr(branch.parameters.value, name))[:number] for name in branch.names
    ]
    return Places(
        sites=sites,
        names=branch.names,
        parameters=np.stack(parameters),
        fluxes=fluxes,
        stocks=stocks,
        sound=branch.converged[:number] & finite,
        no_layer=np.asarray(stocks.value.thickness)[:number] <= 0,
    )


def predictions(
    candidate: Candidate, site: Site, places: Places, uncertain: Uncertain, first_place: int
) -> Iterator[Prediction]:
    """Predictions of the series of a candidate.

    Args:
        candidate: what is measured.
        site: where.
        places: cells of all candidates.
        uncertain: numbers, those of places behind ``first_place``.
        first_place: column of the first place's factor on soil matter.
    """
    place = [one.cell for one in places.sites].index(site.cell)
    for name in candidate.measured:
        series = SERIES[name]
        if series.parameter:
            values, tangents = _direct(series, candidate.type, place, places, uncertain)
        else:
            values, tangents = _modelled(name, candidate, place, places)
        jacobian = np.zeros((values.size, uncertain.size))
        for parameter, column in uncertain.columns.get(candidate.type, {}).items():
            if parameter in places.names:
                slope = uncertain.slopes[candidate.type][parameter]
                jacobian[:, column] += tangents[places.names.index(parameter)] * slope
        if uncertain.size > first_place:
            jacobian[:, first_place + place] += tangents[-1]
        independent, common = errors(name, candidate, values)
        yield Prediction(name, values, jacobian, independent, common)


def _direct(
    series: Series, kind: str, place: int, places: Places, uncertain: Uncertain
) -> tuple[NDArray, NDArray]:
    """Value of a parameter that is observed itself, and its directions."""
    tangents = np.zeros((len(places.names) + 1, 1))
    if series.parameter not in places.names:
        return np.ones(1), tangents  # exact in every type: nothing to learn
    row = places.names.index(series.parameter)
    tangents[row] = 1.0
    return places.parameters[row, place : place + 1], tangents


def _modelled(
    name: str, candidate: Candidate, place: int, places: Places
) -> tuple[NDArray, NDArray]:
    """Values of a series of the model at a place, ``(value,)``, and ``(direction, value)``."""
    if name in places.fluxes.value._fields:
        dual = places.fluxes
        years = candidate.years if "years" in KINDS[candidate.kind].takes else 1
        values = np.asarray(getattr(dual.value, name))[:years, ..., place]
        tangents = np.asarray(getattr(dual.tangents, name))[:, :years, ..., place]
    else:
        dual = stocks_by_layer(candidate.depths, places.stocks)
        values = np.asarray(getattr(dual.value, name))[..., place]
        tangents = np.asarray(getattr(dual.tangents, name))[..., place]
    return values.ravel(), tangents.reshape(len(tangents), -1)


def errors(name: str, candidate: Candidate, values: NDArray) -> tuple[NDArray, NDArray]:
    """Independent and common standard deviations of the values of a series, ``(value,)`` each."""
    series = SERIES[name]
    error, share, common = series.error, series.share, np.full(values.shape, series.common)
    if (entry := candidate.errors.get(name)) is not None:
        error, share = series.errors(entry.value, entry.unit)
        if entry.common is not None:
            offset, of_value = series.errors(entry.common, entry.unit)
            common = offset + of_value * np.abs(values)
    independent = np.hypot(error, share * np.abs(values))
    if series.averages:
        independent = independent / np.sqrt(candidate.number_of_points)
    return independent, common
