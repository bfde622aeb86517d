import jax
import jax.numpy as jnp
import numpy as np

from temjax.processes import nitrogen
from tests.support.derivatives import assert_finite_derivatives, check_derivatives

RANDOM = np.random.default_rng(8)
CNEVEN = 32.5


def mineralisation(organic, carbon, available, respiration, uptake, target):
    return nitrogen.net_mineralisation(
        substrate=nitrogen.substrate(
            soil_organic_nitrogen=organic,
            soil_organic_carbon=carbon,
            soil_carbon_to_nitrogen=target,
        ),
        microbial_saturation=nitrogen.microbial_saturation(
            concentration=available * 2e-4, half_saturation=0.0042
        ),
        microbial_uptake=uptake,
        heterotrophic_respiration=respiration,
    )


def plants(production, uptake, labile, structural, litter_carbon, vegetation):
    richness = nitrogen.structural_richness(
        structural_nitrogen=structural,
        vegetation_carbon=vegetation,
        vegetation_carbon_to_nitrogen=69.0,
    )
    litter = nitrogen.litter_nitrogen(
        potential_litterfall_nitrogen=0.0064 * structural,
        litterfall_carbon=litter_carbon,
        structural_richness=richness,
        production_nitrogen_to_carbon=1.0 / CNEVEN,
    )
    return litter, nitrogen.allocation(
        potential_net_production=production,
        potential_demand=production / CNEVEN,
        potential_uptake=uptake,
        labile_nitrogen=labile,
        structural_nitrogen=structural,
        structural_richness=richness,
        litter=litter,
        production_carbon_to_nitrogen=CNEVEN,
        labile_nitrogen_fraction=0.2,
    )


def allocate(production, uptake, labile):
    return plants(
        jnp.asarray(production), jnp.asarray(uptake), jnp.asarray(labile), 6.0, 5.0, 400.0
    )[1]


def mineral(available, rate, mineralised, uptake):
    return nitrogen.mineral_balance(
        available_nitrogen=available,
        solution_loss_rate=rate,
        net_mineralisation=mineralised,
        uptake=uptake,
    )


def test_scarce_nitrogen_limits_production():
    result = allocate(100.0, 0.5, 1.0)
    np.testing.assert_allclose(result.net_primary_production, CNEVEN * 1.5)
    np.testing.assert_allclose(result.structural_uptake, 0.5)
    np.testing.assert_allclose(result.mobilisation, 1.0)
    assert abs(result.labile_uptake) < 1e-15


def test_ample_storage_serves_production_and_uptake_fills_storage_only():
    result = allocate(10.0, 0.5, 1.0)
    demand = 10.0 / CNEVEN
    np.testing.assert_allclose(result.net_primary_production, 10.0)
    np.testing.assert_allclose(result.mobilisation, demand)
    assert result.structural_uptake == 0.0
    utilised = demand / 1.5
    assert 0.0 < result.labile_uptake <= 0.5 * utilised * (2.0 - utilised) + 1e-15


def test_no_production_takes_up_nothing_and_returns_nitrogen_to_storage():
    result = allocate(-3.0, 0.5, 1.0)
    assert result.net_primary_production == -3.0
    assert result.structural_uptake == 0.0 and result.labile_uptake == 0.0
    np.testing.assert_allclose(result.mobilisation, -3.0 / CNEVEN * 6.0 * 69.0 / 400.0)


def test_storage_below_zero_is_repaid_first():
    """STON < 0 occurs inside Runge-Kutta stages.

    Source: docs/specification/model.md 14.3.
    """
    covered = allocate(100.0, 0.5, -0.2)
    np.testing.assert_allclose(covered.net_primary_production, CNEVEN * 0.3)
    np.testing.assert_allclose(covered.mobilisation, -0.2)
    np.testing.assert_allclose(covered.structural_uptake, 0.5)
    beyond = allocate(100.0, 0.5, -2.0)
    assert beyond.net_primary_production == 0.0
    np.testing.assert_allclose(beyond.mobilisation, -2.0)
    np.testing.assert_allclose(beyond.structural_uptake, 0.5)
    # Continuous where uptake just covers the debt.
    left, right = allocate(100.0, 0.5, -0.5 - 1e-9), allocate(100.0, 0.5, -0.5 + 1e-9)
    assert abs(left.net_primary_production - right.net_primary_production) < 1e-6
    assert abs(left.structural_uptake - right.structural_uptake) < 1e-6


def branches_of_tem(production, uptake, labile, structural, litter, richness):
    """NPP, SUP, LUP and MOBIL by the branches of TEM, one cell at a time.

    Source: docs/specification/model.md 14.1, 14.3.
    """
    if production > CNEVEN * (uptake + labile):
        return max(0.0, CNEVEN * (uptake + labile)), uptake, 0.0, labile
    share = production / (CNEVEN * (uptake + labile))
    turned_down = max(0.0, uptake * (1.0 - (1.0 - share) ** 2))
    demand = production / CNEVEN
    if labile >= demand:
        structural_uptake, mobilised = 0.0, demand * (richness if demand < 0 else 1.0)
    else:
        structural_uptake, mobilised = min(max(demand - labile, 0.0), turned_down), labile
    target = 0.2 * (
        structural + structural_uptake - litter.litterfall - litter.resorption + mobilised
    )
    present = labile + litter.resorption - mobilised
    labile_uptake = min(max(target - present, 0.0), turned_down - structural_uptake)
    return production, structural_uptake, labile_uptake, mobilised


def test_allocation_is_that_of_tems_branches():
    """Storage below zero among them, as far as uptake covers it; tissue rich, poor and scarce."""
    generator = np.random.default_rng(3)
    count = 4000
    production = generator.uniform(-20.0, 40.0, count)
    uptake = generator.uniform(0.01, 2.0, count)
    labile = generator.uniform(-1.0, 1.0, count) * np.where(generator.random(count) < 0.5, 2, 1e-3)
    labile = np.maximum(labile, 1e-3 - uptake)
    structural = generator.uniform(0.5, 15.0, count)
    vegetation = generator.uniform(0.1, 900.0, count)
    litter, result = plants(
        *map(jnp.asarray, (production, uptake, labile, structural)),
        jnp.full(count, 5.0), jnp.asarray(vegetation),
    )  # fmt: skip
    richness = structural * 69.0 / vegetation
    expected = np.array(
        [
            branches_of_tem(*case[:4], nitrogen.LitterNitrogen(*case[4:6]), case[6])
            for case in zip(
                production, uptake, labile, structural, np.asarray(litter.litterfall),
                np.asarray(litter.resorption), richness, strict=True,
            )
        ]
    )  # fmt: skip
    indebted = (labile < 0) & (production < 0)
    assert (indebted & (labile < production / CNEVEN)).sum() > 100  # debt beyond the return
    assert (indebted & (labile >= production / CNEVEN)).sum() > 100
    for values, name in zip(expected.T, nitrogen.Allocation._fields, strict=True):
        scale = 1e-12 * (1.0 + np.abs(values))
        assert (np.abs(getattr(result, name) - values) <= scale).all(), name


def test_debts_of_storage_have_finite_derivatives():
    """Where nothing grows, with hardly any tissue: the debt is not multiplied by its richness."""
    demand = -3.0 / CNEVEN
    labile = jnp.asarray([-5.0, demand - 1e-9, demand, demand + 1e-9, -1e-9, 0.0])
    arguments = {
        "production": jnp.full(6, -3.0), "uptake": jnp.full(6, 0.5), "labile": labile,
        "structural": jnp.full(6, 6.0), "litter_carbon": jnp.full(6, 5.0),
        "vegetation": jnp.full(6, 1e-3),
    }  # fmt: skip
    assert_finite_derivatives(plants, arguments)
    _, result = plants(*arguments.values())
    np.testing.assert_allclose(result.mobilisation[:2], labile[:2])
    np.testing.assert_allclose(result.mobilisation[2:], demand * 6.0 * 69.0 / 1e-3)


def test_supply_caps_uptake():
    def uptake(available, mineralised):
        return nitrogen.potential_uptake(
            uptake_capacity=30.0,
            concentration=1.0,
            half_saturation=0.0042,
            available_nitrogen=available,
            net_mineralisation=mineralised,
        )

    assert uptake(0.3, 0.4) == 0.7
    assert uptake(0.3, -0.5) == 0.0
    assert 29.0 < uptake(100.0, 0.0) < 30.0


def test_available_nitrogen_lasts_the_month():
    loss, mineralised = mineral(0.5, 0.1, -0.3, 0.1)
    np.testing.assert_allclose([loss, mineralised], [0.05, -0.3])
    loss, mineralised = mineral(0.5, 0.9, -0.3, 0.1)
    np.testing.assert_allclose([loss, mineralised], [0.1, -0.3])  # no more than is left
    loss, mineralised = mineral(0.5, 0.9, -0.7, 0.1)
    np.testing.assert_allclose([loss, mineralised], [0.0, -0.4])  # immobilisation cut back
    np.testing.assert_allclose(0.5 - 0.1 + mineralised, 0.0, atol=1e-15)


def test_loss_rate():
    rate = nitrogen.solution_loss_rate(
        nitrogen_loss_rate=0.5,
        soil_moisture=300.0,
        water_input=120.0,
        evapotranspiration=20.0,
        moisture_per_water=1e-3,
    )
    np.testing.assert_allclose(rate, 0.5 / 300.0 * (100.0 + 1000.0) / 1000.0)


def test_derivatives():
    count = 300
    check_derivatives(
        mineralisation,
        {
            "organic": RANDOM.uniform(50.0, 900.0, count),
            "carbon": RANDOM.uniform(2000.0, 2e4, count),
            "available": RANDOM.uniform(0.01, 5.0, count),
            "respiration": RANDOM.uniform(0.5, 60.0, count),
            "uptake": RANDOM.uniform(7.0, 20.0, count),
            "target": RANDOM.uniform(11.0, 25.0, count),
        },
    )
    check_derivatives(
        plants,
        {
            "production": RANDOM.uniform(-10.0, 120.0, count),
            "uptake": RANDOM.uniform(0.01, 2.0, count),
            "labile": RANDOM.uniform(0.01, 3.0, count),
            "structural": RANDOM.uniform(2.0, 15.0, count),
            "litter_carbon": RANDOM.uniform(1.0, 12.0, count),
            "vegetation": RANDOM.uniform(200.0, 900.0, count),
        },
    )
    check_derivatives(
        mineral,
        {
            "available": RANDOM.uniform(0.1, 2.0, count),
            "rate": RANDOM.uniform(0.01, 0.6, count),
            "mineralised": RANDOM.uniform(-1.0, 1.0, count),
            "uptake": RANDOM.uniform(0.0, 1.0, count),
        },
    )
    check_derivatives(
        nitrogen.carbon_to_nitrogen,
        {
            "annual_evapotranspiration": RANDOM.uniform(100.0, 400.0, count),
            "annual_potential_evapotranspiration": RANDOM.uniform(420.0, 900.0, count),
            "december_co2": RANDOM.uniform(280.0, 800.0, count),
            "slope": RANDOM.uniform(30.0, 60.0, count),
            "intercept": RANDOM.uniform(0.1, 60.0, count),
            "minimum": RANDOM.uniform(20.0, 40.0, count),
            "production_reference": RANDOM.uniform(29.0, 55.0, count),
        },
    )


def test_edges_are_finite():
    zero = jnp.zeros(4)
    # Empty soil, no available nitrogen (and a Newton iterate below zero), no respiration.
    assert_finite_derivatives(
        mineralisation,
        {
            "organic": jnp.asarray([0.0, 100.0, -1.0, 100.0]),
            "carbon": jnp.asarray([0.0, 0.0, 10.0, 1000.0]),
            "available": jnp.asarray([0.0, 1e-12, -30.0, 0.0]),
            "respiration": jnp.asarray([0.0, 1.0, 1.0, 1.0]),
            "uptake": zero + 10.0,
            "target": zero + 20.0,
        },
    )
    # Zero production, uptake, storage and vegetation in every combination that divides by them.
    states = np.stack(np.meshgrid([-1.0, 0.0, 1.0], [0.0, 0.5], [-0.5, 0.0, 1.0])).reshape(3, -1)
    production, uptake, labile = jnp.asarray(states)
    for vegetation in (0.0, -1.0, 300.0):
        arguments = {"production": production, "uptake": uptake, "labile": labile}
        arguments["structural"] = jnp.zeros_like(production)
        arguments["litter_carbon"] = jnp.zeros_like(production)
        arguments["vegetation"] = jnp.full_like(production, vegetation)
        assert_finite_derivatives(plants, arguments)
    assert_finite_derivatives(
        nitrogen.carbon_to_nitrogen,
        dict.fromkeys(
            (
                "annual_evapotranspiration",
                "annual_potential_evapotranspiration",
                "december_co2",
                "slope",
                "intercept",
                "minimum",
                "production_reference",
            ),
            zero,
        ),
    )


def test_every_branch_of_the_allocation_occurs_in_the_derivative_test():
    production = RANDOM.uniform(-10.0, 120.0, 300)
    supply = RANDOM.uniform(0.01, 2.0, 300) + RANDOM.uniform(0.01, 3.0, 300)
    limited = production / CNEVEN > supply
    assert limited.any() and (~limited & (production > 0)).any() and (production < 0).any()
    assert jax.numpy.isfinite(allocate(0.0, 0.0, 0.0).net_primary_production)


def test_more_available_nitrogen_can_mean_less_uptake():
    """TEM's cap, uptake <= AVLN + NMIN: the nearer AVLN relaxes to its balance, the less of it.

    Where immobilisation takes up more than all that is added within a month, added nitrogen lowers
    the cap while the demand of plants grows: a pulse into AVLN costs production. Source:
    docs/specification/layered_soil.md 5.
    """

    def uptake(available, capped):
        net = mineralisation(700.0, 12000.0, 25.0 * available, 50.0, 0.225, 17.0)
        return nitrogen.potential_uptake(
            uptake_capacity=40.0,
            concentration=available * 5e-3,
            half_saturation=0.0042,
            available_nitrogen=available,
            net_mineralisation=net if capped else 1e3,
        )

    before, after = (float(uptake(available, True)) for available in (0.24, 0.29))
    assert 0 < after < before
    demands = [float(uptake(available, False)) for available in (0.24, 0.29)]
    assert before < demands[0] < demands[1]
    assert float(jax.grad(uptake)(0.24, True)) < -1.0
