"""Options of the model, fixed when a function is compiled."""

from dataclasses import dataclass
from typing import Literal

ActiveLayerRule = Literal["hold", "literal", "stefan"]
RootZoneNitrogen = Literal["pulse_only", "const2020", "p_ratio", "uniform"]
RespirationDepth = Literal["20cm", "0-20cm"]


@dataclass(frozen=True)
class ModelOptions:
    """Options of the model; frozen and hashable, so that equal instances share a compilation.

    Attributes:
        substeps: IMEX sub-steps per month of the carbon–nitrogen–water equations. With 16, about
            one in 150 random parameter vectors errs by more than 1 % in annual nitrogen uptake
            (up to 7 %, where storage runs out within a month); with 48, one in 10 000.
        heat_substeps: backward-Euler steps per month of soil heat.
        heat_iterations: Newton iterations per heat step at most; most steps need two to seven.
        active_layer_rule: thickness that drives thaw exposure (docs/specification/protocol.md 2):
            ``hold`` keeps last year's value in a year with residual thaw, ``literal`` is the
            annual maximum thaw depth, ``stefan`` is E·√TDD of the ground surface.
        root_zone_nitrogen: share of exposed inorganic nitrogen that plants can take up.
        expose_water: scale available water with thaw exposure.
        respiration_depth: soil temperature that drives heterotrophic respiration.
        freezing_cutoff: heterotrophic and maintenance respiration fall off below 0 °C beyond their
            Q10 (docs/specification/model.md (M-67)). TEM has no such cut-off.
        thaw_width: width of the smooth thaw switch of photosynthesis, K.
        residual_thaw_limit: annual minimum thaw depth above which a year counts as talik, m.
    """

    substeps: int = 48
    heat_substeps: int = 6
    heat_iterations: int = 100
    active_layer_rule: ActiveLayerRule = "hold"
    root_zone_nitrogen: RootZoneNitrogen = "pulse_only"
    expose_water: bool = True
    respiration_depth: RespirationDepth = "20cm"
    freezing_cutoff: bool = False
    thaw_width: float = 0.5
    residual_thaw_limit: float = 0.30

    def __post_init__(self) -> None:
        choices = {
            "active_layer_rule": ("hold", "literal", "stefan"),
            "root_zone_nitrogen": ("pulse_only", "const2020", "p_ratio", "uniform"),
            "respiration_depth": ("20cm", "0-20cm"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"ModelOptions.{name} = {getattr(self, name)!r}; choose one of "
                    + ", ".join(allowed)
                )
        for name in ("substeps", "heat_substeps", "heat_iterations"):
            if getattr(self, name) < 1:
                raise ValueError(f"ModelOptions.{name} = {getattr(self, name)}; it must be >= 1")
        if not self.thaw_width > 0:
            raise ValueError(f"ModelOptions.thaw_width = {self.thaw_width}; it must be > 0 K")
