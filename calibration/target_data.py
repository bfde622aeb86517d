"""Data behind each target of a fit: counts, errors, weights and sources."""

import numpy as np

from temjax.calibration.gross_flux import GROSS_FLUX, PARTITIONED
from temjax.calibration.soil_profile import SOIL_PROFILE
from temjax.calibration.target import Target
from temjax.calibration.type_stocks import observed_stocks
from temjax.sites import Site
from temjax.sites.account import used_observations


def data_summary(site: Site, targets: tuple[Target, ...]) -> list[dict]:
    """Data behind each target, with error and weight: rows of the report."""
    rows = []
    for target in targets:
        used = np.asarray(target.used)
        sd = np.asarray(target.sd)
        row = {
            "target": target.label,
            "weight": target.weight,
            "used": int(np.sum(used)),
            "held_out": int(np.sum(np.asarray(target.held_out))),
            "median_sd": float(np.median(sd[used > 0] if np.any(used) else sd)),
            "missing": 0,
            "suspect": 0,
            "source": "",
        }
        observed = site.observations
        names = PARTITIONED if target.variable == GROSS_FLUX else (target.variable,)
        series = [observed.monthly[name] for name in names if name in observed.monthly]
        if series:
            if target.kind == "monthly":
                present = np.all([np.isfinite(one.values) for one in series], axis=0)
                suspect = np.any([one.suspect for one in series], axis=0)
                row["missing"] = int(np.sum(~present))
                row["suspect"] = int(np.sum(suspect & present))
            row["source"] = "; ".join(one.source for one in series)
        elif target.variable in (stocks := observed_stocks(site)):
            row["source"] = stocks[target.variable].source
        elif target.variable == SOIL_PROFILE:
            row["source"] = used_observations(site)[SOIL_PROFILE]
        rows.append(row)
    return rows
