"""Climate forcing of a run and site attributes of its cells, arrays with the cell axes last."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Location(eqx.Module):
    """Site attributes of one cell ``()`` or many ``(cell,)``.

    Attributes:
        latitude: degrees north.
        elevation: m above sea level.
        silt_plus_clay: mass fraction of silt and clay, 0–1 (TEM's psi).
        vegetation: name of the parameter set; ``None`` where cells differ. Static.
    """

    latitude: Float[ArrayLike, "*cell"]
    elevation: Float[ArrayLike, "*cell"]
    silt_plus_clay: Float[ArrayLike, "*cell"]
    vegetation: str | None = eqx.field(static=True, default=None)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the cell axes."""
        return jnp.shape(self.latitude)


class Forcing(eqx.Module):
    """Monthly climate and CO2 of consecutive years.

    Attributes:
        years: calendar years, shape ``(year,)``.
        air_temperature: °C, ``(year, 12, *cell)``.
        precipitation: mm month⁻¹, ``(year, 12, *cell)``.
        shortwave: incident shortwave, W m⁻², ``(year, 12, *cell)``.
        co2: ppmv, ``(year, 12)`` or ``(year, 12, *cell)``.
    """

    years: Int[Array, "year"]
    air_temperature: Float[Array, "year 12 *cell"]
    precipitation: Float[Array, "year 12 *cell"]
    shortwave: Float[Array, "year 12 *cell"]
    co2: Float[Array, "year 12 *co2"]

    def __check_init__(self) -> None:
        shape = jnp.shape(self.air_temperature)
        for name in ("precipitation", "shortwave"):
            if jnp.shape(getattr(self, name)) != shape:
                raise ValueError(
                    f"Forcing.{name} has shape {jnp.shape(getattr(self, name))}, "
                    f"air_temperature has {shape}; they must agree"
                )
        if len(shape) < 2 or shape[1] != 12:
            raise ValueError(f"Forcing arrays need shape (year, 12, *cell), got {shape}")
        if jnp.shape(self.years) != shape[:1]:
            raise ValueError(
                f"Forcing.years has shape {jnp.shape(self.years)}; climate has {shape[0]} years"
            )
        co2 = jnp.shape(self.co2)
        if co2 != shape and co2 != shape[:2]:
            raise ValueError(f"Forcing.co2 has shape {co2}; give {shape[:2]} or {shape}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the cell axes."""
        return jnp.shape(self.air_temperature)[2:]

    @property
    def number_of_years(self) -> int:
        """Length of the year axis."""
        return jnp.shape(self.air_temperature)[0]


def select_years(forcing: Forcing, start: int, stop: int) -> Forcing:
    """Forcing of the rows ``start`` to ``stop`` (indices, not calendar years)."""
    return Forcing(
        years=forcing.years[start:stop],
        air_temperature=forcing.air_temperature[start:stop],
        precipitation=forcing.precipitation[start:stop],
        shortwave=forcing.shortwave[start:stop],
        co2=forcing.co2[start:stop],
    )


@partial(jax.jit, static_argnums=(1, 2))  # one small program per length, not one per operation
def mean_year(forcing: Forcing, start: int = 0, stop: int | None = None) -> Forcing:
    """Mean year of rows ``start`` to ``stop``, with the CO2 of the first of them.

    CO2 is constant in equilibrium and spin-up: every month takes the first row's January value
    (docs/specification/protocol.md 1).
    """
    rows = select_years(forcing, start, forcing.number_of_years if stop is None else stop)
    return Forcing(
        years=rows.years[:1],
        air_temperature=jnp.mean(rows.air_temperature, axis=0, keepdims=True),
        precipitation=jnp.mean(rows.precipitation, axis=0, keepdims=True),
        shortwave=jnp.mean(rows.shortwave, axis=0, keepdims=True),
        co2=jnp.broadcast_to(rows.co2[:1, :1], rows.co2[:1].shape),
    )


def concatenate(*parts: Forcing) -> Forcing:
    """Concatenate forcings along the year axis; CO2 gets a cell axis if any part has one."""
    per_cell = any(jnp.ndim(part.co2) > 2 for part in parts)

    def co2(part: Forcing) -> Array:
        if not per_cell or jnp.ndim(part.co2) > 2:
            return part.co2
        trailing = (1,) * len(part.shape)
        return jnp.broadcast_to(
            jnp.reshape(part.co2, part.co2.shape + trailing), jnp.shape(part.air_temperature)
        )

    return Forcing(
        years=jnp.concatenate([part.years for part in parts]),
        air_temperature=jnp.concatenate([part.air_temperature for part in parts]),
        precipitation=jnp.concatenate([part.precipitation for part in parts]),
        shortwave=jnp.concatenate([part.shortwave for part in parts]),
        co2=jnp.concatenate([co2(part) for part in parts]),
    )


@jax.jit
def co2_monthly(annual: Float[Array, "year"]) -> Float[Array, "year 12"]:
    """Monthly CO2 from annual values taken as July values, ppmv.

    Source: docs/specification/model.md 8b.

    Linear between Julys; the whole first year and the months after the last July are constant.

    Args:
        annual: one value per calendar year.
    """
    annual = jnp.asarray(annual)
    before = jnp.concatenate([annual[:1], annual[:-1]])[:, None]
    after = jnp.concatenate([annual[1:], annual[-1:]])[:, None]
    month = jnp.arange(12)
    now = annual[:, None]
    spring = before + (month + 6) / 12 * (now - before)
    autumn = now + (month - 6) / 12 * (after - now)
    monthly = jnp.where(month < 6, spring, autumn)
    return monthly.at[0].set(annual[0])
