"""Every process against the function tables of TEM 4.2.3 (01-07, 09, 10)."""

import jax.numpy as jnp
import numpy as np
import pytest

from temjax.forcing import Location
from temjax.parameters.cell import initial_pools
from temjax.processes import (
    decomposition,
    evapotranspiration,
    nitrogen,
    phenology,
    photosynthesis,
    radiation,
    respiration,
    snow,
    water,
)
from temjax.state import pool_index
from tests.support.tables import constants_of, deviation, month_days, parameters_of, read_table

TOLERANCE = 1e-8


def check(table, results, rows=None):
    """Compare named columns and print how far each is off."""
    rows = slice(None) if rows is None else rows
    off = {name: deviation(np.asarray(v)[rows], table[name][rows]) for name, v in results.items()}
    print({name: f"{value:.1e}" for name, value in off.items()})
    assert max(off.values()) <= TOLERANCE, max(off, key=off.get)


def test_cell_constants_and_initial_pools(shared):
    table = read_table(shared, "01_texture_cellparams")
    parameters = parameters_of(table["cmnt"])
    constants = constants_of(parameters, table)
    psi = jnp.asarray(table["psiplusc"])
    pools = initial_pools(parameters, Location(0.0 * psi, 0.0 * psi, psi))
    check(
        table,
        {
            "rootz_m": constants.rooting_depth,
            "totpor_mm": constants.total_porosity,
            "fldcap_mm": constants.field_capacity,
            "wiltpt_mm": constants.wilting_point,
            "awcapmm": constants.available_water_capacity,
            "cmax": constants.maximum_photosynthesis,
            "kdc": constants.decomposition_rate,
            "nmax": constants.maximum_nitrogen_uptake,
            "nup": constants.microbial_nitrogen_uptake,
            "decay": constants.litter_decay,
            "vegc0": pools[pool_index("vegetation_carbon")],
            "strn0": pools[pool_index("structural_nitrogen")],
            "ston0": pools[pool_index("labile_nitrogen")],
            "solc0": pools[pool_index("soil_organic_carbon")],
            "soln0": pools[pool_index("soil_organic_nitrogen")],
        },
    )
    # The table's AVLN line goes negative in fine soils, where temjax has a floor.
    floored = np.maximum(table["avln0"], 0.01)
    assert deviation(pools[pool_index("available_nitrogen")], floored) <= TOLERANCE


def test_leaf(shared):
    table = read_table(shared, "02_leaf")
    p = parameters_of(table["cmnt"])
    assert (table["prveetmx"] == 0).any()
    terms = phenology.leaf_terms(
        evapotranspiration_maximum=table["prveetmx"],
        leaf_maximum=table["prvleafmx"],
        previous_unnormalised_leaf=table["unlprev"],
        leaf_evapotranspiration=p.leaf_evapotranspiration,
        leaf_persistence=p.leaf_persistence,
        leaf_intercept=p.leaf_intercept,
        minimum_leaf=p.minimum_leaf,
    )
    unnormalised = phenology.unnormalised_leaf(terms=terms, evapotranspiration=table["eet"])
    leaf = phenology.leaf(terms=terms, unnormalised_leaf=unnormalised)
    check(table, {"unl": unnormalised, "leaf": leaf})


def test_temperature_functions_and_potential_evapotranspiration(shared):
    table = read_table(shared, "03_temperature_scalars")
    p = parameters_of(table["cmnt"])
    air = table["tair"]
    rain, _ = snow.partition_precipitation(np.ones_like(air), air)
    check(
        table,
        {
            "fT": photosynthesis.temperature_response(
                air_temperature=air,
                temperature_minimum=p.temperature_minimum,
                optimum_temperature=table["topt"],
                temperature_optimum_maximum=p.temperature_optimum_maximum,
                temperature_maximum=p.temperature_maximum,
            ),
            "respq10": respiration.plant_q10_response(
                air_temperature=air,
                a0=p.respiration_q10_a0,
                a1=p.respiration_q10_a1,
                a2=p.respiration_q10_a2,
                a3=p.respiration_q10_a3,
            ),
            "dq10": decomposition.temperature_response(
                soil_temperature=table["tsoil20"], q10=p.heterotrophic_q10
            ),
            "rain_frac": rain,
            "pet": evapotranspiration.potential_evapotranspiration(
                air_temperature=air,
                canopy_irradiance=table["pet_nirr"],
                days=month_days(table["month"]),
            ),
        },
    )


def test_moisture_functions(shared):
    table = read_table(shared, "04_moisture_scalars")
    p = parameters_of(table["cmnt"])
    per_water = 1e-3
    check(
        table,
        {
            "gv": photosynthesis.canopy_conductance(
                relative_evapotranspiration=table["eet"] / table["pet"]
            ),
            "ksoil": nitrogen.solution_factor(
                volumetric_moisture=table["vsm"], moisture_per_water=per_water
            )
            * table["vsm"]
            / per_water,
            "rhmoist": decomposition.moisture_response(
                volumetric_moisture=table["vsm"],
                moisture_minimum=p.moisture_minimum,
                moisture_optimum=p.moisture_optimum,
                moisture_maximum=p.moisture_maximum,
            ),
        },
    )


def test_production_respiration_and_uptake(shared):
    table = read_table(shared, "05_gpp_rm_nuptake")
    p = parameters_of(table["cmnt"])
    constants = constants_of(p, table)
    foliage = phenology.foliage(
        vegetation_carbon=table["vegc"],
        foliage_coefficient=p.foliage_coefficient,
        foliage_exponent=p.foliage_exponent,
    )
    area = phenology.leaf_area_index(
        foliage=foliage,
        leaf=table["leaf"],
        leaf_carbon_maximum=p.leaf_carbon_maximum,
        specific_leaf_area=p.specific_leaf_area,
    )
    production = photosynthesis.potential_production(
        maximum_photosynthesis=constants.maximum_photosynthesis,
        foliage=foliage,
        leaf=table["leaf"],
        co2_response=photosynthesis.co2_response(
            co2=table["co2"],
            canopy_conductance=table["gv"],
            half_saturation_co2=p.half_saturation_co2,
        ),
        light_response=photosynthesis.light_response(
            photosynthetically_active_radiation=table["par"],
            half_saturation_light=p.half_saturation_light,
        ),
        temperature_response=table["fT"],
        thaw_fraction=table["thawfrac"],
    )
    uptake = nitrogen.potential_uptake(
        uptake_capacity=constants.maximum_nitrogen_uptake * foliage * table["respq10"],
        concentration=table["avln"] * table["ksoil"] / table["sm"],
        half_saturation=p.uptake_half_saturation,
        available_nitrogen=1e9,
        net_mineralisation=0.0,
    )
    check(
        table,
        {
            "foliage": foliage,
            "alleaf": foliage * p.leaf_carbon_maximum,
            "lai": area,
            "fpc": phenology.projective_cover(area),
            "gpp": production,
            "rm": respiration.maintenance_respiration(
                vegetation_carbon=table["vegc"],
                biomass_slope=p.respiration_biomass_slope,
                rate_log=p.respiration_rate_log,
                q10_response=table["respq10"],
            ),
            "inuptake": uptake,
        },
    )


def test_decomposition_and_mineralisation(shared):
    table = read_table(shared, "06_rh_nmin_kd")
    p = parameters_of(table["cmnt"])
    constants = constants_of(p, table)
    saturation = nitrogen.microbial_saturation(
        concentration=table["avln"] * table["ksoil"] / table["sm"],
        half_saturation=p.immobilisation_half_saturation,
    )
    check(
        table,
        {
            "rh": decomposition.heterotrophic_respiration(
                decomposition_rate=table["kd"],
                soil_organic_carbon=table["solc"],
                moisture_response=table["rhmoist"],
                temperature_response=table["dq10"],
            ),
            "mic_x": saturation,
            "nmin": nitrogen.net_mineralisation(
                substrate=nitrogen.substrate(
                    soil_organic_nitrogen=table["soln"],
                    soil_organic_carbon=table["solc"],
                    soil_carbon_to_nitrogen=p.soil_carbon_to_nitrogen,
                ),
                microbial_saturation=saturation,
                microbial_uptake=constants.microbial_nitrogen_uptake * constants.litter_decay,
                heterotrophic_respiration=table["rh"],
            ),
            "kdc": constants.decomposition_rate,
            "kd_new": decomposition.decomposition_rate(
                reference_rate=table["kdc"],
                litterfall_carbon=table["yrltrc"],
                litterfall_nitrogen=table["yrltrn"],
                reference_carbon_to_nitrogen=p.litter_carbon_to_nitrogen_reference,
            ),
        },
    )


def test_water(shared):
    table = read_table(shared, "07_water")
    terms = evapotranspiration.wetting_terms(
        water_input=table["rain"] + table["snowinf"],
        potential_evapotranspiration=table["pet"],
        days=month_days(table["month"]),
        available_water_capacity=table["awcapmm"],
    )
    eet = evapotranspiration.unlimited_evapotranspiration(
        wetting=terms, available_water=table["avlh2o"]
    )
    percolation = water.percolation(
        available_water=table["avlh2o"],
        available_water_capacity=table["awcapmm"],
        water_input=table["rain"] + table["snowinf"],
        evapotranspiration=eet,
    )
    rain_share, melt_share = water.percolation_shares(
        rainfall=table["rain"], snowmelt=table["snowinf"]
    )
    fraction = water.snow_runoff_fraction(
        air_temperature=table["tair"],
        previous_air_temperature=table["tprev"],
        second_previous_air_temperature=table["tprev2"],
        elevation=table["elev"],
    )
    check(
        table,
        {
            "eet_xeet": eet,
            "rrun": water.rain_runoff(
                rain_runoff_store=table["rgrw"], rain_percolation=table["rperc"]
            ),
            "srun": water.snow_runoff(
                snow_runoff_fraction=fraction,
                snow_runoff_store=table["sgrw"],
                snow_percolation=table["sperc"],
            ),
        },
    )
    # Percolation is a small difference of printed numbers: with 12 digits of about 200 mm it is
    # known to 2e-9 mm, which exceeds the tolerance in the one row with 0.012 mm.
    for name, share in (("rperc", rain_share), ("sperc", melt_share)):
        result, known = np.asarray(share * percolation), np.asarray(percolation) > 1.0
        assert np.abs(result - table[name]).max() <= 2e-9
        assert known.sum() > 100
        check(table, {name: result}, (known) | (table[name] == 0))


def test_radiation(shared):
    table = read_table(shared, "09_radiation")
    month = table["month"].astype(int) - 1
    gross = radiation.gross_irradiance(jnp.asarray(table["lat"]))[month, np.arange(month.size)]
    check(
        table,
        {
            "girr": gross,
            "nirr": radiation.canopy_irradiance(table["girr"], table["cloud_pct"]),
            "par": radiation.photosynthetically_active_radiation(table["nirr"], table["cloud_pct"]),
            "cloud_back_from_nirr": radiation.cloudiness(table["girr"], table["nirr"]),
        },
    )


def test_carbon_to_nitrogen(shared):
    table = read_table(shared, "10_c2n_cneven")
    p = parameters_of(table["cmnt"])
    tissue, production = nitrogen.carbon_to_nitrogen(
        annual_evapotranspiration=table["yreet"],
        annual_potential_evapotranspiration=table["yrpet"],
        december_co2=table["co2"],
        slope=p.vegetation_carbon_to_nitrogen_slope,
        intercept=p.vegetation_carbon_to_nitrogen_intercept,
        minimum=p.vegetation_carbon_to_nitrogen_minimum,
        production_reference=p.production_carbon_to_nitrogen,
    )
    check(table, {"c2n": tissue, "cneven": production})


def test_a_wrong_formula_is_noticed(shared):
    table = read_table(shared, "04_moisture_scalars")
    with pytest.raises(AssertionError):
        check(table, {"rhmoist": 4.0 * table["vsm"] * (1.0 - table["vsm"]) * (1.0 + 1e-7)})
