"""Report of a region: one self-contained HTML page from the files of a finished run."""

import base64
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import jinja2
import numpy as np

from temjax.files.atomic import write_text
from temjax.regional.diagnostics import state_tables, tables
from temjax.regional.diagnostics.claims import check_claims
from temjax.regional.diagnostics.comparison import Comparison, comparison_of
from temjax.regional.diagnostics.drawn import MemberDraws, read_draws
from temjax.regional.diagnostics.members import bars, draws_text, scenarios, shade
from temjax.regional.diagnostics.naming import scenario_name
from temjax.regional.diagnostics.paper import DOI
from temjax.regional.diagnostics.totals import REGION, MemberTotals, member_totals
from temjax.regional.diagnostics.words import summary_words
from temjax.regional.figures import maps, paper_figures
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.report import drawn_section, observations
from temjax.regional.report.design import design_section
from temjax.regional.report.feedbacks import feedback_sections
from temjax.regional.report.linear_table import linear_tables
from temjax.regional.report.sections import Picture, Section, picture
from temjax.regional.report.variance import variance_parts
from temjax.regional.results.read_back import read_run
from temjax.regional.studies import attribution_report
from temjax.sites.page import page_style
from temjax.sites.thaw_points import read_thaw_points

PAGE = "report.html"
RUN_RECORD = "run.json"  # computing time, memory and device of the run
MAXIMUM_CELLS = 200  # rows of the table of cells that are not ok
_SHOWN_ATTRIBUTES = (
    "source", "configuration_hash", "parameter_hashes", "climate_sources", "forcing_seam",
    "equilibrium", "spin_up", "branch_year", "first_exposure_year", "active_layer_rule",
    "branch_baseline", "root_zone_nitrogen", "freezing_cutoff", "model_options",
)  # fmt: skip
_REFERENCES = ("references",)  # of the paper, shown where its numbers are


def write_report(
    folder: Path, *, thaw_points: Path | None = None, compare: list[Path] | None = None
) -> Path:
    """Write ``report.html`` into a folder of results.

    Args:
        folder: the ``--out`` folder of ``temjax project``.
        thaw_points: table of observed active layers (``sites.thaw_points``).
        compare: folders of further runs (other ALT or root-zone rules) for comparison.

    Beside it, for runs of ``one_percent``, ``feedbacks.FILES``.

    Raises:
        DataError: no results, or incomplete ones.
        OSError: a file cannot be written.
    """
    members = [member_totals(stored) for stored in read_run(folder)]
    others = {
        str(path): [member_totals(stored) for stored in read_run(path)] for path in compare or []
    }
    drawn, left_out = read_draws(folder, members)
    attributes = members[0].stored.attributes
    comparison = comparison_of(members)
    synthetic = any(LABEL in m.stored.attributes["title"] for m in members)
    template = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(
        (files("temjax.regional") / "templates" / PAGE).read_text(encoding="utf-8")
    )
    cells = _cells(members)
    html = template.render(
        style=page_style(),
        title=attributes["title"],
        synthetic=synthetic,
        intro=_intro(members, attributes, drawn),
        comparison=comparison,
        doi=DOI,
        words=summary_words(members, comparison),
        claims=check_claims(members, comparison),
        sections=[
            _tables_section(members, comparison, drawn),
            *feedback_sections(folder, members, attributes, synthetic),
            *_rules_sections(members, others),
            *drawn_section.drawn_sections(members, drawn, left_out, synthetic),
            _present_section(members, comparison, drawn, thaw_points, synthetic),
            _effect_section(members, comparison, drawn, synthetic),
            *_extra_sections(folder, synthetic, drawn, attributes["configuration_hash"]),
        ],
        cells=cells[:MAXIMUM_CELLS],
        cells_text=_cells_text(members, cells),
        made=_provenance_rows(folder, attributes, comparison),
    )
    path = folder / PAGE
    write_text(path, html)
    return path


def _intro(members: list[MemberTotals], attributes: dict, drawn: list[MemberDraws]) -> str:
    region = members[0].groups[REGION]
    models = sorted({member.member for member in members})
    names = [scenario_name(scenario) for scenario in scenarios(members)]
    cells = members[0].stored.domain.size
    return (
        f"{cells} cell{'s' * (cells != 1)}, {region.area:,.4g} km²; "
        f"climate model{'s' * (len(models) > 1)} {', '.join(models)}; "
        f"scenario{'s' * (len(names) > 1)} {', '.join(names)}. S_T has thaw "
        "exposure, S_R has none after the branch year; both start from one state. "
        f"Active layer rule '{attributes['active_layer_rule']}', root-zone nitrogen "
        f"'{attributes['root_zone_nitrogen']}'."
        + (f" Numbers in brackets: 5 and 95 % of {draws_text(drawn)}." if drawn else "")
    )


def _tables_section(
    members: list[MemberTotals], comparison: Comparison, drawn: list[MemberDraws]
) -> Section:
    section = Section("Tables of the paper" if comparison.place else "Tables")
    section.tables = [
        tables.flux_table(members, comparison, drawn),
        tables.balance_table(members, comparison, drawn),
        tables.type_table(members, comparison, drawn),
    ]
    if comparison.place:
        return section
    if members[0].bands:
        section.tables.append(state_tables.band_table(members, drawn))
    else:
        section.texts.append("The region lies within a degree of latitude: no table by bands.")
    return section


def _rules_sections(
    members: list[MemberTotals], others: dict[str, list[MemberTotals]]
) -> list[Section]:
    """The section of runs under other rules, if there are any."""
    table = state_tables.rules_table(members, others)
    return [Section("Other rules", tables=[table])] if others else []


def _present_section(
    members: list[MemberTotals],
    comparison: Comparison,
    drawn: list[MemberDraws],
    thaw_points: Path | None,
    synthetic: bool,
) -> Section:
    section = Section("Present state and observations")
    section.tables = [state_tables.present_state(members, comparison, drawn)]
    if comparison.place:
        section.tables.append(observations.soil_table(members))
    points, simulated = [], np.empty(0)
    if thaw_points is not None:
        points, notes = read_thaw_points(thaw_points)
        section.texts += [f"{thaw_points.name}: {note}." for note in notes]
        simulated = observations.simulated_thaw(members, points)
        section.tables.append(observations.thaw_table(points, simulated))
    else:
        section.texts.append("No table of observed active layers was given (--thaw-points).")
    vegetation = maps.vegetation_map(members[0].stored.domain)
    title = "Figure 1b." if comparison.place else "Vegetation."
    section.pictures = [picture(title, "Vegetation types.", vegetation, synthetic)]
    if comparison.place or points:
        figure = observations.validation_figure(members, points, simulated, stocks=comparison.place)
        title, what = "Observations.", "Active layer"
        if comparison.place:
            title, what = "Figure 2 g–i.", "Active layer, soil carbon and nitrogen"
        section.pictures.append(picture(title, f"{what} beside observations.", figure, synthetic))
    return section


def _effect_section(
    members: list[MemberTotals],
    comparison: Comparison,
    drawn: list[MemberDraws],
    synthetic: bool,
) -> Section:
    lines, whiskers = shade(members, drawn), bars(members, drawn)
    types = tables.vegetation_types(members, comparison)
    types = types[: 2 if comparison.place else paper_figures.MOST_TYPES]
    several = len({member.member for member in members}) > 1
    mean = ", mean over climate models" if several else ""
    which = "Meadow and steppe" if comparison.place else f"Vegetation: {', '.join(types)}"
    figures = (
        ("At a glance.", "At a glance.",
         f"Carbon that thaw frees, and what plants make of it. {lines}",
         maps.at_a_glance, (drawn,)),
        ("Figure 3.", "Effect through time.", f"Δ = S_T − S_R, region. {lines}",
         paper_figures.delta_series, (drawn,)),
        ("Figure 4.", "Thaw.", f"Active layer and its share in the change of S_T. {lines}",
         paper_figures.active_layer, (drawn,)),
        ("Figure 5.", "Effect on the map.", f"Δ by the last year{mean}.", maps.delta_maps, ()),
        ("Active layer.", "Active layer.",
         "Means of the last decade of the history and of the run.", maps.thickness_maps, ()),
        ("Figure 6.", "Effect by vegetation.",
         f"{which}; δ is the change since the branch. {lines}",
         paper_figures.vegetation_series, (types, drawn)),
        ("Figure 7.", "Nitrogen.", f"Nitrogen of S_R (pale) and S_T{whiskers}.",
         paper_figures.nitrogen_runs, (drawn,)),
        ("Figure 8.", "Nitrogen by vegetation.",
         f"Δ of the nitrogen balance by vegetation type{whiskers}.",
         paper_figures.nitrogen_types, (types, drawn)),
        ("Figure S3.", "Fluxes.", f"Regional fluxes. {lines}", paper_figures.fluxes, (drawn,)),
        ("Figure S4.", "Climate.", f"Climate and CO2. {shade(members)}", paper_figures.climate, ()),
        ("Figure S5.", "Nitrogen limitation.", f"Limitation of growth by nitrogen. {lines}",
         paper_figures.nitrogen_limitation, (types, drawn)),
    )  # fmt: skip
    section = Section("What exposure does")
    section.pictures = [
        picture(of_paper if comparison.place else own, caption, draw(members, *arguments),
                 synthetic)
        for of_paper, own, caption, draw, arguments in figures
    ]  # fmt: skip
    return section


def _extra_sections(
    folder: Path, synthetic: bool, drawn: Sequence[MemberDraws] = (), configuration: str = ""
) -> list[Section]:
    """Sections of ``temjax attribute``, ``region-sensitivity``, ``variance`` and ``design``.

    Each where it was run.

    ``configuration`` is the hash of the run's, to tell studies of other cells or settings.
    """
    sections = []
    records = attribution_report.read_attributions(folder)
    if records:
        section = Section(
            "Drivers one at a time", tables=[attribution_report.drivers_table(records)]
        )
        figure = attribution_report.drivers_figure(records)
        several = len({record["member"] for record in records}) > 1
        spread = "Mean over climate models, shade ± 1 SD." if several else "One climate model."
        caption = f"Effect on the carbon balance. {spread}"
        section.pictures.append(picture("Drivers.", caption, figure, synthetic))
        sections.append(section)
    paths = sorted(folder.glob("sensitivity_*.png"))
    if paths:
        section = Section(
            "Sensitivity to parameters", tables=linear_tables(folder, drawn, configuration)
        )
        for path in paths:
            data = base64.b64encode(path.read_bytes()).decode("ascii")
            section.pictures.append(
                Picture("Sensitivity.", "Effect of a parameter 10 % higher.", data)
            )
        sections.append(section)
    if (parts := variance_parts(folder, configuration)) is not None:
        texts, shares, pictures = parts
        shown = [Picture(*part) for part in pictures]
        sections.append(Section("Whose uncertainty", texts, shares, shown))
    if (section := design_section(folder, configuration)) is not None:
        sections.append(section)
    return sections


def _as_text(value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {part}" for name, part in value.items())
    return str(value)


def _label(member: MemberTotals) -> str:
    return f"{member.member} {scenario_name(member.scenario)}"


def _cells(members: list[MemberTotals]) -> list[tuple[str, ...]]:
    return [
        (_label(member), cell, entry["status"], "; ".join(entry["reasons"]))
        for member in members
        for cell, entry in member.stored.cells.items()
    ]


def _cells_text(members: list[MemberTotals], cells: list[tuple[str, ...]]) -> str:
    if not cells:
        return "None: every cell ran, converged and is sound in every member."
    more = f" The first {MAXIMUM_CELLS} are shown; the CSV files hold all." if (
        len(cells) > MAXIMUM_CELLS
    ) else ""  # fmt: skip
    entries = f"{len(cells)} entr{'y' if len(cells) == 1 else 'ies'}"
    return f"{entries} over {len(members)} member run{'s' * (len(members) > 1)}.{more}"


def _provenance_rows(
    folder: Path, attributes: dict, comparison: Comparison
) -> list[tuple[str, str]]:
    """Names and values of the provenance table: attributes and how the run went."""
    shown = _SHOWN_ATTRIBUTES + (_REFERENCES if comparison.place else ())
    rows = [(name, str(attributes[name])) for name in shown if name in attributes]
    path = folder / RUN_RECORD
    if path.is_file():
        record = json.loads(path.read_text(encoding="utf-8"))
        rows += [
            (name.replace("_", " "), _as_text(record[name]))
            for name in ("seconds", "cell_years", "cell_years_per_second", "workers", "device",
                         "peak_memory_gb")
            if name in record
        ]  # fmt: skip
    return rows
