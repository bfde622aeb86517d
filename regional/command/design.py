"""``temjax design``: which measurements shrink the uncertainty of a region most."""

from pathlib import Path
from typing import Annotated

import typer

from temjax.command.main import console, few_cells_command
from temjax.regional.command.options import Data, Members, Scenarios, UnfittedTypes


@few_cells_command
def design_command(
    folder: Annotated[Path, typer.Argument(help="The --out folder of a finished project.")],
    candidates: Annotated[
        Path | None, typer.Option(help="File of the measurements to choose from.")
    ] = None,
    write_candidates: Annotated[
        Path | None, typer.Option(help="Write a commented list of candidates, and stop.")
    ] = None,
    of: Annotated[
        str, typer.Option(help="Targets: nep (ΣΔNEP), soc_pf, soc_net, nep_s_t, npp, alt.")
    ] = "nep,soc_pf",
    best: Annotated[int, typer.Option(min=1, help="Measurements to choose.")] = 5,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.", show_default="the run's")
    ] = None,
    members: Members = None,
    scenarios: Scenarios = None,
    data: Data = None,
    unfitted: UnfittedTypes = "prior",
) -> None:
    """Which measurements would shrink the uncertainty of regional totals most.

    The folder needs the derivatives of temjax region-sensitivity; the error names the command.

    Examples: temjax design runs/a --write-candidates candidates.toml; temjax design runs/a
    --candidates candidates.toml --of nep,soc_pf --best 5
    """
    from temjax.files.atomic import write_text
    from temjax.files.findings import DataError, Finding
    from temjax.files.names import split_names
    from temjax.regional.command.choices import select_experiment
    from temjax.regional.command.studies import show_table
    from temjax.regional.inputs.domain import load_domain
    from temjax.regional.report.design import tables
    from temjax.regional.run.provenance import EXPERIMENT, INPUTS
    from temjax.regional.studies.design.default_candidates import candidates_text
    from temjax.regional.studies.design.figure import write_figure
    from temjax.regional.studies.design.files import read_design, write_design
    from temjax.regional.studies.design.run import design
    from temjax.regional.studies.design.targets import target_outputs

    if (candidates is None) == (write_candidates is None):
        raise typer.BadParameter("give --candidates FILE, or --write-candidates FILE")
    path = folder / INPUTS / EXPERIMENT
    if not path.is_file():
        message = f"is no run: it holds no {INPUTS}/{EXPERIMENT}"
        mend = "Give the folder of a finished temjax project."
        raise DataError([Finding(str(folder), "", "", message, mend)])
    experiment = select_experiment(path, members, scenarios, None, data)
    if write_candidates is not None:
        types = sorted(set(load_domain(experiment).vegetation) - {""})
        write_text(write_candidates, candidates_text(types))
        console.print(str(write_candidates), soft_wrap=True, markup=False)
        return
    chosen = experiment.members if members is not None or scenarios is not None else None
    outputs = target_outputs(split_names(of))
    target = folder if out is None else out
    target.mkdir(parents=True, exist_ok=True)
    result = design(
        folder, experiment, candidates, outputs, best, console, members=chosen, unfitted=unfitted
    )
    for note in result.notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    paths = write_design(result, candidates, target)
    stored = read_design(target)
    paths += write_figure(result, stored.attributes["title"], target)
    for content in tables(stored):
        show_table(console, content)
    for written in paths:
        console.print(str(written), soft_wrap=True, markup=False)
