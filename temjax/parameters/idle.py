"""Parameters that act with an option of the model only."""

from temjax.options import ModelOptions

FREEZING = ("heterotrophic_freezing_q10", "respiration_freezing_q10")  # act with freezing_cutoff
LAYERED = (  # act with soil_layers
    "surface_decomposition_scale",
    "decomposition_attenuation",
    "litter_depth",
    "soil_mixing",
    "mixing_limit",
    "frozen_decomposition",
    "old_carbon_rate",
    "old_carbon_attenuation",
    "old_carbon_stock",
    "old_carbon_to_nitrogen",
)


def idle_parameters(options: ModelOptions) -> tuple[str, ...]:
    """Names of the parameters that do nothing with these options, in registry order."""
    idle = () if options.freezing_cutoff else FREEZING
    if options.soil_layers is None:
        return (*idle, *LAYERED)
    return idle
