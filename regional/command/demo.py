"""Regional stage of ``temjax demo``: the synthetic plateau with and without thaw exposure."""

from importlib.resources import as_file, files
from pathlib import Path

from rich.console import Console

from temjax.regional.experiment.experiment import Experiment, read_experiment
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.report.member import write_member_output
from temjax.regional.report.pipeline import summary_table
from temjax.regional.results.effect import STILL_ROW, SummaryRow
from temjax.regional.run.members import run_experiment
from temjax.runtime.terminal import print_table

EXPERIMENT = "qtp-synthetic-demo.toml"
FITTED_TYPE = "alpine-meadow"
_SHOWN = (
    "thaw depth",
    "active layer",
    "SOC_PF",
    "ΔSOC",
    "ΣΔNPP",
    "ΣΔRH",
    "ΣΔNEP",
    "decomposed",
    STILL_ROW,
)


def stage(out: Path, console: Console, context: dict) -> list[tuple[str, str]]:
    """Project 44 synthetic cells to 2099; meadow cells take fitted parameters if there are any."""
    with as_file(files("temjax.regional") / "experiments" / EXPERIMENT) as path:
        experiment = read_experiment(path)
    parameters = "first guess"
    if context.get("fitted"):
        fitted = Path(context["fitted"])
        experiment = with_fitted_meadow(experiment, fitted)
        parameters = f"meadow fitted ({fitted.name}), other types first guess"
    console.print(f"{experiment.title}: domain and climate are {LABEL}, not a projection")
    (result,) = run_experiment(experiment, out, console=console)
    rows, paths = write_member_output(experiment, result, out)
    print_table(console, summary_table(experiment.title, rows))
    speed = result.cell_years / result.seconds
    return [
        ("projected", f"{LABEL} plateau, {result.domain.size} cells, parameters: {parameters}"),
        (
            "cell-years",
            f"{result.cell_years:,} in {result.seconds:.0f} s with compilation "
            f"({speed:,.0f} per second)",
        ),
        *((row.name, str(row)) for row in _highlights(rows)),
        ("figures", ", ".join(path.name for path in paths if path.suffix == ".png")),
    ]


stage.order = 30


def with_fitted_meadow(experiment: Experiment, path: Path) -> Experiment:
    """The experiment with a parameter file for the fitted type and the bundled ground surface."""
    experiment = experiment.with_parameters({FITTED_TYPE: path})
    return experiment.model_copy(update={"keep_ground_surface": True})


def _highlights(rows: list[SummaryRow]) -> list[SummaryRow]:
    return [row for row in rows if row.name.startswith(_SHOWN)]
