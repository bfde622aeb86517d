"""Objective of a calibration from what was asked for: sites, targets, parameters, years."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from temjax import ModelOptions
from temjax.calibration.default_targets import default_targets
from temjax.calibration.gross_flux import GROSS_FLUX, NET, PARTITIONED
from temjax.calibration.hierarchy import TypeRequest
from temjax.calibration.joint import JointObjective
from temjax.calibration.objective import DESCENT, Disequilibrium, Objective
from temjax.calibration.part import Part
from temjax.calibration.targets import ALIASES, DEFAULT_ERRORS, ErrorModel
from temjax.calibration.transforms import names_inside_bounds, prior_centre
from temjax.calibration.tunables import PLACE, expand_names
from temjax.calibration.type_stocks import observed_stocks
from temjax.files.names import split_names
from temjax.parameters.idle import FREEZING, idle_parameters
from temjax.sites import Site


class Also(Protocol):
    """Measurements besides those of the places, that join a fit as a part of their own.

    Attributes:
        variables: that they are of.
    """

    variables: tuple[str, ...]

    def part(
        self,
        sites: tuple[Site, ...],
        objective: Objective | JointObjective,
        errors: ErrorModel,
        options: ModelOptions,
    ) -> Part:
        """Part of a fit of sites with their objective."""


def make_objective(
    sites: Sequence[Site],
    *,
    targets: Sequence[str] | None = None,
    free: Sequence[str] | None = None,
    tied: Sequence[str] = (),
    holdout: Sequence[int] = (),
    errors: ErrorModel = DEFAULT_ERRORS,
    disequilibrium: Disequilibrium = "observations",
    options: ModelOptions = DESCENT,
    of_type: TypeRequest | None = None,
    also: Sequence[Also] = (),
) -> Objective | JointObjective:
    """Objective of one site or of several; shared parameters take the first site's prior centre.

    Args:
        sites: one or more.
        targets, free, tied, holdout, errors, disequilibrium, options, also: see ``calibrate``.
        of_type: type of the sites: those free parameters that are not tied and not a place's own
            numbers are pooled.

    Raises:
        ValueError: see ``Objective.of`` and ``JointObjective.of``.
    """
    _check_names(sites, of_type)
    free = split_names(free, ("default",))
    idle = [name for name in expand_names(free) if name in idle_parameters(options)]
    if frozen := [name for name in idle if name in FREEZING]:
        raise ValueError(
            f"{', '.join(frozen)} act only with the freezing cut-off: add --freezing-cutoff "
            "(ModelOptions(freezing_cutoff=True)), or leave them out"
        )
    if idle:
        raise ValueError(
            f"{', '.join(idle)} act only with soil carbon in layers "
            "(ModelOptions(soil_layers=SOIL_LAYERS)); leave them out"
        )
    first = sites[0].parameters()
    shared = names_inside_bounds(first, split_names(tied))[0] if tied else ()
    if (shared or of_type) and len(sites) < 2:
        raise ValueError(f"{'tied' if shared else 'pooled'} parameters need two or more sites")
    for name in shared:
        if name not in expand_names(free):
            raise ValueError(f"tied parameter {name!r} is not among the free parameters")
    inside = names_inside_bounds(first, free)[0] if of_type else ()
    pooled = tuple(name for name in inside if name not in (*PLACE, *shared))
    if of_type and not (shared or pooled):
        mend = "free some that do, for example --tunable default,place"
        raise ValueError(f"{of_type.name}: no free parameter belongs to a type; {mend}")
    centre = {name: prior_centre(first, name) for name in (*shared, *pooled)}
    chosen = None if targets is None else split_names(targets)
    kept_back = _kept_back(sites, holdout)
    elsewhere = {variable for one in also for variable in one.variables}
    here = {name for site in sites for name in (*site.observations.monthly, *observed_stocks(site))}
    weights = {k: v for k, v in errors.weights.items() if k in here or k not in elsewhere}
    of_sites = replace(errors, weights=weights)
    parts = tuple(
        Objective.of(
            site,
            # what lies at a bound in the set of the first place is not free at any of a type
            inside if of_type and number else free,
            chosen,
            errors=site_errors,
            holdout=years,
            centre=centre,
            disequilibrium=disequilibrium,
            options=options,
        )
        for number, (site, years, site_errors) in enumerate(
            zip(sites, kept_back, _errors_by_site(sites, chosen, of_sites, kept_back), strict=True)
        )
    )
    strength = of_type.first_strength if of_type else 0.0
    objective = (
        parts[0]
        if len(parts) == 1
        else JointObjective.of(parts, shared, pooled=pooled, strength=strength)
    )
    others = tuple(one.part(tuple(sites), objective, errors, options) for one in also)
    return JointObjective.joined(objective, others) if others else objective


def _check_names(sites: Sequence[Site], of_type: TypeRequest | None) -> None:
    """Check that the sites of a joint fit, and their type, have names of their own.

    Raises:
        ValueError: two of one name.
    """
    if of_type and of_type.name in [site.name for site in sites]:
        raise ValueError(f"--type {of_type.name!r} is the name of a place; give the type another")
    for number, site in enumerate(sites):
        for other, earlier in enumerate(sites[:number]):
            if earlier.name == site.name:
                raise ValueError(
                    f"places {other + 1} and {number + 1} of the joint fit are both called "
                    f"{site.name!r} ({earlier.title}; {site.title}): give each a name of its own, "
                    "the key 'name' of its site file"
                )


def _errors_by_site(
    sites: Sequence[Site],
    targets: tuple[str, ...] | None,
    errors: ErrorModel,
    kept_back: Sequence[tuple[int, ...]],
) -> list[ErrorModel]:
    """Error model of each site: where each has its own targets, without weights of the others'."""
    if targets is not None:
        return [errors] * len(sites)
    own = [
        {ALIASES.get(name, name) for name in default_targets(site, years)[0]}
        for site, years in zip(sites, kept_back, strict=True)
    ]
    own = [names | ({GROSS_FLUX} if {NET, *PARTITIONED} <= names else set()) for names in own]
    others = [set().union(*own) - names for names in own]
    return [
        replace(errors, weights={k: v for k, v in errors.weights.items() if k not in absent})
        for absent in others
    ]


def _kept_back(sites: Sequence[Site], holdout: Sequence[int]) -> list[tuple[int, ...]]:
    """Hold-out years of every site: in joint fits those in which it was observed.

    Raises:
        ValueError: a year in which no site of a joint fit was observed.
    """
    if len(sites) == 1:
        return [tuple(holdout)]
    for year in holdout:
        if not any(site.observations.covers(year) for site in sites):
            raise ValueError(f"hold-out year {year} was observed at no place of the fit")
    return [tuple(year for year in holdout if site.observations.covers(year)) for site in sites]
