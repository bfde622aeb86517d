"""Calibration of the model to observations of sites.

``calibrate`` does it in one call; ``Objective``, ``fit`` and the modules of the package are its
parts.
"""

from typing import TYPE_CHECKING

from temjax.runtime.lazy import lazy_names as _lazy_names

if TYPE_CHECKING:
    from temjax.calibration.checkpoint import FitError
    from temjax.calibration.communities.fit import CommunityFit, calibrate_community
    from temjax.calibration.communities.targets_file import community_names, open_community
    from temjax.calibration.fitted_sets import fitted_set_names, fitted_set_path
    from temjax.calibration.joint import JointObjective
    from temjax.calibration.multistart import FitResult, fit
    from temjax.calibration.objective import DESCENT, Objective
    from temjax.calibration.result import Calibration
    from temjax.calibration.run import calibrate
    from temjax.calibration.targets import ErrorModel, stock_target
    from temjax.calibration.transforms import FreeParameters
    from temjax.calibration.tunables import DEFAULT, DISEQUILIBRIUM, TABLE_S2, THERMAL

__getattr__, __dir__ = _lazy_names(
    __name__,
    {
        "checkpoint": ("FitError",),
        "communities.fit": ("CommunityFit", "calibrate_community"),
        "communities.targets_file": ("community_names", "open_community"),
        "fitted_sets": ("fitted_set_names", "fitted_set_path"),
        "joint": ("JointObjective",),
        "multistart": ("FitResult", "fit"),
        "objective": ("DESCENT", "Objective"),
        "result": ("Calibration",),
        "run": ("calibrate",),
        "targets": ("ErrorModel", "stock_target"),
        "transforms": ("FreeParameters",),
        "tunables": ("DEFAULT", "DISEQUILIBRIUM", "TABLE_S2", "THERMAL"),
    },
)

__all__ = [
    "DEFAULT",
    "DESCENT",
    "DISEQUILIBRIUM",
    "TABLE_S2",
    "THERMAL",
    "Calibration",
    "CommunityFit",
    "ErrorModel",
    "FitError",
    "FitResult",
    "FreeParameters",
    "JointObjective",
    "Objective",
    "calibrate",
    "calibrate_community",
    "community_names",
    "fit",
    "fitted_set_names",
    "fitted_set_path",
    "open_community",
    "stock_target",
]
