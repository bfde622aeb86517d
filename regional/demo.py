"""Last stage of ``temjax demo``: the synthetic plateau with and without thaw exposure."""

from importlib.resources import as_file, files
from pathlib import Path

from rich.console import Console

from regional.analysis import Row
from regional.cli import summary_table
from regional.experiment import Experiment, read_experiment
from regional.report import finish_member
from regional.run import project
from regional.synthetic import LABEL
from temjax.parameter_files import (
    load_parameters,
    read_parameters,
    replace_parameters,
    write_parameters,
)

EXPERIMENT = "qtp-synthetic-demo.toml"
FITTED_TYPE = "alpine-meadow"
# the towers' own ground surface, which no other place shares
SITE_OWN = ("surface_shortwave_coefficient", "surface_resistance")
_SHOWN = ("thaw depth", "active layer", "SOC_PF", "ΔSOC", "ΣΔNPP", "ΣΔRH", "ΣΔNEP", "decomposed")


def stage(out: Path, console: Console, context: dict) -> list[tuple[str, str]]:
    """Project 44 synthetic cells to 2099; meadow cells take fitted parameters if there are any."""
    with as_file(files("regional") / "experiments" / EXPERIMENT) as path:
        experiment = read_experiment(path)
    parameters = "first guess"
    if context.get("fitted"):
        fitted = regional_parameters(Path(context["fitted"]), out)
        experiment = with_parameters(experiment, fitted)
        parameters = f"meadow fitted ({fitted.name}), other types first guess"
    console.print(f"{experiment.title}: domain and climate are {LABEL}, not a projection")
    (result,) = project(experiment, out, console=console)
    rows, paths = finish_member(experiment, result, out)
    console.print(summary_table(experiment.title, rows))
    speed = result.cell_years / result.seconds
    return [
        ("projected", f"{LABEL} plateau, {result.domain.size} cells, parameters: {parameters}"),
        (
            "cell-years",
            f"{result.cell_years:,} in {result.seconds:.0f} s with compilation "
            f"({speed:,.0f} per second)",
        ),
        *((row.name, str(row)) for row in _chosen(rows)),
        ("figures", ", ".join(path.name for path in paths if path.suffix == ".png")),
    ]


stage.order = 30


def regional_parameters(fitted: Path, out: Path) -> Path:
    """A fitted set without what belongs to the tower's ground surface alone, as a file in ``out``.

    The air-to-ground offset of the seasonally frozen towers thaws any permafrost (plateau.md A1);
    cells keep the offset of their vegetation type.
    """
    bundled = load_parameters(FITTED_TYPE)
    parameters = replace_parameters(
        read_parameters(fitted), **{name: getattr(bundled, name) for name in SITE_OWN}
    )
    path = out / f"{FITTED_TYPE}-regional.toml"
    write_parameters(
        parameters,
        path,
        name=f"{FITTED_TYPE}-regional",
        title=f"Fitted {FITTED_TYPE} for regional use",
        source=f"{fitted.name}, ground surface of the bundled {FITTED_TYPE} set",
    )
    return path


def with_parameters(experiment: Experiment, path: Path) -> Experiment:
    """The experiment with a parameter file for the fitted type."""
    return experiment.model_copy(update={"parameters": experiment.parameters | {FITTED_TYPE: path}})


def _chosen(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.name.startswith(_SHOWN)]
