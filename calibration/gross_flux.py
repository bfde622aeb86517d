"""NEP, GPP and RECO as two independent series.

Partitioned data hold two numbers a month, not three: NEP is measured, and GPP and RECO are made
of it so that GPP − RECO = NEP. What the partitioning does not know moves GPP and RECO together
(day-time less night-time partition of nine FLUXNET2015 towers: correlation of the two differences
0.47 to 0.98, median 0.85). With NEP and the gross flux G = (GPP + RECO)/2,

    GPP = G + NEP/2,    RECO = G − NEP/2,

the errors of NEP (measurement) and G (partitioning) are independent, and the three series say what
these two say. A month without a usable NEP counts G alone: GPP − RECO is the NEP that was refused.
A month that lacks GPP or RECO counts the other by itself.
"""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from temjax.calibration.target import Target

GROSS_FLUX = "gross_flux"
NET = "net_ecosystem_production"
PARTITIONED = ("gross_primary_production", "ecosystem_respiration")


def join_gross_flux(targets: tuple[Target, ...], weight: float) -> tuple[Target, ...]:
    """Targets with GPP and RECO replaced by the gross flux in the months that have both.

    Only where NEP is a target too. GPP or RECO of which no month is left is dropped.

    Args:
        targets: of one site.
        weight: of the gross flux.
    """
    monthly = {target.variable: target for target in targets if target.kind == "monthly"}
    trio = [monthly.get(name) for name in (NET, *PARTITIONED)]
    if None in trio or len({(one.rows, one.mean_year) for one in trio}) > 1:
        return targets
    used, held_out = (
        np.asarray(getattr(trio[1], name)) * np.asarray(getattr(trio[2], name))
        for name in ("used", "held_out")
    )
    together = (used + held_out) > 0
    if not together.any():
        return targets
    joined = []
    for target in targets:
        if target.variable == PARTITIONED[0]:
            joined.append(_gross_flux(trio[1], trio[2], used, held_out, weight))
        if target.variable in PARTITIONED:
            target = _only_where(target, ~together)
            if not (np.any(target.used) or np.any(target.held_out)):
                continue
        joined.append(target)
    return tuple(joined)


def _gross_flux(
    production: Target, respiration: Target, used: np.ndarray, held_out: np.ndarray, weight: float
) -> Target:
    """Target of (GPP + RECO)/2; the errors of the two move together, so its sd is their mean."""
    kept = (used + held_out) > 0
    values = (np.asarray(production.values) + np.asarray(respiration.values)) / 2
    return replace(
        production,
        variable=GROSS_FLUX,
        weight=weight,
        values=jnp.asarray(np.where(kept, values, 0.0)),
        sd=(production.sd + respiration.sd) / 2,
        used=jnp.asarray(used),
        held_out=jnp.asarray(held_out),
    )


def _only_where(target: Target, kept: np.ndarray) -> Target:
    """Target with other months neither used nor held out."""
    return replace(target, used=target.used * kept, held_out=target.held_out * kept)


def months_of(targets: tuple[Target, ...], variable: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Fitted and held-out months of an observed variable, by itself or in the gross flux.

    Returns:
        Two masks ``(year, 12)``; ``None`` where it is no target.
    """
    names = {variable, GROSS_FLUX} if variable in PARTITIONED else {variable}
    found = [one for one in targets if one.kind == "monthly" and one.variable in names]
    if not found:
        return None
    used, held_out = (
        np.any([np.asarray(getattr(one, name)) > 0 for one in found], axis=0)
        for name in ("used", "held_out")
    )
    return used, held_out


def counted_as(targets: tuple[Target, ...]) -> str:
    """How NEP, GPP and RECO count, a sentence; empty where no gross flux is fitted."""
    gross = next((one for one in targets if one.variable == GROSS_FLUX), None)
    if gross is None:
        return ""
    months = int(np.sum(np.asarray(gross.used)))
    alone = {
        one.variable.replace("_", " "): int(np.sum(np.asarray(one.used)))
        for one in targets
        if one.variable in PARTITIONED and one.kind == "monthly"
    }
    rest = "".join(f"; {name} by itself in {count} months" for name, count in alone.items())
    return (
        f"NEP and the gross flux (GPP + RECO)/2, {months} months, count as two independent series, "
        f"GPP and RECO not by themselves, as their difference is NEP{rest}"
    )
