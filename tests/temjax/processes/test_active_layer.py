"""Thaw depth, thaw fraction, permafrost and talik."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from temjax.processes import active_layer


def test_eight_case_thaw_fraction_matches_table_08(shared):
    table = np.genfromtxt(
        shared / "reference/tem423/08_thawfraction.csv", delimiter=",", names=True
    )
    fraction = active_layer.thaw_fraction_by_signs(
        table["t5_prev"], table["t5_cur"], table["t5_next"]
    )
    np.testing.assert_allclose(fraction, table["F_as_coded"], rtol=1e-8, atol=1e-10)


def test_thaw_depth_counts_layers_down_to_ten_metres():
    thickness = jnp.array([4.0, 5.0, 3.0, 8.0])
    top = jnp.array([0.0, 4.0, 9.0, 12.0])
    depth = active_layer.thaw_depth(thickness, top, jnp.array([1.0, 0.5, 1.0, 1.0]))
    np.testing.assert_allclose(depth, 4.0 + 2.5 + 1.0)


def test_unfrozen_ground_is_thawed_to_ten_metres():
    """Also where a layer begins or ends at this depth, with a finite derivative."""

    def depth(thickness):
        top = jnp.concatenate([jnp.zeros(1), jnp.cumsum(thickness)[:-1]])
        return active_layer.thaw_depth(thickness, top, jnp.ones_like(thickness))

    for layers in ([4.0, 5.0, 3.0, 8.0], [4.0, 6.0, 8.0], [10.0, 8.0], [40.0]):
        np.testing.assert_allclose(depth(jnp.array(layers)), 10.0)
        assert np.isfinite(jax.grad(depth)(jnp.array(layers))).all()


def test_thaw_switch_is_half_at_zero_and_smooth():
    assert active_layer.thaw_switch(0.0, 0.5) == 0.5
    np.testing.assert_allclose(jax.grad(active_layer.thaw_switch)(0.0, 0.5), 0.5)
    far = active_layer.thaw_switch(jnp.array([-40.0, 40.0]), 0.5)
    np.testing.assert_allclose(far, [0.0, 1.0], atol=1e-30)
    assert jnp.isfinite(jax.grad(active_layer.thaw_switch)(-500.0, 0.5))


def test_permafrost_takes_two_years():
    frozen = active_layer.stays_frozen(jnp.array([[1.0, 0.3], [1.0, 1.0]]))
    np.testing.assert_array_equal(frozen, [[0.0, 1.0], [0.0, 0.0]])
    before = jnp.array([[1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_array_equal(active_layer.has_permafrost(frozen, before), [False, False])
    np.testing.assert_array_equal(active_layer.has_permafrost(frozen, frozen), [False, True])


def test_talik_and_thaw_index():
    np.testing.assert_array_equal(
        active_layer.has_talik(jnp.array([0.3, 0.31]), 0.30), [False, True]
    )
    surface = jnp.array([-5.0] * 6 + [2.0, 3.0] + [0.0] * 4)
    np.testing.assert_allclose(active_layer.thawing_degree_days(surface), 31 * 2.0 + 31 * 3.0)
