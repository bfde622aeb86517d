"""Members with invented products: what writes, reads and reports them is tested without a run."""

from pathlib import Path

import numpy as np

from temjax.files.findings import Finding
from temjax.heat.year import DEPTHS
from temjax.regional.diagnostics.totals import REGION
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.experiment.products import MONTHLY_PREFIX, PRODUCTS
from temjax.regional.inputs.domain import load_domain
from temjax.regional.member import NOT_FINITE, MemberResult
from temjax.regional.studies.attribution import ALL, BASELINE
from tests.support.small_region import small_experiment


def made_member(experiment: Experiment, member: str = "toy", seed: int = 1) -> MemberResult:
    """Positive numbers in every product; the second cell is masked."""
    rng = np.random.default_rng(seed)
    domain = load_domain(experiment)
    protocol = experiment.protocol
    periods = {"historical": protocol.historical, "S_R": protocol.future, "S_T": protocol.future}
    products = {}
    for run, (first, last) in periods.items():
        years = last - first + 1
        names = {name: (years,) for name in PRODUCTS}
        names |= {MONTHLY_PREFIX + name: (years, 12) for name in experiment.output.monthly}
        for name, shape in names.items():
            if PRODUCTS[name.removeprefix(MONTHLY_PREFIX)].by_depth:
                shape = (*shape, len(DEPTHS))
            products[f"{run}/{name}"] = rng.uniform(0.5, 1.5, (*shape, domain.size))
    for values in products.values():
        values[..., 1] = np.nan
    status = np.zeros(domain.size, dtype=int)
    status[1] = NOT_FINITE
    years = np.arange(protocol.equilibrium_years[0], protocol.future[1] + 1)
    names = ("air_temperature", "precipitation", "shortwave", "co2")
    return MemberResult(
        member=member, scenario="rcp85", domain=domain, timeline=None, products=products,
        status=status,
        findings={1: [Finding("model", "not_finite", domain.label(1), "made", "None.")]},
        segments=(), seams=[], parameter_hashes={"moist-tundra": "0"},
        climate={"years": years} | {name: rng.uniform(1, 2, years.size) for name in names},
        cell_years=0, seconds=1.0,
    )  # fmt: skip


def made_region(folder: Path, extra: str = "") -> Experiment:
    """The small region with months of three products, one of them by depth."""
    return small_experiment(folder, f'[output]\nmonthly = ["npp", "swe", "tsl"]\n{extra}')


def attribution_record(scenario="rcp85", member="A"):
    """Record with known effects: climate +1, CO2 +2, exposure −1, all +3 Tg a year in NPP."""
    npp = {BASELINE: 10.0, "climate": 11.0, "CO2": 12.0, "exposure": 9.0, ALL: 13.0}
    series = {
        name: {"NPP": [value] * 4, "RH": [10.0] * 4, "SOC": [5.0] * 4, "VegC": [1.0] * 4}
        for name, value in npp.items()
    }
    return {
        "scenario": scenario, "member": member, "held_years": 20, "years": [1, 2, 3, 4],
        "groups": {REGION: series},
    }  # fmt: skip
