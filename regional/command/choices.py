"""Experiments from the options of the commands of a region."""

from pathlib import Path

import typer
from rich.console import Console

from temjax.files.findings import DataError, Finding
from temjax.files.names import split_names
from temjax.regional.experiment.experiment import Experiment, read_experiment
from temjax.regional.run.provenance import read_draw_record, read_record


def names(text: str | None) -> list[str] | None:
    """Split comma-separated names; None without any."""
    return None if text is None else list(split_names(text, ()))


def select_experiment(
    experiment: Path,
    members: str | None,
    scenarios: str | None,
    cells: str | None,
    data: Path | None = None,
) -> Experiment:
    """Read an experiment file, restricted by ``--members``, ``--scenarios`` and ``--cells``.

    Args:
        data: ``--data``, the folder of the input in place of the file's.
    """
    settings = read_experiment(experiment).with_data(data)
    return settings.select(names(members), names(scenarios), parse_box(cells))


def repeated_experiment(
    folder: Path, out: Path, choices: tuple, data: Path | None, console: Console
) -> Experiment:
    """Read the experiment of a run folder; prints what differs from the run (versions, device)."""
    if any(choice is not None for choice in choices):
        message = (
            "--from repeats the run as it was, without --members, --scenarios, --cells or "
            "--tile-cells"
        )
        raise typer.BadParameter(message)
    if out.resolve() == folder.resolve():
        raise typer.BadParameter("give a folder that is not the repeated run's", param_hint="--out")
    settings, notes = read_record(folder, data)
    for note in notes:
        console.print(f"differs, last bits may too: {note}", style="yellow", markup=False)
    return settings


def choose_draws(
    choices: tuple, repeat: Path | None, experiment: Experiment, console: Console
) -> tuple[int, dict]:
    """Number of draws and how they are made: as chosen, else as in the repeated run, else none.

    Args:
        choices: ``--draws``, ``--seed`` and ``--unfitted``; ``None`` where not given.
        repeat: folder of the repeated run.
        experiment: of the run; draws of another configuration in the folder are no part of it.
        console: for what is taken from the repeated run or left.

    Returns:
        The number, and ``seed``, ``unfitted`` and ``repeated`` of ``run_parameter_draws``.
    """
    record = read_draw_record(repeat) if repeat is not None else None
    if record is not None and record.configuration_hash != experiment.hash:
        text = f"note: the draws in {repeat} are of another configuration and are not repeated"
        console.print(text, markup=False, soft_wrap=True)
        record = None
    defaults = (0, 1, "prior")
    if record is not None:
        defaults = record.draws, record.seed, record.unfitted
    draws, seed, unfitted = (
        default if choice is None else choice
        for choice, default in zip(choices, defaults, strict=True)
    )
    if record is not None:
        text = f"draws of {repeat}: {record.draws}, seed {record.seed}, unfitted {record.unfitted}"
        if (draws, seed, unfitted) != defaults:
            text += f"; here {draws}, seed {seed}, unfitted {unfitted}"
        console.print(text, markup=False, soft_wrap=True)
    same_sources = record is not None and record.unfitted == unfitted
    repeated = record if same_sources else None
    return draws, {"seed": seed, "unfitted": unfitted, "repeated": repeated}


def parse_box(text: str | None) -> tuple[float, float, float, float] | None:
    """Parse ``bbox:west,south,east,north``; None without a text.

    Raises:
        DataError: any other text.
    """
    if text is None:
        return None
    try:
        kind, _, numbers = text.partition(":")
        west, south, east, north = (float(number) for number in numbers.split(","))
        if kind != "bbox":
            raise ValueError(kind)
    except ValueError as error:
        mend = "Give bbox:west,south,east,north, for example bbox:90,33,94,36."
        raise DataError(
            [Finding("--cells", "", "", f"{text!r} is not understood", mend)]
        ) from error
    return west, south, east, north
