import jax
import jax.numpy as jnp
import numpy as np

from temjax.processes import radiation
from tests.support.derivatives import assert_finite_derivatives, check_derivatives

RANDOM = np.random.default_rng(1)


def test_gross_irradiance_has_the_sun_where_it_should_be():
    gross = radiation.gross_irradiance(jnp.asarray([0.0, 35.0, 80.0, -80.0]))
    assert gross.shape == (12, 4)
    assert gross[11, 2] == 0.0 and gross[5, 3] == 0.0  # polar night
    assert gross[5, 2] > gross[5, 0] > gross[11, 1]  # the polar day outshines the equator
    # 1368 W m⁻² over the sphere give a yearly mean near 415 W m⁻² at the equator.
    mean = np.asarray(gross[:, 0]).mean() / radiation.SHORTWAVE_TO_CALORIES
    assert 410.0 < mean < 425.0


def test_scalar_and_cells_agree():
    latitude = jnp.asarray([-30.0, 45.0, 69.0])
    cells = radiation.gross_irradiance(latitude)
    one = jnp.stack([radiation.gross_irradiance(value) for value in latitude], axis=1)
    mapped = jax.vmap(radiation.gross_irradiance, out_axes=1)(latitude)
    np.testing.assert_allclose(cells, one, rtol=1e-13)
    np.testing.assert_allclose(cells, mapped, rtol=1e-13)


def test_single_precision_stays_single():
    assert radiation.gross_irradiance(jnp.float32(40.0)).dtype == jnp.float32


def test_unit_of_shortwave():
    assert abs(float(radiation.canopy_irradiance_from_shortwave(1.0)) - 2.0636) < 1e-4


def test_derivatives():
    @jax.jit
    def chain(latitude, shortwave):
        gross = radiation.gross_irradiance(latitude)[6]
        irradiance = radiation.canopy_irradiance_from_shortwave(shortwave)
        cloud = radiation.cloudiness(gross, irradiance)
        return cloud, radiation.photosynthetically_active_radiation(irradiance, cloud)

    arguments = {
        "latitude": RANDOM.uniform(-60.0, 60.0, 12),
        "shortwave": RANDOM.uniform(30.0, 250.0, 12),
    }
    check_derivatives(chain, arguments, least_smooth=0.7)
    check_derivatives(
        radiation.canopy_irradiance,
        {"gross_irradiance": RANDOM.uniform(10, 900, 50), "cloudiness": RANDOM.uniform(0, 100, 50)},
    )
    # Polar night and no light at all.
    assert_finite_derivatives(chain, {"latitude": [-80.0, -90.0], "shortwave": [0.0, 5.0]})
