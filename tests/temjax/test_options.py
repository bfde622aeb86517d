"""Options of the model: what is refused, and in which words."""

import pytest

from temjax.options import SOIL_LAYERS, ModelOptions


def test_layers_are_off_by_default_and_hashable():
    assert ModelOptions().soil_layers is None
    options = ModelOptions(soil_layers=[0, 0.5, 2])
    assert options.soil_layers == (0.0, 0.5, 2.0) and hash(options)
    assert len(SOIL_LAYERS) == 14


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(soil_layers=(0.1, 1.0)), "from 0 down"),
        (dict(soil_layers=(0.0,)), "from 0 down"),
        (dict(soil_layers=(0.0, 1.0, 1.0)), "each deeper"),
        (dict(soil_layers=(0.0, 1.0, 12.0)), "cannot be deeper"),
        (dict(soil_layers=SOIL_LAYERS, active_layer_rule="literal"), "active_layer_rule.*layer by"),
        (dict(soil_layers=SOIL_LAYERS, expose_water=False), "expose_water"),
        (dict(soil_layers=SOIL_LAYERS, root_zone_nitrogen="uniform"), "root_zone_nitrogen"),
        (dict(soil_layers=SOIL_LAYERS, respiration_depth="0-20cm"), "respiration_depth"),
        (dict(rooting_depth="thaw"), "soil_layers only"),
        (dict(soil_layers=SOIL_LAYERS, rooting_depth="deep"), "choose one of fixed, thaw"),
    ],
)
def test_meaningless_combinations_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        ModelOptions(**given)
