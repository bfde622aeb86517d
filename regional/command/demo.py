"""Last stage of ``temjax demo``: the synthetic plateau with and without thaw exposure."""

from importlib.resources import as_file, files
from pathlib import Path

from rich.console import Console

from temjax.regional.command.project import summary_table
from temjax.regional.experiment.experiment import Experiment, read_experiment
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.report.member import finish_member
from temjax.regional.results.effect import Row
from temjax.regional.run.members import project

EXPERIMENT = "qtp-synthetic-demo.toml"
FITTED_TYPE = "alpine-meadow"
_SHOWN = ("thaw depth", "active layer", "SOC_PF", "ΔSOC", "ΣΔNPP", "ΣΔRH", "ΣΔNEP", "decomposed")


def stage(out: Path, console: Console, context: dict) -> list[tuple[str, str]]:
    """Project 44 synthetic cells to 2099; meadow cells take fitted parameters if there are any."""
    with as_file(files("temjax.regional") / "experiments" / EXPERIMENT) as path:
        experiment = read_experiment(path)
    parameters = "first guess"
    if context.get("fitted"):
        fitted = Path(context["fitted"])
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


def with_parameters(experiment: Experiment, path: Path) -> Experiment:
    """The experiment with a parameter file for the fitted type; the ground surface stays."""
    parameters = experiment.parameters | {FITTED_TYPE: path}
    return experiment.model_copy(update={"parameters": parameters, "keep_ground_surface": True})


def _chosen(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.name.startswith(_SHOWN)]
