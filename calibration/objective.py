"""What a fit minimises: weighted distances to observations, and to the prior.

The run starts from the equilibrium with the climate and CO2 of 1901 and passes through the years up
to the measurements: an equilibrium at the tower years would force the annual NEP to zero, while
towers report sinks.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from calibration.transforms import Free
from sites import MonthlySeries, Site
from temjax import Forcing, Location, ModelOptions, Parameters, State, find_equilibrium, simulate

MONTHLY_TARGETS = (
    "net_ecosystem_production",
    "gross_primary_production",
    "ecosystem_respiration",
    "soil_temperature",
)
STOCK_TARGETS = ("soil_organic_carbon", "soil_organic_nitrogen")
ALIASES = {
    "nep": "net_ecosystem_production",
    "gpp": "gross_primary_production",
    "reco": "ecosystem_respiration",
    "soc": "soil_organic_carbon",
    "son": "soil_organic_nitrogen",
}
SENSOR_DEPTH = 0.05


@dataclass(frozen=True)
class ErrorModel:
    """Standard deviations that stand for what the model leaves out, added in quadrature.

    Attributes:
        flux: of monthly NEP, GPP and RECO, g C m⁻² month⁻¹.
        temperature: of monthly soil temperature, K.
    """

    flux: float = 8.0
    temperature: float = 1.0

    def of(self, variable: str) -> float:
        """Floor of a monthly target, its unit."""
        return self.temperature if variable == "soil_temperature" else self.flux


class Target(eqx.Module):
    """One observed quantity, ready to compare.

    Attributes:
        variable: output name.
        rows: rows of the run's years that the observations cover (static).
        mean_year: whether the observations are one mean year (static).
        values: observed, ``(year, 12)`` or a scalar stock; 0 where unusable.
        sd: standard deviation, same shape.
        used: 1 where a value counts, else 0.
    """

    variable: str = eqx.field(static=True)
    rows: tuple[int, int] = eqx.field(static=True)
    mean_year: bool = eqx.field(static=True)
    values: Float[Array, "..."]
    sd: Float[Array, "..."]
    used: Float[Array, "..."]

    def residuals(self, simulated: Float[Array, "..."]) -> Float[Array, "n"]:
        """(simulated − observed)/sd, 0 where unused."""
        if self.values.ndim:
            simulated = simulated[self.rows[0] : self.rows[1]]
            if self.mean_year:
                simulated = jnp.mean(simulated, axis=0, keepdims=True)
        return jnp.ravel(self.used * (simulated - self.values) / self.sd)


def _monthly_target(series: MonthlySeries, years: np.ndarray, errors: ErrorModel) -> Target:
    first, last = max(series.period[0], years[0]), min(series.period[1], years[-1])
    if first > last:
        raise ValueError(
            f"{series.variable}: observed {series.period[0]}–{series.period[1]}, the run covers "
            f"{years[0]}–{years[-1]}; give forcing for the observed years"
        )
    usable, values, sd = series.usable, series.values, series.sd
    if not series.is_climatology:
        kept = (series.years >= first) & (series.years <= last)
        usable, values, sd = usable[kept], values[kept], sd[kept]
    floor = errors.of(series.variable)
    total = np.sqrt(np.where(np.isfinite(sd), sd, 0.0) ** 2 + floor**2)
    return Target(
        variable=series.variable,
        rows=(int(first - years[0]), int(last - years[0]) + 1),
        mean_year=series.is_climatology,
        values=jnp.asarray(np.where(usable, values, 0.0)),
        sd=jnp.asarray(total),
        used=jnp.asarray(usable, float),
    )


class Objective(eqx.Module):
    """Residuals of a site as a function of the free vector.

    Attributes:
        free: which parameters move, and their prior.
        parameters: all others.
        location: the place.
        forcing: history and measured years.
        targets: what is compared.
        options: model choices (static).
    """

    free: Free
    parameters: Parameters
    location: Location
    forcing: Forcing
    targets: tuple[Target, ...]
    options: ModelOptions = eqx.field(static=True)

    @classmethod
    def of(
        cls,
        site: Site,
        names: tuple[str, ...],
        targets: tuple[str, ...],
        *,
        parameters: Parameters | None = None,
        errors: ErrorModel = ErrorModel(),
        options: ModelOptions = ModelOptions(),
    ) -> "Objective":
        """Set up a fit.

        Args:
            site: place with forcing and observations.
            names: parameters to free (our names or TEM symbols).
            targets: output names or nep, gpp, reco, soil_temperature, soc, son.
            parameters: where to start; the site's own by default.
            errors: model-error floors.
            options: model choices.

        Raises:
            ValueError: a parameter that cannot be freed or a target the site does not have.
        """
        parameters = site.parameters() if parameters is None else parameters
        years = np.asarray(site.forcing.years)
        chosen = []
        for target in targets:
            variable = ALIASES.get(target, target)
            if variable in site.observations.monthly:
                series = site.observations.monthly[variable]
                if int(np.sum(series.usable)) < 12:
                    raise ValueError(
                        f"{site.name}: {variable} has {int(np.sum(series.usable))} usable months; "
                        "a fit needs at least 12"
                    )
                chosen.append(_monthly_target(series, years, errors))
            elif variable in site.observations.stocks:
                stock = site.observations.stocks[variable]
                one = jnp.asarray(1.0)
                chosen.append(
                    Target(variable, (0, 0), False, one * stock.value, one * stock.sd, one)
                )
            else:
                known = [*site.observations.monthly, *site.observations.stocks]
                raise ValueError(
                    f"{site.name} has no observations of {target!r}; it has {', '.join(known)}"
                )
        free = Free.of(parameters, names)
        return cls(free, parameters, site.location, site.forcing, tuple(chosen), options)

    def equilibrium_state(self) -> State:
        """Equilibrium of the start, searched from nothing; the first guess of a fit."""
        return find_equilibrium(
            self.parameters, self.location, self.forcing, climate="first", options=self.options
        ).state

    def simulated(self, free: Float[Array, "free"], guess: State) -> tuple[dict[str, Array], State]:
        """Monthly series ``(year, 12)`` and stocks of the run, and its equilibrium state."""
        parameters = self.free.put(self.parameters, free)
        equilibrium = find_equilibrium(
            parameters,
            self.location,
            self.forcing,
            climate="first",
            options=self.options,
            guess=guess,
        )
        run = simulate(
            parameters,
            self.location,
            self.forcing,
            initial=equilibrium.state,
            options=self.options,
        )
        outputs = {name: getattr(run.monthly, name) for name in MONTHLY_TARGETS[:3]}
        depth = run.soil.depths.index(SENSOR_DEPTH)
        outputs["soil_temperature"] = run.monthly.soil_temperature[:, :, depth]
        outputs |= {name: getattr(run.state, name) for name in STOCK_TARGETS}
        return outputs, equilibrium.state

    def residuals(
        self, free: Float[Array, "free"], guess: State
    ) -> tuple[Float[Array, "n"], State]:
        """All residuals, those of the prior last, and the equilibrium state as the next guess."""
        outputs, state = self.simulated(free, guess)
        parts = [target.residuals(outputs[target.variable]) for target in self.targets]
        return jnp.concatenate([*parts, self.free.prior_residuals(free)]), state

    @eqx.filter_jit
    def linearised(
        self, free: Float[Array, "free"], guess: State
    ) -> tuple[Float[Array, "n"], Float[Array, "n free"], State]:
        """Residuals, their Jacobian by forward mode, and the equilibrium state.

        Few parameters and one cell: the whole Jacobian costs about what one reverse gradient
        does, and gives the curvature as well.
        """

        def push(direction):
            return jax.jvp(lambda x: self.residuals(x, guess), (free,), (direction,), has_aux=False)

        (residuals, state), (columns, _) = jax.vmap(push, out_axes=((None, None), (1, 0)))(
            jnp.eye(free.shape[0])
        )
        return residuals, columns, state

    def misfit(self, residuals: Float[Array, "n"]) -> dict[str, float]:
        """Half the sum of squares by target, the prior's share as ``prior``."""
        shares, position = {}, 0
        for target in self.targets:
            size = int(np.prod(target.values.shape))
            shares[target.variable] = 0.5 * float(
                jnp.sum(residuals[position : position + size] ** 2)
            )
            position += size
        shares["prior"] = 0.5 * float(jnp.sum(residuals[position:] ** 2))
        return shares
