"""Parameter sets of a region's vegetation types: those of the fitted places, or their own."""

from dataclasses import dataclass

from temjax import Parameters
from temjax.calibration.joint import JointObjective
from temjax.calibration.objective import Objective
from temjax.calibration.region.part import TypeParameters
from temjax.calibration.transforms import FreeParameters
from temjax.calibration.tunables import HISTORY_PARAMETERS
from temjax.heat.climate import HEAT_PARAMETERS
from temjax.parameters.files import load_parameters, replace_parameters
from temjax.parameters.registry import REGISTRY
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.run.member_group import GROUND_SURFACE, parameter_set
from temjax.sites import Site

FIELDS = ("centre", "lower", "upper", "prior_sd", "is_log")


@dataclass(frozen=True)
class RegionTypes:
    """Parameter sets of the types of a part and what of them is free.

    Attributes:
        names: vegetation types.
        places: fitted place whose numbers each type has; empty: its own set, where nothing is free.
        types: their sets, in that order.
        free: free parameters of the part.
        notes: how types and places belong together, as sentences.
    """

    names: tuple[str, ...]
    places: tuple[str, ...]
    types: tuple[TypeParameters, ...]
    free: FreeParameters
    notes: tuple[str, ...]

    @property
    def is_fitted(self) -> dict[str, bool]:
        """Whether anything of a type is free."""
        return {name: bool(one.rows) for name, one in zip(self.names, self.types, strict=True)}


def places_by_type(sites: tuple[Site, ...]) -> dict[str, int]:
    """Number of the place whose parameters a type has: the first of its parameter set."""
    places: dict[str, int] = {}
    for number, site in enumerate(sites):
        places.setdefault(site.parameter_set, number)
    return places


def region_types(
    names: tuple[str, ...],
    experiment: Experiment,
    sites: tuple[Site, ...],
    objective: Objective | JointObjective,
    heat_alone: bool,
) -> RegionTypes:
    """Parameter sets of types, and the free parameters that act on their cells.

    A type whose parameter set is that of a fitted place has the numbers of that place, as a region
    run with its fitted set has them. Where the experiment keeps the ground surface of the types,
    that surface is free as the region's own.

    Args:
        names: vegetation types.
        experiment: of the region.
        sites: places of the fit.
        objective: of the places.
        heat_alone: whether soil heat alone decides the targets of the part.
    """
    layout, types, of_types, notes = _Layout(), [], [], []
    places = places_by_type(sites)
    for name in names:
        if name not in places:
            types.append(TypeParameters(parameter_set(experiment, name), ()))
            of_types.append("")
            continue
        number = places[name]
        place, columns = objective.site_parts[number], objective.columns[number]
        labels = {
            parameter: _label(objective.free, parameter, column)
            for parameter, column in zip(place.free.names, columns, strict=True)
            if parameter not in HISTORY_PARAMETERS
            and (parameter in HEAT_PARAMETERS or not heat_alone)
        }
        parameters, surface = place.parameters, ()
        if experiment.keep_ground_surface:
            parameters, surface, left_out = _own_surface(name, parameters, tuple(labels))
            notes += left_out
        rows = {
            parameter: layout.row(label, objective.free)
            for parameter, label in labels.items()
            if not (experiment.keep_ground_surface and parameter in GROUND_SURFACE)
        }
        for parameter in surface:
            prior = FreeParameters.of(parameters, (parameter,))
            rows[parameter] = layout.row(f"{parameter}@{name}", prior, parameter)
        types.append(TypeParameters(parameters, tuple(sorted(rows.items()))))
        of_types.append(place.name)
    notes = (*_type_notes(names, of_types, experiment, sites), *notes)
    return RegionTypes(names, tuple(of_types), tuple(types), layout.free, notes)


class _Layout:
    """Free vector of a part while it is put together."""

    def __init__(self) -> None:
        self.fields: dict[str, tuple] = {}

    def row(self, label: str, prior: FreeParameters, name: str = "") -> int:
        """Row of a parameter, added with its prior, there under a name or the label itself."""
        row = prior.names.index(name or label)
        self.fields.setdefault(label, tuple(getattr(prior, field)[row] for field in FIELDS))
        return list(self.fields).index(label)

    @property
    def free(self) -> FreeParameters:
        """Parameters that were added."""
        columns = zip(*self.fields.values(), strict=True) if self.fields else [()] * len(FIELDS)
        return FreeParameters(tuple(self.fields), *map(tuple, columns))


def _label(free: FreeParameters, parameter: str, column: int) -> str:
    """Name in the fit of a place's parameter: without the place if tied, or the type's own."""
    return parameter if parameter in free.names else free.names[column]


def _own_surface(
    name: str, parameters: Parameters, free: tuple[str, ...]
) -> tuple[Parameters, tuple[str, ...], list[str]]:
    """Parameters with the ground surface of a type, what of it can be free, and what cannot."""
    bundled = load_parameters(name)
    own = {one: getattr(bundled, one) for one in GROUND_SURFACE}
    inside, notes = [], []
    for one in (one for one in GROUND_SURFACE if one in free):
        low, high = REGISTRY[one].bounds
        if low < float(own[one]) < high:
            inside.append(one)
        else:
            notes.append(
                f"{name}: {one} of the region is not fitted: that of the type, "
                f"{float(own[one]):g} {REGISTRY[one].unit}, lies at its bound"
            )
    return replace_parameters(parameters, **own), tuple(inside), notes


def _type_notes(
    names: tuple[str, ...], of_types: list[str], experiment: Experiment, sites: tuple[Site, ...]
) -> list[str]:
    """How types and places belong together."""
    shared = [f"{n} those of {p}" for n, p in zip(names, of_types, strict=True) if p]
    kept = [n for n, p in zip(names, of_types, strict=True) if not p]
    notes = [f"parameters of its cells: {', '.join(shared)}"] if shared else []
    if kept:
        notes.append(f"{', '.join(kept)}: no place of the fit has this set, so it stays as it is")
    for name, place in zip(names, of_types, strict=True):
        overrides = next((s.parameter_overrides for s in sites if s.name == place), {})
        surface = GROUND_SURFACE if experiment.keep_ground_surface else ()
        own = [one for one in overrides if one not in surface]
        if own:
            notes.append(f"{name}: {place}'s own values count there too ({', '.join(own)})")
    if experiment.keep_ground_surface and shared:
        notes.append(
            "the experiment keeps the ground surface of its types (keep_ground_surface), so "
            f"{' and '.join(GROUND_SURFACE)} of a place do not act on the region; where they are "
            "free, the region has its own"
        )
    for site in sites:
        first = next(s for s in sites if s.parameter_set == site.parameter_set)
        if first is not site and site.parameter_set in names:
            notes.append(
                f"{site.parameter_set}: {site.name} has this set too; the numbers of {first.name}, "
                "which is named first, act on the region"
            )
    return notes
