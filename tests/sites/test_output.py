"""NetCDF of a run: axes, units, attributes. The run is made of numbers that tell their place."""

import warnings
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from temjax.files.findings import DataError
from temjax.forcing import Forcing, Location
from temjax.outputs import (
    ANNUAL_VARIABLES,
    FLUXES,
    FORCING_VARIABLES,
    LEDGERS,
    MONTHLY_OUTPUTS,
    AnnualOutput,
    MonthlyOutput,
)
from temjax.parameters.files import load_parameters, replace_parameters
from temjax.sites.output import run_dataset, time_axes, write_netcdf
from temjax.sites.provenance import forcing_hash, parameter_hash
from temjax.state import POOLS

YEARS = np.array([1999, 2000])


def fake_run(cells=()):
    """Each month's value is year row * 100 + month."""
    row = np.arange(2)[:, None] * 100.0 + np.arange(12)
    months = np.broadcast_to(row.reshape(2, 12, *(1,) * len(cells)), (2, 12, *cells))
    depths = (0.05, 0.2)
    monthly = MonthlyOutput(
        fluxes=np.stack([months + 1000 * i for i in range(len(FLUXES))]),
        pools=np.stack([months] * len(POOLS)),
        soil_temperature=np.stack([months, months + 0.5], axis=2),
        thaw_fraction=months,
        thaw_depth=months,
    )
    year = np.ones((2, *cells))
    annual = AnnualOutput(
        **{
            name: year
            for name in (
                "maximum_thaw_depth", "minimum_thaw_depth", "mean_annual_ground_temperature",
                "exposure_factor", "exposed_carbon", "exposed_nitrogen",
                "exposed_inorganic_nitrogen", "exposed_water",
            )
        },
        active_layer_thickness=year * np.nan,
        permafrost=year.astype(bool),
        talik=year.astype(bool),
        ledgers=np.stack([year] * len(LEDGERS)),
        fluxes=np.stack([year * i for i in range(len(FLUXES))]),
        pools=np.stack([year] * len(POOLS)),
    )  # fmt: skip
    return SimpleNamespace(
        years=YEARS, monthly=monthly, annual=annual, soil=SimpleNamespace(depths=depths)
    )


def place(cells=()) -> Location:
    full = lambda value: jnp.full(cells, value)  # noqa: E731
    return Location(full(68.6), full(760.0), full(0.5), "moist-tundra")


def climate() -> Forcing:
    months = jnp.ones((3, 12)) * jnp.arange(3)[:, None]
    return Forcing(jnp.arange(1999, 2002), months, months, months, months + 300)


@pytest.fixture
def written(tmp_path):
    data = run_dataset(
        fake_run(),
        place(),
        forcing=climate(),
        longitude=-149.5,
        attributes={
            "title": "t",
            "converged": True,
            "n": 3,
            "r": np.float64(1e-9),
            "own": {"a": 1},
        },
    )
    path = write_netcdf(data, tmp_path / "run.nc")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with xr.open_dataset(path, decode_times=xr.coders.CFDatetimeCoder(use_cftime=True)) as read:
            yield read.load()


def test_every_registered_output_is_there(written):
    infos = [*MONTHLY_OUTPUTS.values(), *FORCING_VARIABLES.values(), *ANNUAL_VARIABLES.values()]
    for info in infos:
        attributes = written[info.name].attrs
        assert attributes["units"] == info.unit
        assert attributes["long_name"] == info.long_name
        assert attributes.get("tem_symbol", "") == info.symbol
        assert attributes.get("standard_name", info.standard_name) == info.standard_name
        assert ("depth" in written[info.name].dims) == info.by_depth
    assert {name for name in written.data_vars if not name.endswith("_bnds")} == {
        info.name for info in infos
    }


def test_values_sit_in_their_month(written):
    gpp = written.gross_primary_production
    assert gpp.dims == ("time",)
    assert float(gpp[13]) == 101.0
    when = written.time.values[13]
    assert (when.year, when.month) == (2000, 2)
    rh = written.heterotrophic_respiration
    assert float(rh[13]) == 101.0 + 1000 * FLUXES.index("heterotrophic_respiration")
    assert float(written.soil_temperature.sel(depth=0.2)[13]) == 101.5
    assert float(written.annual_net_primary_production[0]) == FLUXES.index("net_primary_production")
    assert float(written.air_temperature[13]) == 1.0


def test_cf_attributes(written):
    assert written.attrs["Conventions"] == "CF-1.8"
    for name, variable in written.data_vars.items():
        if name.endswith("_bnds"):
            continue
        assert variable.attrs["units"], name
        assert variable.attrs["long_name"], name
        assert variable.attrs["cell_methods"].startswith("time: "), name
    gpp = written.gross_primary_production.attrs
    assert gpp["standard_name"] == MONTHLY_OUTPUTS["gross_primary_production"].standard_name
    assert gpp["units"] == "g m-2 month-1"
    assert written.annual_gross_primary_production.attrs["units"] == "g m-2 year-1"
    assert written.depth.attrs["positive"] == "down"
    assert float(written.longitude) == -149.5


def test_attributes_keep_their_kind(written):
    assert written.attrs["converged"] == "true"
    assert written.attrs["n"] == 3
    assert written.attrs["r"] == pytest.approx(1e-9)
    assert written.attrs["own"] == '{"a": 1}'


def test_missing_stays_missing(written):
    assert np.isnan(written.active_layer_thickness).all()


def test_time_axes_cover_the_year_without_gaps():
    axes = time_axes(YEARS)
    bounds = axes["time_bnds"].values
    assert bounds[0, 0] == 0 and bounds[-1, 1] == 730
    np.testing.assert_array_equal(bounds[1:, 0], bounds[:-1, 1])
    assert np.all((axes["time"].values > bounds[:, 0]) & (axes["time"].values < bounds[:, 1]))
    np.testing.assert_array_equal(axes["annual_time_bnds"].values, [[0, 365], [365, 730]])


def test_cells_and_chosen_outputs():
    data = run_dataset(
        fake_run((4,)), place((4,)), cell_dims=("cell",), monthly=["soil_temperature"],
        annual=["active_layer_thickness", "year_end_soil_organic_carbon"],
    )  # fmt: skip
    assert data.soil_temperature.dims == ("time", "depth", "cell")
    assert {name for name in data.data_vars if not name.endswith("bnds")} == {
        "soil_temperature", "active_layer_thickness", "year_end_soil_organic_carbon",
    }  # fmt: skip
    with pytest.raises(ValueError, match="unknown output 'gpp'"):
        run_dataset(fake_run(), place(), monthly=["gpp"])
    with pytest.raises(ValueError, match="cell_dims"):
        run_dataset(fake_run((4,)), place((4,)))


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot write"):
        write_netcdf(run_dataset(fake_run(), place()), tmp_path / "none" / "run.nc")


def test_hashes_follow_the_numbers():
    parameters = load_parameters("moist-tundra")
    same = load_parameters("moist-tundra")
    assert parameter_hash(parameters) == parameter_hash(same)
    changed = replace_parameters(parameters, cmax_scale=1.01)
    assert parameter_hash(parameters) != parameter_hash(changed)
    warmer = climate()
    warmer = Forcing(
        warmer.years,
        warmer.air_temperature + 1e-6,
        warmer.precipitation,
        warmer.shortwave,
        warmer.co2,
    )
    assert forcing_hash(climate()) != forcing_hash(warmer)
