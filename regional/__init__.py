"""Projections of a region with (S_T) and without (S_R) thaw exposure, from files or datasets."""

from typing import TYPE_CHECKING

from temjax.runtime.lazy import lazy_names as _lazy_names

if TYPE_CHECKING:
    from temjax.regional.experiment.experiment import Experiment, read_experiment
    from temjax.regional.projection import Projection, project, read_projection

__getattr__, __dir__ = _lazy_names(
    __name__,
    {
        "experiment.experiment": ("Experiment", "read_experiment"),
        "projection": ("Projection", "project", "read_projection"),
    },
)

__all__ = ["Experiment", "Projection", "project", "read_experiment", "read_projection"]
