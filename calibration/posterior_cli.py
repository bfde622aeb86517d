"""``--profile`` and ``--nuts`` of ``temjax calibrate``."""

from rich.console import Console
from rich.progress import Progress

from temjax.calibration.fitting import FitResult
from temjax.calibration.joint import JointObjective
from temjax.calibration.nuts import CHAINS, Sampled, check_request, sample
from temjax.calibration.objective import Objective
from temjax.calibration.profile import Profile, profile, profile_rows
from temjax.calibration.tunables import expand_names
from temjax.calibration.uncertainty import Laplace
from temjax.command.main import split_names


def to_profile(objective: Objective | JointObjective, text: str | None) -> tuple[str, ...]:
    """Numbers to profile: our names, symbols, ``name@site`` of joint fits, or ``all``.

    Raises:
        ValueError: a number that is not fitted.
    """
    fitted = objective.free.names
    if text is not None and text.strip() == "all":
        return fitted
    chosen = []
    for given in split_names(text, ()):
        for name in (given,) if given in fitted else expand_names((given,)):
            if name not in fitted:
                raise ValueError(
                    f"--profile: {name!r} is not fitted; fitted are {', '.join(fitted)}"
                )
            chosen.append(name)
    return tuple(dict.fromkeys(chosen))


def check_draws(draws: int) -> None:
    """Refuse before the fit what would fail after it.

    Raises:
        ValueError: too few draws, or blackjax is missing.
    """
    if draws:
        try:
            check_request(CHAINS, draws)
        except (ImportError, ValueError) as error:
            raise ValueError(f"--nuts {draws}: {error}") from error


def run_profiles(
    result: FitResult,
    posterior: Laplace,
    names: tuple[str, ...],
    console: Console,
    progress: Progress,
) -> dict[str, Profile]:
    """Profiles with a bar, and their intervals in words."""
    if not names:
        return {}
    task = progress.add_task("profiles", total=1, loss="points")
    found = profile(
        result,
        posterior,
        names,
        progress=lambda done, total: progress.update(task, completed=done, total=total),
    )
    for row in profile_rows(found):
        low, high = ("open" if row[end] is None else f"{row[end]:.4g}" for end in ("low", "high"))
        console.print(f"profile of {row['name']}: 90 % {low} … {high}", markup=False)
    return found


def run_nuts(
    result: FitResult,
    posterior: Laplace,
    draws: int,
    seed: int,
    console: Console,
    progress: Progress,
) -> Sampled | None:
    """Draws of the posterior with a bar, and how far chains agree, in words."""
    if draws == 0:
        return None
    task = progress.add_task("draws of the posterior", total=draws, loss=f"{CHAINS} chains")
    drawn = sample(
        result,
        posterior,
        draws=draws,
        seed=seed,
        progress=lambda done, total: progress.update(task, completed=done, total=total),
    )
    console.print(
        f"draws: largest R-hat {drawn.r_hat.max():.2f}, least effective draws "
        f"{drawn.effective.min():.0f}, {drawn.divergent} divergent",
        markup=False,
    )
    return drawn
