"""Files of a member in the form of its project, found by their names; what is missing is told."""

from pathlib import Path

from temjax.files.findings import nearest
from temjax.regional.climate.projects import PROJECTS, FileName, Project, parse_name, project_of
from temjax.regional.climate.reader import ClimateReader
from temjax.regional.experiment.settings import ProjectClimate

ERA5 = PROJECTS["era5-land"]  # told by content: the names are anyone's
Parts = dict[str, list[Path]]  # scenario → files


def member_files(
    reader: ClimateReader,
    settings: ProjectClimate,
    member: str,
    scenario: str,
    *,
    named: bool = False,
) -> dict[str, Parts]:
    """Find the files of each driver of a member, by the scenarios that follow each other.

    Files that are missing, and realisations between which nothing chooses, are findings.

    Args:
        named: whether names must begin with the member's also where a project's names have no
            model; otherwise it is any word, unless files begin with it.
    """
    project = PROJECTS[settings.kind]
    files_of_project = _named_files(reader, project)
    if reader.findings:
        return {}
    parts = {
        part: _of_member(reader, project, files_of_project, member, part, named)
        for part in project.parts(settings.history, scenario)
    }
    found: dict[str, Parts] = {variable.kind: {} for variable in project.variables}
    if reader.findings:
        return found
    variant = _variant(reader, parts, member)
    for part, files in parts.items():
        for variable in project.variables:
            paths = [
                file.path
                for file in files
                if variable.name in file.variables and file.variant == variant
            ]
            if not paths and variant is not None:
                reader.add_finding(
                    str(reader.folder), variable.name,
                    f"no files of {member} {part}{f' {variant}' if variant else ''}",
                    f"Name them like {project.example}.",
                )  # fmt: skip
            found[variable.kind][part] = paths
    return found


def co2_texts(settings: ProjectClimate, member: str, scenario: str) -> list[Path]:
    """Text files of annual CO2 of a scenario, or of all where the project's names have none."""
    for name in PROJECTS[settings.kind].co2_names(member, scenario):
        found = [p for p in sorted(settings.folder.rglob("*")) if _matches(p, name.casefold())]
        if found:
            return found
    return []


def _matches(path: Path, pattern: str) -> bool:
    return Path(path.name.casefold()).match(pattern) and path.is_file()


def _named_files(reader: ClimateReader, project: Project) -> list[FileName]:
    """All files of a folder in the form of a project; without any, the form that they have."""
    if reader.findings:
        return []
    paths = [path for path in sorted(reader.folder.rglob("*.nc*")) if path.is_file()]
    named = [name for path in paths if (name := parse_name(project, path)) is not None]
    if "variable" not in project.pattern.groupindex:
        named = _by_content(reader, project, named)
    if named or reader.findings:
        return named
    other = project_of(path.name for path in paths)
    if other is None and project is not ERA5:
        first = [name for path in paths[:1] if (name := parse_name(ERA5, path)) is not None]
        other = (ERA5, len(paths)) if _by_content(reader, ERA5, first) else None
    packed = [path for path in paths if parse_name(project, path.with_suffix("")) is not None]
    if other is not None and other[0] is not project:
        message = f"these are {other[0].title} files ({other[1]} of {len(paths)} files)"
        mend = f'Write kind = "{other[0].kind}".'
    elif packed:
        message, mend = f"{packed[0].name} is compressed", "Unpack it (gunzip)."
    else:
        message = f"holds no {project.title} file"
        mend = f'Names are like this: {project.example}. For other names choose kind = "netcdf".'
    reader.add_finding(str(reader.folder), "climate.kind", message, mend)
    return []


def _by_content(reader: ClimateReader, project: Project, named: list[FileName]) -> list[FileName]:
    """Files that hold a driver, with those that they hold."""
    found = []
    for file in named:
        if project_of([file.path.name]) is not None:
            continue  # names of another project
        dataset = reader.open_path(file.path)
        if dataset is None:
            continue
        with dataset:
            held = tuple(name for name in file.variables if name in dataset.data_vars)
        if held:
            found.append(FileName(file.path, held, "", "", ""))
    return found


def _of_member(
    reader: ClimateReader,
    project: Project,
    named: list[FileName],
    member: str,
    part: str,
    strict: bool,
) -> list[FileName]:
    """Files of a member and scenario; a member may carry its realisation behind an underscore.

    Where names have no model, the member is the beginning of the realisation; where that is none,
    and not ``strict``, all files are the member's.
    """
    groups = project.pattern.groupindex
    wanted = member.casefold()

    def begins(file: FileName) -> bool:
        whole = "_".join(filter(None, (file.model, file.variant))).casefold()
        return whole == wanted or whole.startswith((f"{wanted}_", f"{wanted}."))

    any_begins = strict or any(begins(file) for file in named)

    def is_member(file: FileName) -> bool:
        if "model" not in groups:
            return begins(file) or not any_begins
        return file.model.casefold() == wanted or begins(file)

    def is_part(file: FileName) -> bool:
        return "scenario" not in groups or file.scenario.casefold() == part.casefold()

    chosen = [file for file in named if is_member(file) and is_part(file)]
    if not chosen:
        has_scenario = "scenario" in groups
        known = sorted(
            {f"{file.model} {file.scenario}" if has_scenario else file.variant for file in named}
        )
        wanted = f"{member} {part}" if has_scenario else member
        reader.add_finding(
            str(reader.folder), "climate", f"no files of {wanted}", nearest(wanted, known)
        )
    return chosen


def _variant(reader: ClimateReader, parts: dict[str, list[FileName]], member: str) -> str | None:
    """The realisation that all parts have; several of them are a finding."""
    variants = {part: {file.variant for file in files} for part, files in parts.items()}
    common = sorted(set.intersection(*variants.values()))
    every = sorted(set.union(*variants.values()))
    if len(common) == 1:
        if len(every) > 1:
            text = f"{common[0]} of {', '.join(every)} taken: all parts have it"
            reader.add_note(str(reader.folder), member, text)
        return common[0]
    model = next(iter(parts.values()))[0].model
    one = "_".join(filter(None, (model, (common or every)[0])))
    mend = f'Name one, for example members = ["{one}"].'
    message = f"{len(every)} realisations of {member}: {', '.join(every)}"
    if not common:
        message += "; none has files of every part"
    reader.add_finding(str(reader.folder), "climate.members", message, mend)
    return None
