"""Tables and lines of a fit for the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich import box
from rich.table import Table

from temjax.calibration.gross_flux import GROSS_FLUX, PARTITIONED, counted_as
from temjax.calibration.joint import JointObjective
from temjax.calibration.left_out import LeftOut
from temjax.calibration.nuts import PosteriorDraws
from temjax.calibration.objective import Objective
from temjax.calibration.profile_likelihood import ProfileLikelihood, profile_records
from temjax.calibration.result import Calibration
from temjax.calibration.scores import Score, merged_scores
from temjax.calibration.targets import ALIASES
from temjax.calibration.transforms import prior_centre
from temjax.calibration.twin import Recovery
from temjax.calibration.uncertainty import Laplace
from temjax.runtime.terminal import number_text
from temjax.sites import Site
from temjax.sites.account import account
from temjax.sites.observations import OBSERVED

SHORT = {name: short for short, name in ALIASES.items()}


def parameter_table(posterior: Laplace) -> Table:
    """Table of prior, estimate and interval of every parameter."""
    table = Table(title="Fitted parameters", title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("parameter", "TEM", "unit", "prior", "fitted", "90 %", "shrinkage"):
        table.add_column(column, no_wrap=column != "unit")
    for row in posterior.table():
        table.add_row(
            row["name"],
            row["symbol"],
            row["unit"],
            f"{row['prior']:.4g}",
            f"{row['estimate']:.4g}" + (" (bound)" if row["at_bound"] else ""),
            f"{row['low']:.4g} … {row['high']:.4g}",
            f"{row['shrinkage']:.2f}",
        )
    return table


def data_lines(sites: Sequence[Site], objective: Objective | JointObjective) -> list[str]:
    """Lines that say of every site what is fitted, what is absent and why, what was chosen."""
    lines = []
    for site, part in zip(sites, objective.site_parts, strict=True):
        prefix = f"{site.name}: " if len(sites) > 1 else ""
        observed = account(replace(site, notes=part.notes))
        few = [
            f"{name} ({reason})"
            for name, reason in part.absent
            if ALIASES.get(name, name) in site.observations.monthly
        ]
        targets = dict.fromkeys(
            SHORT.get(name, name)
            for target in part.targets
            for name in (PARTITIONED if target.variable == GROSS_FLUX else (target.variable,))
        )
        lines.append(f"{prefix}fitted: {', '.join(targets)}")
        counted = counted_as(part.targets)
        lines += [f"{prefix}counted: {counted}"] if counted else []
        lines += [f"{prefix}not fitted: {', '.join(few)}"] if few else []
        lines += [f"{prefix}{line}" for line in observed]
    for part in objective.parts[len(sites) :]:
        counts = (f"{np.sum(t.used):.0f} {t.label.replace('_', ' ')}" for t in part.targets)
        lines.append(f"{part.name}: fitted: {', '.join(counts)}")
        lines += [f"{part.name}: {note}" for note in part.notes]
    return [*lines, *_tied_lines(sites, objective)]


def _tied_lines(sites: Sequence[Site], objective: Objective | JointObjective) -> list[str]:
    """Notes on shared parameters whose value in the sets of the sites is not that of the first."""
    first, lines = sites[0], []
    pooled = set() if objective.pooling is None else set(objective.pooling.types)
    for column, name in enumerate(objective.free.names if len(sites) > 1 else ()):
        if "@" in name:
            continue
        centre = prior_centre(first.parameters(), name)
        own = {site.name: prior_centre(site.parameters(), name) for site in sites[1:]}
        others = [f"{site} {value:.4g}" for site, value in own.items() if value != centre]
        if others:
            shared = "pooled" if column in pooled else "tied"
            lines.append(
                f"note: {name} is {shared}: its prior is that of {first.name}, {centre:.4g} "
                f"(by their own sets {', '.join(others)})"
            )
    return lines


def profile_lines(profiles: Mapping[str, ProfileLikelihood]) -> list[str]:
    """Intervals of profile likelihoods as lines."""
    lines = []
    for record in profile_records(profiles):
        low, high = (
            "open" if record[end] is None else f"{record[end]:.4g}" for end in ("low", "high")
        )
        lines.append(f"profile of {record['name']}: 90 % {low} … {high}")
    return lines


def draws_line(draws: PosteriorDraws) -> str:
    """Convergence diagnostics of draws from the posterior as a line."""
    return (
        f"draws: largest R-hat {draws.r_hat.max():.2f}, least effective draws "
        f"{draws.effective.min():.0f}, {draws.divergent} divergent"
    )


def twin_lines(recovery: Recovery) -> list[str]:
    """Parameter recovery of a twin as lines."""
    flags = zip(recovery.names, recovery.identified, strict=True)
    identified = [name for name, is_identified in flags if is_identified]
    return [
        f"twin: the data decide {', '.join(identified) if identified else 'no single parameter'} "
        f"of {len(recovery.names)}",
        f"twin: {int(recovery.recovered.sum())} of {recovery.recovered.size} starts bring them "
        f"within {recovery.tolerance:.0%} of the truth",
    ]


def written_line(out: Path, paths: Mapping[str, Path]) -> str:
    """Files that a fit has written into a folder, each once."""
    return f"written to {out}: {', '.join(dict.fromkeys(path.name for path in paths.values()))}"


def misfit_rows(calibration: Calibration) -> list[tuple[str, str]]:
    """Loss and its share by target, in stated errors, before and after the fit."""
    result = calibration.result
    after = result.misfit
    rows = [
        (
            "loss (half the sum of squared, weighted distances)",
            f"{result.losses[0, 0]:.2f} → {result.loss[result.best]:.2f} in "
            f"{len(result.losses)} steps; {result.reasons[result.best]}",
        )
    ]
    for name, before in result.first_misfit.items():
        name_text = name.replace("_", " ")
        rows.append((f"misfit of {name_text}", f"{before:.2f} → {after[name]:.2f}"))
    return rows


def skill_table(site: Site, scores: Sequence[Score]) -> Table:
    """Skill of every monthly series of a site, by group of months, with the sums of years."""
    table = Table(
        title=f"{site.title}: after the fit", title_justify="left", box=box.SIMPLE_HEAD,
        caption="NSE: Nash-Sutcliffe. RMSE, bias: monthly. Usable months have no known fault.",
    )  # fmt: skip
    for name in ("variable", "months", "n", "r²", "NSE", "RMSE", "bias", "observed → simulated"):
        table.add_column(name, no_wrap=name != "observed → simulated")
    for score in merged_scores(scores):
        model = score.model
        sums = (f"{year}: {seen:.0f} → {made:.0f}" for year, seen, made in score.annual)
        table.add_row(
            OBSERVED[score.variable][1] if score.variable in OBSERVED else score.variable,
            score.months,
            str(model.count),
            number_text(model.squared_correlation),
            number_text(model.nash_sutcliffe),
            number_text(model.rmse),
            number_text(model.bias, signed=True),
            "; ".join(sums),
        )
    return table


def left_out_table(left_out: LeftOut) -> Table:
    """Nash-Sutcliffe efficiency of every place and variable by what its parameters come from."""
    table = Table(
        title="Places left out: NSE in usable months, zero curtain by autumns",
        title_justify="left", box=box.SIMPLE_HEAD,
        caption="Other years: the leave-one-year-out climatology of the place itself.",
    )  # fmt: skip
    for name in ("place", "variable", "n", "prior", "own fit", "joint", "left out", "other years"):
        table.add_column(name, no_wrap=True)
    for row in left_out.rows:
        variable = row["variable"]
        table.add_row(
            row["place"],
            OBSERVED[variable][1] if variable in OBSERVED else variable,
            str(row["count"]),
            *(
                number_text(row[f"nash_sutcliffe_{name}"])
                for name in ("prior", "own", "joint", "left_out", "other_years")
            ),
        )
    return table
