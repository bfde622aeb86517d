"""Outputs of soil carbon in layers, declared once; those of ``LayerOutput`` by name."""

from dataclasses import dataclass

from temjax.outputs.metadata import OutputInfo

LAYER_DEPTH = "soil_layer_depth"  # axis: middle of each layer, m


@dataclass(frozen=True)
class LayerVariable:
    """Output of soil carbon in layers.

    Attributes:
        info: name, unit and so on.
        monthly: whether it has months; otherwise it is of the year or its end.
        by_layer: whether it has the axis of layers.
        comment: what a reader might get wrong.
    """

    info: OutputInfo
    monthly: bool = False
    by_layer: bool = True
    comment: str = ""


def _stock(name: str, long_name: str, standard_name: str = "", **others) -> LayerVariable:
    info = OutputInfo(
        name, "g m-2", long_name, standard_name=standard_name, cell_methods="time: point",
        element="carbon",
    )  # fmt: skip
    return LayerVariable(info, **others)


def _sum(name: str, unit: str, long_name: str, element="carbon", **others) -> LayerVariable:
    return LayerVariable(OutputInfo(name, unit, long_name, element=element), **others)


_BELOW = "frozen carbon below the last interface is not counted"
LAYER_OUTPUTS = {
    variable.info.name: variable
    for variable in (
        _stock(
            "soil_carbon_by_layer", "carbon in soil layers: active, thawed and frozen",
            "soil_mass_content_of_carbon", comment=_BELOW,
        ),
        _stock(
            "active_carbon_by_layer", "active carbon in soil layers",
            comment="their sum is soil_organic_carbon",
        ),
        _stock(
            "thawed_carbon_by_layer",
            "carbon in soil layers that has thawed since the reference climate",
        ),
        _stock(
            "frozen_carbon_by_layer", "carbon in soil layers frozen since the reference climate",
            comment=_BELOW,
        ),
        _sum(
            "exposed_carbon_by_layer", "g m-2",
            "carbon in soil layers that thawed for the first time in the year",
        ),
        _sum(
            "heterotrophic_respiration_by_layer", "g m-2 month-1",
            "heterotrophic respiration in soil layers, of active and thawed carbon", monthly=True,
        ),
        _sum(
            "thawed_carbon_respiration_by_layer", "g m-2 year-1",
            "heterotrophic respiration in soil layers, of thawed carbon",
        ),
        _sum(
            "thawed_nitrogen_to_roots", "g m-2 year-1",
            "nitrogen of decayed thawed carbon that joined soil organic nitrogen", "nitrogen",
            by_layer=False,
        ),
        _sum(
            "thawed_nitrogen_below_roots", "g m-2 year-1",
            "nitrogen of decayed thawed carbon that stays out of reach below roots", "nitrogen",
            by_layer=False,
        ),
        LayerVariable(
            OutputInfo(
                "permafrost_table", "m", "depth below which carbon has been frozen since the "
                "reference climate", cell_methods="time: point",
            ),
            by_layer=False,
        ),
    )
}  # fmt: skip
