"""Run of a site from equilibrium through its forcing, and its dataset."""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from temjax.files.findings import DataError, Finding
from temjax.forcing import Forcing, Location
from temjax.options import ModelOptions
from temjax.parameters.registry import Parameters
from temjax.runs.annual_map import total_nitrogen
from temjax.runs.equilibrium import CLIMATE_YEARS, METHODS, Climate, Equilibrium, find_equilibrium
from temjax.runs.quality import run_quality
from temjax.runs.result import Run
from temjax.runs.simulate import simulate
from temjax.runs.soil_matter import join_runs, scale_soil_matter
from temjax.runs.spin_up import spin_up as repeat_cycle
from temjax.sites.account import observation_attributes
from temjax.sites.layers import exposure_rule, soil_choice, with_layers
from temjax.sites.output import run_dataset
from temjax.sites.place_state import PlaceState
from temjax.sites.profile_comparison import ProfileComparison, compare_profiles
from temjax.sites.provenance import provenance
from temjax.sites.site import Site
from temjax.sites.vitality import vegetation_fault
from temjax.state import State, pool_index


def switch_text(value: bool) -> str:
    """An option that is on or off, in a word."""
    return "on" if value else "off"


@dataclasses.dataclass(frozen=True)
class SiteRun:
    """Finished run of a site.

    Attributes:
        site: its location, forcing and observations.
        parameters: of the run, without the numbers of its place.
        parameter_source: name of the set or file.
        equilibrium: and its certificate.
        spin_up: choice of the spin-up.
        run: from the first year of the forcing on.
        first_year: first calendar year to write.
        options: model choices.
        place_state: of the fitted set, None without one.
        added_nitrogen: nitrogen that the place's state added, g N m⁻².
        fitted_with: options of the fit that the parameters come from, by name.
        forcing: of the run, with the numbers of its place.
        profiles: measured soil temperature profiles beside the run.
        unlike_fit: choices of the run that no fit makes, as nouns.
    """

    site: Site
    parameters: Parameters
    parameter_source: str
    equilibrium: Equilibrium
    spin_up: str
    run: Run
    first_year: int
    options: ModelOptions
    forcing: Forcing
    place_state: PlaceState | None = None
    added_nitrogen: float = 0.0
    fitted_with: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    profiles: tuple[ProfileComparison, ...] = ()
    unlike_fit: tuple[str, ...] = ()

    @property
    def certificate(self) -> str:
        """Certificate of the equilibrium in one line."""
        result = self.equilibrium
        state = "converged" if bool(result.converged) else "NOT converged"
        return (
            f"{state} ({METHODS[int(result.method)]}, {int(result.iterations)} years), "
            f"residual {float(result.residual):.1e}, heat residual "
            f"{float(result.heat_residual):.1e}"
        )

    @property
    def nitrogen_drift(self) -> float:
        """Change of total nitrogen over the run, g N m⁻²; rounding only, as the cycle is closed.

        What the state of the place added is not counted.
        """

        def total(state: State) -> float:
            exposure, layers = state.exposure, state.layers
            thawed = 0.0 if layers is None else jnp.sum(layers.thawed_carbon)
            return float(
                total_nitrogen(state.ecosystem.pools)
                + thawed / self.parameters.old_carbon_to_nitrogen
                + exposure.inaccessible_inorganic_nitrogen
                + exposure.frozen_organic_nitrogen
                + exposure.frozen_inorganic_nitrogen
            )

        return total(self.run.state) - total(self.equilibrium.state) - self.added_nitrogen

    @property
    def state_note(self) -> str:
        """What the run made of the state of a fitted place, a sentence; empty without one."""
        if self.place_state is None:
            return ""
        return self.place_state.note(self.site, int(self.run.years[-1]), self.unlike_fit)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Reasons for caution with the run, as sentences."""
        quality, lines = run_quality(self.run), []
        if bool(quality.negative):
            lines.append(
                f"a pool fell below zero, by {-float(quality.least_pool):.1e} of its largest "
                "value; check decomposition parameters against the climate: rates above about 1 "
                "per month are not resolved"
            )
        if bool(quality.unsolved):
            lines.append(
                "a step of soil heat was left without a solution "
                f"({float(quality.heat_imbalance):.2g} W m⁻²); read soil temperature and thaw "
                "depth with care"
            )
        lines += [
            f"the parameters were fitted with {name} {switch_text(value)}, this run has it "
            f"{switch_text(not value)}: it is not the fitted one"
            for name, value in self.fitted_with.items()
            if getattr(self.options, name) != value
        ]
        bare = vegetation_fault(
            self.run, self.site, self.parameters, parameter_set=self.parameter_source
        )
        return (*lines, bare) if bare else tuple(lines)


CLIMATES = {
    "first": "year {first} repeated",
    "mean": "mean year of {first}-{last} repeated",
    "cycle": "years {first}-{last} repeated",
}


def parse_spin_up(choice: str) -> tuple[Climate, int]:
    """Climate of the equilibrium and number of years of the cycle after it.

    Raises:
        DataError: unknown choice.
    """
    named: dict[str, Climate] = {"equilibrium": "first", "mean": "mean", "cycle": "cycle"}
    if choice in named:
        return named[choice], 0
    kind, _, number = choice.partition(":")
    if kind == "years" and number.isdigit() and int(number) > 0:
        return "mean", int(number)
    message = f"spin-up {choice!r} is not known"
    mend = "Choose equilibrium, mean, cycle or years:N, as in years:200."
    raise DataError([Finding("command line", "--spinup", "", message, mend)])


def run_site(
    site: Site,
    *,
    parameters: Parameters | None = None,
    parameter_source: str | None = None,
    options: ModelOptions = ModelOptions(),
    start: int | None = None,
    stop: int | None = None,
    exposure: bool | None = None,
    spin_up: str = "equilibrium",
    place_state: PlaceState | None = None,
    fitted_with: Mapping[str, bool] = MappingProxyType({}),
    progress: Callable[[str], None] = lambda text: None,
) -> SiteRun:
    """Run of a site: equilibrium with the start of its forcing, then every year up to ``stop``.

    Args:
        parameters: in place of the site's set with its own values.
        parameter_source: their name in the output.
        start: first calendar year to write; earlier years are simulated all the same.
        stop: last calendar year.
        exposure: thaw exposure, None: from 1901 on.
        spin_up: ``equilibrium`` with the forcing's first year, ``mean`` with the mean of its first
            30 years, ``cycle`` with these years as they follow each other, or ``years:N``: the
            equilibrium with their mean, then N years of the cycle.
        place_state: of a fitted set; it and its numbers act where the site is the place of the
            fit.
        fitted_with: from ``read_fit_options``, which a run that differs says.
        progress: called with a description of each phase.

    Raises:
        DataError: years outside the forcing, or values that are not finite.
    """
    years = np.asarray(site.forcing.years)
    start = int(years[0]) if start is None else start
    stop = int(years[-1]) if stop is None else stop
    if not years[0] <= start <= stop <= years[-1]:
        message = f"years {start}-{stop} do not lie in the forcing's {years[0]}-{years[-1]}"
        mend = "Choose --start and --stop inside the forcing, start before stop."
        raise DataError([Finding(site.name, "time", f"year {start}", message, mend)])
    values = site.parameters() if parameters is None else parameters
    if options.active_layer_rule == "stefan" and np.isnan(values.stefan_coefficient):
        message = f"{site.parameter_set} has no Stefan coefficient for the rule 'stefan'"
        mend = "Choose 'hold' or 'literal', or give parameters with stefan_coefficient."
        raise DataError([Finding(site.name, "stefan_coefficient", "", message, mend)])
    climate, cycle_years = parse_spin_up(spin_up)
    driven, forcing = values, site.forcing
    if place_state is not None:
        driven, forcing = place_state.adjusted(site, values)
    progress("equilibrium (the first run compiles)")
    equilibrium = find_equilibrium(driven, site.location, forcing, climate=climate, options=options)
    jax.block_until_ready(equilibrium.state.ecosystem.pools)
    initial = equilibrium.state
    if cycle_years:
        progress(f"spin-up, {cycle_years} years")
        initial = repeat_cycle(
            driven, site.location, forcing, initial, years=cycle_years, options=options
        )
    progress(f"{years[0]}-{stop}")
    row = None if place_state is None else place_state.row(site)
    run, added = _run_years(
        driven, site.location, forcing, initial, options, exposure, int(stop - years[0]) + 1,
        None if row is None else (row, place_state.soil_matter_factor),
    )  # fmt: skip
    jax.block_until_ready(run.annual.pools)
    if not bool(run.finite):
        message = "the simulation produced values that are not finite"
        mend = "Check the parameter values against their bounds and the forcing with temjax check."
        raise DataError([Finding(site.name, "run", "", message, mend)])
    profiles = compare_profiles(
        site.observations.profiles, driven, site.location, forcing, initial.heat,
        initial.snowpack, options, stop,
    )  # fmt: skip
    if parameter_source is None:
        parameter_source = "given values" if parameters is not None else _source_of(site)
    return SiteRun(
        site, values, parameter_source, equilibrium, spin_up, run, start, options, forcing,
        place_state, added, fitted_with, profiles, _unlike_fit(spin_up, options, exposure),
    )  # fmt: skip


def _unlike_fit(spin_up: str, options: ModelOptions, exposure: bool | None) -> tuple[str, ...]:
    """Choices of a run that no fit makes, as nouns."""
    usual = {
        "start": spin_up == "equilibrium",
        "active-layer rule": options.active_layer_rule == ModelOptions.active_layer_rule,
        "thaw exposure": exposure is not False,
        "soil scheme": options.soil_layers is None,
    }
    return tuple(name for name, same in usual.items() if not same)


def _run_years(
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    initial: State,
    options: ModelOptions,
    exposure: bool | None,
    stop: int,
    change: tuple[int, float] | None,
) -> tuple[Run, float]:
    """Run of the years before ``stop`` (a row), and the nitrogen that a change adds, g N m⁻².

    Args:
        change: row in whose January soil organic matter is multiplied, and the factor.
    """

    def part(state: State, first: int, last: int) -> Run:
        return simulate(
            parameters, location, forcing,
            initial=state, options=options, exposure=exposure, start=first, stop=last,
        )  # fmt: skip

    if change is None or change[0] >= stop:
        return part(initial, 0, stop), 0.0
    row, factor = change
    before = part(initial, 0, row) if row else None
    state = initial if before is None else before.state
    changed = scale_soil_matter(state, factor)
    run = part(changed, row, stop)
    pool = pool_index("soil_organic_nitrogen")
    added = float(changed.ecosystem.pools[pool] - state.ecosystem.pools[pool])
    return (run if before is None else join_runs(before, run)), added


def _source_of(site: Site) -> str:
    """Name of the parameter set and the site's own values."""
    overrides = ", ".join(f"{name} {value:g}" for name, value in site.parameter_overrides.items())
    return f"{site.parameter_set} with {overrides}" if overrides else site.parameter_set


def site_dataset(result: SiteRun, *, command: str) -> xr.Dataset:
    """CF dataset of a site run with provenance and the certificate of the equilibrium."""
    site, equilibrium = result.site, result.equilibrium
    attributes = {
        "title": f"{site.title}: temjax site simulation",
        **provenance(result.parameters, site.forcing, command=command),
        "site": site.name,
        "vegetation": site.location.vegetation or "",
        "parameter_source": result.parameter_source,
        "model_options": dataclasses.asdict(result.options),
        "active_layer_rule": exposure_rule(result.options),
        "soil_carbon": soil_choice(result.options, result.parameters),
        "freezing_cutoff": switch_text(result.options.freezing_cutoff),
        "forcing_sources": "; ".join(site.sources),
        **observation_attributes(site),
        "comment": "\n".join(site.notes),
        "place_state": result.state_note or "none",
        "spin_up": result.spin_up,
        "equilibrium_climate": CLIMATES[parse_spin_up(result.spin_up)[0]].format(
            first=int(site.forcing.years[0]),
            last=int(site.forcing.years[min(CLIMATE_YEARS, len(site.forcing.years)) - 1]),
        ),
        "equilibrium_converged": bool(equilibrium.converged),
        "equilibrium_method": METHODS[int(equilibrium.method)],
        "equilibrium_years": int(equilibrium.iterations),
        "equilibrium_residual": float(equilibrium.residual),
        "equilibrium_heat_residual": float(equilibrium.heat_residual),
        "equilibrium_spectral_radius": float(equilibrium.spectral_radius),
        "warnings": "; ".join(result.warnings) or "none",
        "soil_profiles": "; ".join(one.line for one in result.profiles) or "none",
        "nitrogen_drift": f"{result.nitrogen_drift:.2e} g m-2 over the run",
    }
    dataset = run_dataset(
        result.run,
        site.location,
        forcing=result.forcing,
        longitude=None if np.isnan(site.longitude) else site.longitude,
        attributes=attributes,
    )
    dataset = with_layers(dataset, result.run.layers, result.options.soil_layers)
    keep = dataset["year"].values >= result.first_year
    return dataset.isel(year=keep, time=np.repeat(keep, 12))
