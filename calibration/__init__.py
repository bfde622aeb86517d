"""Fitting the model to what was measured at a place."""

from typing import TYPE_CHECKING

from temjax.runtime.lazy import lazy_names as _lazy_names

if TYPE_CHECKING:
    from temjax.calibration.fitted_sets import fitted_set_names, fitted_set_path
    from temjax.calibration.fitting import FitError, FitResult, fit
    from temjax.calibration.joint import JointObjective
    from temjax.calibration.objective import DESCENT, Objective
    from temjax.calibration.targets import ErrorModel, stock_target
    from temjax.calibration.transforms import Free
    from temjax.calibration.tunables import DEFAULT, DISEQUILIBRIUM, TABLE_S2, THERMAL

__getattr__, __dir__ = _lazy_names(
    __name__,
    {
        "fitting": ("FitError", "FitResult", "fit"),
        "fitted_sets": ("fitted_set_names", "fitted_set_path"),
        "joint": ("JointObjective",),
        "objective": ("DESCENT", "Objective"),
        "targets": ("ErrorModel", "stock_target"),
        "transforms": ("Free",),
        "tunables": ("DEFAULT", "DISEQUILIBRIUM", "TABLE_S2", "THERMAL"),
    },
)

__all__ = [
    "DEFAULT",
    "DESCENT",
    "DISEQUILIBRIUM",
    "TABLE_S2",
    "THERMAL",
    "ErrorModel",
    "FitError",
    "FitResult",
    "Free",
    "JointObjective",
    "Objective",
    "fit",
    "fitted_set_names",
    "fitted_set_path",
    "stock_target",
]
