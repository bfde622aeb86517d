"""A made design without any run: input for its files, figure and texts."""

from types import SimpleNamespace

import numpy as np

from temjax.regional.studies.design.candidate_file import Candidate, Candidates
from temjax.regional.studies.design.places import Site
from temjax.regional.studies.design.run import Design, Target, choices_of
from temjax.regional.studies.design.targets import Derivatives
from temjax.regional.studies.design.uncertain import Uncertain
from temjax.regional.studies.design.worth import Measurements, joint_gains

TYPES = ("alpine-meadow", "alpine-steppe", "alpine-desert")  # the last without a candidate


def made_design(costs: bool = False, best: int = 3) -> Design:
    """Two targets, three types with two numbers each, a tower and a core of two of them."""
    labels = tuple(f"{kind}: {name}" for kind in TYPES for name in ("kdc_scale", "cmax_scale"))
    columns = {kind: {"kdc_scale": 2 * n, "cmax_scale": 2 * n + 1} for n, kind in enumerate(TYPES)}
    uncertain = Uncertain(labels, columns, {}, np.diag([0.16, 0.16] * 3))
    gradients = np.array([[1.0, 2.0, 0.5, 1.0, 1.0, 0.0], [3.0, 0.5, 2.0, 0.2, 0.0, 0.5]])
    candidates, sites, information = [], [], []
    for number, kind in enumerate(TYPES[:2]):
        for kind_number, what in enumerate(("tower", "core")):
            cost = 10.0 + kind_number if costs else None
            candidates.append(Candidate(name=f"{kind} {what}", kind=what, type=kind, cost=cost))
            sites.append(Site(number, kind, 34.0, 92.0 + number, -4.0))
            seen = np.zeros(6)
            seen[2 * number + kind_number] = 30.0
            seen[2 * number + 1] += 2.0
            information.append(np.diag(seen))
    measurements = Measurements.of(uncertain.covariance, gradients, information)
    sds = np.sqrt(measurements.variances)
    targets = (
        Target("delta_nep", "ΣΔNEP", "Tg C", -200.0, float(sds[0])),
        Target("exposed_carbon", "SOC_PF", "Tg C", 900.0, float(sds[1])),
    )
    orders, subsets, search = choices_of(measurements, targets, best)
    experiment = SimpleNamespace(title="made", synthetic=True, hash="made")
    unit = "kEUR" if costs else ""
    return Design(
        experiment, Derivatives((("A", "rcp85"),), {}, {}, {}),
        Candidates(version=1, cost_unit=unit, candidates=tuple(candidates)), tuple(candidates),
        tuple(sites), (108, 6) * 2, targets, uncertain, gradients, measurements,
        measurements.worths([[n] for n in range(4)]), joint_gains(measurements), orders, subsets,
        search, ["a note"],
    )  # fmt: skip
