"""Fitting the model to what was measured at a place."""

from calibration.fit import FitResult, fit
from calibration.objective import ErrorModel, Objective
from calibration.transforms import Free

__all__ = ["ErrorModel", "FitResult", "Free", "Objective", "fit"]
