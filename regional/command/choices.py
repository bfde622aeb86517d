"""What the commands of a region make of their options."""

from pathlib import Path

from temjax.command.main import split_names
from temjax.files.findings import DataError, Finding
from temjax.regional.experiment.experiment import Experiment, read_experiment


def names(text: str | None) -> list[str] | None:
    """Comma-separated names; None where nothing is given."""
    return None if text is None else list(split_names(text, ()))


def selected(
    experiment: Path,
    members: str | None,
    scenarios: str | None,
    cells: str | None,
    data: Path | None = None,
) -> Experiment:
    """An experiment file, restricted to what ``--members``, ``--scenarios``, ``--cells`` name.

    Args:
        data: ``--data``, the folder of the input in place of the file's.
    """
    chosen = read_experiment(experiment).with_data(data)
    return chosen.select(names(members), names(scenarios), parse_box(cells))


def parse_box(text: str | None) -> tuple[float, float, float, float] | None:
    """``bbox:west,south,east,north`` as numbers; None where nothing is given.

    Raises:
        DataError: anything else.
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
