"""Fit of one candidate: from one base set, with the pooling strength where that is to be found."""

from pathlib import Path

from temjax import Run
from temjax.calibration.base_sets import Candidate
from temjax.calibration.checkpoint import CHECKPOINT
from temjax.calibration.hierarchy import TypeRequest
from temjax.calibration.multistart import FitResult, Progress, fit
from temjax.calibration.pooling_strength import fit_strength
from temjax.calibration.progress import ShowProgress
from temjax.calibration.scores import centre_run


def fit_candidate(
    candidate: Candidate,
    out: Path | None,
    mark: str,
    *,
    resume: bool,
    show: ShowProgress,
    residual_scale: bool,
    of_type: TypeRequest | None,
    **options,
) -> tuple[FitResult, list[Run]]:
    """Fit from one base set with the stated errors, and runs at its prior's centre.

    Args:
        candidate: what to fit.
        out: folder of the checkpoint.
        mark: added to the name of its file, empty where one set is fitted.
        resume: continue from the checkpoint; else it is replaced.
        show: progress.
        residual_scale: of the evidence of a pooling strength.
        of_type: type of the sites.
        options: of ``fit``.
    """
    of_base = f" from {candidate.base}" if mark else ""
    show(f"runs at the prior's centre{of_base}", 0, 1)
    prior_runs = [
        centre_run(*pair)
        for pair in zip(candidate.sites, candidate.objective.site_parts, strict=True)
    ]
    show(f"runs at the prior's centre{of_base}", 1, 1)
    checkpoint = None if out is None else out / CHECKPOINT.replace(".npz", f"{mark}.npz")
    if checkpoint is not None and not resume:
        later = (f"{checkpoint.stem}-round-*.npz", "checkpoint-left-out-*.npz")
        for old in (checkpoint, *(path for of in later for path in checkpoint.parent.glob(of))):
            old.unlink(missing_ok=True)
    title = f"fit {', '.join(site.name for site in candidate.sites)}{of_base}"
    steps = options["steps"]
    show(title, 0, steps, "compiling")

    def steps_of(task: str) -> Progress:
        def show_step(step: int, loss: float, running: int) -> None:
            show(task, step + 1, steps, f"loss {loss:.2f}, {running} starts running")

        return show_step

    result = fit(candidate.objective, checkpoint=checkpoint, progress=steps_of(title), **options)
    if of_type is not None and of_type.strength is None:
        result = fit_strength(
            result, steps=steps, residual_scale=residual_scale, checkpoint=checkpoint,
            tolerance=options["tolerance"],
            progress=lambda number, strength: steps_of(
                f"{title}, pooling {strength:.2g} (round {number})"
            ),
        )  # fmt: skip
    return result, prior_runs
