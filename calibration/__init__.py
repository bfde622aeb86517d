"""Fitting the model to what was measured at a place."""

from typing import TYPE_CHECKING

from temjax.lazy import export as _export

if TYPE_CHECKING:
    from calibration.fit import FitError, FitResult, fit
    from calibration.fitted_sets import fitted_set_names, fitted_set_path
    from calibration.joint import JointObjective
    from calibration.objective import DESCENT, Objective
    from calibration.targets import ErrorModel, stock_target
    from calibration.transforms import Free
    from calibration.tunables import DEFAULT, DISEQUILIBRIUM, TABLE_S2, THERMAL

_export(
    __name__,
    {
        "fit": ("FitError", "FitResult", "fit"),
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
