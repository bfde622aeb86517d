"""Sensitivity by automatic differentiation: elasticities to parameters and to the climate.

An elasticity is ∂ln(output)/∂ln(parameter): the percentage by which an output changes per per cent
of a parameter. Parameters that may be negative or zero are perturbed by their prior standard
deviation instead. NEP, which changes sign, is scaled by annual GPP, in the seasons as in the year.
Where the scale of an output is next to nothing (GPP in a frozen winter) no number is given: it
would say more of the scale than of the output. Averages over the prior or posterior are
derivative-based global measures (Kucherenko et al. 2009, Reliab. Eng. Syst. Saf. 94:1135,
doi:10.1016/j.ress.2008.05.006).
"""

from dataclasses import dataclass, field

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from temjax import Forcing
from temjax.calibration.history import broadcast_to_cells, run_history
from temjax.calibration.objective import Objective
from temjax.calibration.scores import centre_run
from temjax.calibration.starts import prior_starts
from temjax.calibration.tunables import parameter_info
from temjax.outputs import ANNUAL_OUTPUTS, MONTHLY_OUTPUTS, OutputInfo
from temjax.sites import Site

# by the initials of their months: summer and winter change places at the equator
SEASONS = {"DJF": (11, 0, 1), "MAM": (2, 3, 4), "JJA": (5, 6, 7), "SON": (8, 9, 10)}
SHORT = {
    "nep": "net_ecosystem_production",
    "gpp": "gross_primary_production",
    "npp": "net_primary_production",
    "rh": "heterotrophic_respiration",
    "reco": "ecosystem_respiration",
    "eet": "evapotranspiration",
    "soc": "soil_organic_carbon",
    "son": "soil_organic_nitrogen",
    "vegc": "vegetation_carbon",
    "alt": "maximum_thaw_depth",
}
DEFAULT_OUTPUTS = ("nep", "gpp", "rh", "soc", "alt")
CLIMATE = ("air temperature", "precipitation", "CO2")
LAST_YEARS = 3
MINIMUM_SCALE = 1e-3  # g, mm or m: less is nothing to scale by
SMALLEST_SEASON = 0.01  # share of the annual sum below which a season's sum is nothing to scale by
LEAST_PRODUCTION = 1.0  # g C m-2 yr-1; with less the run at the centre is looked at
ANNUAL_GPP = ("gpp", SHORT["gpp"], tuple(range(12)))


class OutputDerivatives(eqx.Module):
    """Outputs and their derivatives at a set of points.

    Attributes:
        outputs: ``(output, point)``.
        by_parameter: in units per prior-space unit, ``(output, free, point)``.
        by_climate: per K, per relative change of precipitation and of CO2,
            ``(output, 3, point)``.
        converged: whether the equilibrium converged, ``(point,)``.
    """

    outputs: Float[Array, "output point"]
    by_parameter: Float[Array, "output free point"]
    by_climate: Float[Array, "output 3 point"]
    converged: Float[Array, "point"]


@dataclass(frozen=True)
class Sensitivity:
    """Ranked sensitivities of one site.

    Attributes:
        site: name.
        outputs: labels such as ``gpp`` (annual) and ``gpp JJA``.
        units: of the outputs.
        names: parameters.
        values: outputs at the centre, ``(output,)``.
        scale: size each output is divided by, ``(output,)``: its magnitude, and for NEP annual
            GPP; NaN where it is next to nothing, and so is what is divided by it.
        elasticity: at the centre, ``(output, free)``; per prior standard deviation for parameters
            listed in ``per_sd``.
        per_prior_sd: change of the scaled output per prior standard deviation at the centre.
        mean_effect: the same, mean of the absolute values over the points (Morris' μ*);
            a root mean square, which bounds Sobol's total index, is dominated by one steep kink.
        climate: change of the output per K, per 10 % of precipitation and per 10 % of CO2.
        per_sd: parameters without an elasticity.
        points: number averaged over.
        model_years: simulated years spent.
    """

    site: str
    outputs: tuple[str, ...]
    units: tuple[str, ...]
    names: tuple[str, ...]
    values: np.ndarray
    scale: np.ndarray
    elasticity: np.ndarray = field(repr=False)
    per_prior_sd: np.ndarray = field(repr=False)
    mean_effect: np.ndarray = field(repr=False)
    climate: np.ndarray = field(repr=False)
    per_sd: tuple[str, ...]
    points: int
    model_years: int

    def ranking(self, output: str) -> list[tuple[str, float]]:
        """Parameters by their mean absolute effect on an output, largest first, NaN last."""
        row = self.mean_effect[self.outputs.index(output)]
        return [(self.names[i], float(row[i])) for i in np.argsort(-row)]

    def table(self) -> list[dict]:
        """Sensitivities, one row per output and parameter."""
        rows = []
        for i, output in enumerate(self.outputs):
            for j, name in enumerate(self.names):
                rows.append(
                    {
                        "output": output,
                        "parameter": name,
                        "symbol": parameter_info(name).symbol,
                        "elasticity": (
                            None if name in self.per_sd else _number(self.elasticity[i, j])
                        ),
                        "effect_of_one_prior_sd": _number(self.per_prior_sd[i, j]),
                        "effect_over_the_prior": _number(self.mean_effect[i, j]),
                    }
                )
        return rows


def _number(value: float) -> float | None:
    """A number for tables and JSON, None where it is not defined."""
    return float(value) if np.isfinite(value) else None


def expand_outputs(names: tuple[str, ...]) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """Label, output name and months (none: not a flux) of every output and season.

    Raises:
        ValueError: unknown output.
    """
    rows = []
    for name in names:
        if name not in SHORT:
            raise ValueError(f"unknown output {name!r}; choose from {', '.join(SHORT)}")
        if _output_info(name).is_sum:
            rows.append((name, SHORT[name], tuple(range(12))))
            rows += [(f"{name} {s}", SHORT[name], months) for s, months in SEASONS.items()]
        else:
            rows.append((name, SHORT[name], ()))
    return tuple(rows)


def unit_of(label: str) -> str:
    """Unit of an output of :func:`expand_outputs`."""
    period = "yr-1" if " " not in label else "season-1"
    return _output_info(label.split()[0]).unit_with_element.replace("month-1", period)


def _output_info(short: str) -> OutputInfo:
    """Metadata of an output by its short name."""
    return (MONTHLY_OUTPUTS | ANNUAL_OUTPUTS)[SHORT[short]]


def _perturbed(forcing: Forcing, shift: Float[Array, "3"]) -> Forcing:
    """Forcing with every year perturbed: K, and relative changes of precipitation and CO2."""
    return eqx.tree_at(
        lambda f: (f.air_temperature, f.precipitation, f.co2),
        forcing,
        (
            forcing.air_temperature + shift[0],
            forcing.precipitation * (1 + shift[1]),
            forcing.co2 * (1 + shift[2]),
        ),
    )


def evaluate_outputs(objective: Objective, rows, free, shift):
    """Outputs as means of the last years, ``(output, point)``, and convergence, ``(point,)``.

    Args:
        objective: of one site.
        rows: from ``expand_outputs``.
        free: points in free space, ``(free, point)``.
        shift: of the climate, see ``_perturbed``, ``(3,)``.
    """
    parameters, place = objective.free.insert(objective.parameters, free)
    location, forcing = broadcast_to_cells(
        objective.location, _perturbed(objective.forcing, shift), free.shape[1]
    )
    run, _, converged = run_history(
        parameters,
        location,
        forcing,
        place,
        objective.first_row,
        objective.options,
    )
    outputs = []
    for _, name, months in rows:
        if months:
            monthly = getattr(run.monthly, name)[-LAST_YEARS:]
            outputs.append(jnp.mean(jnp.sum(monthly[:, jnp.asarray(months)], axis=1), axis=0))
        else:
            outputs.append(jnp.mean(getattr(run.annual, name)[-LAST_YEARS:], axis=0))
    return jnp.stack(outputs), converged


@eqx.filter_jit
def output_derivatives(
    objective: Objective, rows: tuple, free: Float[Array, "free point"]
) -> OutputDerivatives:
    """Outputs and their derivatives at many points, all directions in one forward-mode sweep."""
    size, points = free.shape

    def push_forward(direction):
        tangents = (
            jnp.broadcast_to(direction[:size, None], (size, points)),
            direction[size:],
        )
        return jax.jvp(
            lambda x, shift: evaluate_outputs(objective, rows, x, shift),
            (free, jnp.zeros(3)),
            tangents,
            has_aux=True,
        )

    outputs, columns, converged = jax.vmap(push_forward, out_axes=(None, 1, None))(
        jnp.eye(size + 3)
    )
    return OutputDerivatives(outputs, columns[:, :size], columns[:, size:], converged)


def sensitivities(
    objective: Objective,
    outputs: tuple[str, ...] = DEFAULT_OUTPUTS,
    *,
    points: int = 8,
    seed: int = 0,
    draws: np.ndarray | None = None,
    site: Site | None = None,
) -> Sensitivity:
    """Sensitivities at the centre and averaged over points of the prior (or of a posterior).

    Args:
        objective: its site, free parameters and options count; its targets do not.
        outputs: nep, gpp, npp, rh, reco, eet (annual and seasonal sums), soc, son, vegc, alt:
            means of the last three years.
        points: Sobol points of the prior, the first its centre.
        seed: of the Sobol sequence.
        draws: points in free space ``(free, point)`` in place of the prior's; the first is the
            centre.
        site: of the objective, to say in words why its vegetation cannot live.

    Raises:
        FitError: the vegetation of the site cannot live at the centre.
        ValueError: unknown output, or the centre has no equilibrium.
    """
    rows = expand_outputs(outputs)
    free = prior_starts(objective.free, points, seed) if draws is None else jnp.asarray(draws)
    computed = rows if ANNUAL_GPP in rows else (*rows, ANNUAL_GPP)
    derivatives = output_derivatives(objective, computed, free)
    finite = np.isfinite(np.asarray(derivatives.by_parameter)).all((0, 1))
    valid = np.asarray(derivatives.converged) & finite
    production = float(derivatives.outputs[computed.index(ANNUAL_GPP), 0])
    if site is not None and not (valid[0] and production >= LEAST_PRODUCTION):
        centre_run(site, objective, objective.options)
    if not valid[0]:
        raise ValueError(f"{objective.name}: no equilibrium or derivative at the centre")
    # From free space to prior space, where one unit is a relative change or the parameter's unit.
    slope = jax.jvp(objective.free.prior_space, (free,), (jnp.ones_like(free),))[1]
    by_parameter = np.asarray(derivatives.by_parameter)[: len(rows)] / np.asarray(slope)[None]
    labels = [label for label, _, _ in rows]
    scale = output_scales(computed, np.asarray(derivatives.outputs))[: len(rows)]
    values = np.asarray(derivatives.outputs)[: len(rows)]
    relative = by_parameter / scale[:, None, :]
    sd = np.asarray(objective.free.prior_sd)
    is_log = objective.free.is_log
    effect = relative * sd[None, :, None]
    step = np.array([1.0, 0.1, 0.1])
    return Sensitivity(
        site=objective.name,
        outputs=tuple(labels),
        units=tuple(unit_of(label) for label in labels),
        names=objective.free.names,
        values=values[:, 0],
        scale=scale[:, 0],
        elasticity=relative[:, :, 0],
        per_prior_sd=effect[:, :, 0],
        mean_effect=mean_over_points(np.abs(effect[:, :, valid])),
        climate=np.asarray(derivatives.by_climate)[: len(rows), :, 0] * step,
        per_sd=tuple(n for n, log in zip(objective.free.names, is_log, strict=True) if not log),
        points=int(valid.sum()),
        model_years=int(objective.forcing.number_of_years * free.shape[1]),
    )


def output_scales(rows: tuple, values: np.ndarray) -> np.ndarray:
    """Size each output is divided by, ``(output, point)``; NaN where it is next to nothing.

    Args:
        rows: from ``expand_outputs``, annual GPP and the year of every season among them.
        values: outputs, ``(output, point)``.
    """
    labels = [label for label, _, _ in rows]
    size = dict(zip(labels, np.abs(values), strict=True))
    scales = []
    for label in labels:
        output, _, season = label.partition(" ")
        if output == "nep":
            scales.append(np.where(size["gpp"] >= MINIMUM_SCALE, size["gpp"], np.nan))
            continue
        least = SMALLEST_SEASON * size[output] if season else 0.0
        scales.append(
            np.where(size[label] >= np.maximum(least, MINIMUM_SCALE), size[label], np.nan)
        )
    return np.stack(scales)


def mean_over_points(effect: np.ndarray) -> np.ndarray:
    """Mean over the points with a value, ``(output, free)``; NaN where there is none.

    Args:
        effect: ``(output, free, point)``.
    """
    count = np.isfinite(effect).sum(axis=2)
    total = np.nansum(effect, axis=2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
