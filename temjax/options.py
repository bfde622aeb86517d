"""Options of the model, fixed when a function is compiled."""

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Literal

ActiveLayerRule = Literal["hold", "literal", "stefan"]
RootZoneNitrogen = Literal["pulse_only", "const2020", "p_ratio", "uniform"]
RespirationDepth = Literal["20cm", "0-20cm"]
RootingDepth = Literal["fixed", "thaw"]

# Interfaces of soil layers, m; sums to 0.3, 1, 2 and 3 m are exact
SOIL_LAYERS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)
BULK_ONLY = ("active_layer_rule", "root_zone_nitrogen", "expose_water", "respiration_depth")
LOWEST_INTERFACE = 10.0  # m, to which thaw depth counts


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
        soil_layers: interfaces of soil carbon in layers, m (``SOIL_LAYERS``); ``None`` is the bulk
            soil of TEM with thaw exposure by ``active_layer_rule``. Layers have no such rule, see
            docs/specification/layered_soil.md.
        rooting_depth: of soil in layers: ``fixed`` at ROOTZ, or as deep as last year's ``thaw``.
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
    soil_layers: tuple[float, ...] | None = None
    rooting_depth: RootingDepth = "fixed"

    def __post_init__(self) -> None:
        choices = {
            "active_layer_rule": ("hold", "literal", "stefan"),
            "root_zone_nitrogen": ("pulse_only", "const2020", "p_ratio", "uniform"),
            "respiration_depth": ("20cm", "0-20cm"),
            "rooting_depth": ("fixed", "thaw"),
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
        if self.soil_layers is not None:
            self._check_layers(self.soil_layers)
        elif self.rooting_depth != "fixed":
            raise ValueError(
                "ModelOptions.rooting_depth = 'thaw' acts with soil_layers only; give both, or "
                "leave it out"
            )

    def _check_layers(self, interfaces: tuple[float, ...]) -> None:
        """Refuse interfaces that make no layers, and options that layers have no use for."""
        object.__setattr__(self, "soil_layers", tuple(float(depth) for depth in interfaces))
        ordered = all(upper < lower for upper, lower in pairwise(interfaces))
        if len(interfaces) < 2 or interfaces[0] != 0 or not ordered:
            raise ValueError(
                f"ModelOptions.soil_layers = {interfaces}; give interfaces in m from 0 down, each "
                "deeper than the one before"
            )
        if interfaces[-1] > LOWEST_INTERFACE:
            raise ValueError(
                f"ModelOptions.soil_layers ends at {interfaces[-1]:g} m; thaw depth is counted to "
                f"{LOWEST_INTERFACE:g} m, so the last interface cannot be deeper"
            )
        defaults = {field.name: field.default for field in fields(self)}
        for name in BULK_ONLY:
            if getattr(self, name) != defaults[name]:
                raise ValueError(
                    f"ModelOptions.{name} = {getattr(self, name)!r} has no meaning with "
                    "soil_layers, where thaw acts layer by layer; leave it out"
                )
