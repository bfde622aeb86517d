"""Draws of a finished run with known numbers: made without running the model."""

import numpy as np

from temjax.regional.diagnostics.drawn import MemberDraws
from temjax.regional.diagnostics.totals import GroupSeries, MemberTotals, member_totals
from temjax.regional.results.read_back import read_run
from temjax.regional.studies.draw_files import write_draws, write_parameters_of_draws
from temjax.regional.studies.draw_run import DrawnMember
from temjax.regional.studies.draw_statistics import Statistics, group_numbers, quantiles
from temjax.regional.studies.parameter_sources import parameter_sources, source_records

FACTORS = (0.8, 0.9, 1.0, 1.1, 1.4)  # of the run's own series and maps, draw by draw
TYPES = ("alpine-tundra", "moist-tundra")


def scaled(group, factors):
    """The series of a group times every factor, ``(year, draw)``."""
    return GroupSeries(
        group.area,
        {label: np.outer(values, factors) for label, values in group.delta.items()},
        {
            run: {label: np.outer(values, factors) for label, values in series.items()}
            for run, series in group.runs.items()
        },
    )


def made_statistics(totals: MemberTotals, factors, failed=()) -> Statistics:
    """Statistics of draws that are the run times a factor; draws that failed are NaN."""
    known = np.array(factors, dtype=float)
    known[list(failed)] = np.nan
    groups = {name: scaled(group, known) for name, group in totals.groups.items()}
    bands = {name: scaled(group, known) for name, group in totals.bands.items()}
    own = totals.maps | {
        "NEP end": totals.maps["ΣΔNEP"] * 0 + 1.0, "ΔSOC_NET": totals.maps["ΔSOC"],
    }  # fmt: skip
    drawn = {name: np.outer(known, values) for name, values in own.items()}
    size = totals.stored.domain.size
    return Statistics(
        groups=groups,
        bands=bands,
        numbers={name: group_numbers(group) for name, group in groups.items()},
        maps={name: quantiles(values) for name, values in drawn.items()},
        above_zero={name: np.nanmean(values > 0, axis=0) for name, values in drawn.items()},
        used=np.full(size, known.size),
        missing=np.isnan(known).astype(float),
        failed=np.isnan(known),
        flagged={"equilibrium_not_converged": 3, "heat_not_solved": 0},
    )


def made_member_draws(totals: MemberTotals, factors, record: dict) -> MemberDraws:
    """Draws as they are read back, without files."""
    groups = made_statistics(totals, factors).groups
    return MemberDraws(totals.member, totals.scenario, totals.years, groups, {}, record, None)


def write_made_draws(experiment, out, factors=FACTORS, failed=(), seed=1, unfitted="prior"):
    """Write draws of every member of a folder; returns the totals of its members."""
    sources, notes = parameter_sources(experiment, TYPES, unfitted)
    write_parameters_of_draws(sources, len(factors), seed, out)
    members = [member_totals(stored) for stored in read_run(out)]
    for totals in members:
        member = DrawnMember(
            totals.member, totals.scenario, totals.stored.domain, totals.years, len(factors), [],
            1.0, 0, 1.0,
        )  # fmt: skip
        record = {
            "draws": len(factors), "seed": seed, "unfitted": unfitted,
            "sources": source_records(sources, TYPES), "notes": notes,
        }  # fmt: skip
        result = made_statistics(totals, factors, failed)
        write_draws(experiment, member, result, {}, record, out)
    return members
