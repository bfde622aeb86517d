"""Export of a finished run in the files of a model intercomparison."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import track

from temjax.files.atomic import exclusive_folder, write_text
from temjax.files.findings import Finding, nearest, raise_findings
from temjax.regional.exports.planning import Naming, Plan, Planner
from temjax.regional.exports.projects import PROJECTS, ProjectName, ilamb_source
from temjax.regional.exports.writing import write_job
from temjax.regional.results.read_back import StoredMember, read_run

MODEL_DATABASE = "ilamb3_models.csv"


def export_run(
    folder: Path,
    out: Path,
    project: ProjectName,
    console: Console,
    *,
    naming: Naming | None = None,
    members: Sequence[str] | None = None,
    scenarios: Sequence[str] | None = None,
    climate: bool = False,
    data: Path | None = None,
    force: bool = False,
) -> Plan:
    """Export the members of a run folder and print what was chosen and left out.

    Args:
        folder: the ``--out`` of a finished ``temjax project``.
        out: made if absent.
        project: whose conventions hold.
        console: for progress and notes.
        naming: names in the files.
        members, scenarios: to export; None for all.
        climate: whether the forcing is read again for the project's climate variables.
        data: folder of the forcing, if that was moved.
        force: whether files of the same name are replaced.

    Raises:
        DataError: no finished run, unknown members, files that exist, two files of one name.
        OSError: a file cannot be written.
    """
    stored = _selected(read_run(folder), folder, members, scenarios)
    planner = Planner(
        folder, out, PROJECTS[project], naming or Naming(), climate=climate, data=data
    )
    plan = planner.plan(stored)
    raise_findings(_name_findings(plan, out, force))
    for note in plan.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    with exclusive_folder(out):
        for job in track(plan.jobs, PROJECTS[project].title, console=console, transient=True):
            write_job(job)
        if project == "ilamb":
            write_text(out / MODEL_DATABASE, model_database(plan))
    console.print(f"{len(plan.jobs)} files in {out}", soft_wrap=True, markup=False)
    return plan


def model_database(plan: Plan) -> str:
    """Table (CSV) of the files as ``ilamb run --model-db`` reads it."""
    rows = [
        {
            "source_id": ilamb_source(label),
            "grid_label": "gn",
            "variable_id": label.variable,
            "path": str(job.path.resolve()),
        }
        for job, label in zip(plan.jobs, plan.labels, strict=True)
    ]
    return pd.DataFrame(rows).to_csv(index=False)


def _selected(
    stored: list[StoredMember],
    folder: Path,
    members: Sequence[str] | None,
    scenarios: Sequence[str] | None,
) -> list[StoredMember]:
    """Members to export.

    Raises:
        DataError: names that the run has not.
    """
    findings = []
    for option, wanted, kind in (
        ("--members", members, "member"),
        ("--scenarios", scenarios, "scenario"),
    ):
        known = {getattr(member, kind) for member in stored}
        findings += [
            Finding(option, name, "", f"{folder} has no such {kind}", nearest(name, known))
            for name in wanted or ()
            if name not in known
        ]
    raise_findings(findings)
    return [
        member
        for member in stored
        if (members is None or member.member in members)
        and (scenarios is None or member.scenario in scenarios)
    ]


def _name_findings(plan: Plan, out: Path, force: bool) -> list[Finding]:
    """Findings of files that exist, and of names that two files would have."""
    counts = Counter(job.path.name for job in plan.jobs)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        message = f"{len(twice)} names would be those of several files, the first {twice[0]}"
        mend = "Export one member at a time with --members and --scenarios, or leave the names."
        return [Finding("--gcm, --experiment", "", "", message, mend)]
    there = sorted(name for name in counts if (out / name).exists())
    if there and not force:
        message = f"{len(there)} of {len(counts)} files exist, the first {there[0]}"
        mend = "Give --force to replace them, or another --out."
        return [Finding(str(out), "", "", message, mend)]
    return []
