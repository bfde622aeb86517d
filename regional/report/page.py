"""Report of a region: one self-contained HTML page from the files of a finished run."""

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import jinja2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from temjax.files.atomic import write_text
from temjax.regional.diagnostics import tables
from temjax.regional.diagnostics.claims import check_claims, summary_words
from temjax.regional.diagnostics.paper import DOI
from temjax.regional.diagnostics.tables import Table
from temjax.regional.diagnostics.totals import REGION, MemberTotals, member_totals
from temjax.regional.figures import maps, paper_figures
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.report import observations
from temjax.regional.results.read_back import read_run
from temjax.regional.studies import attribution_report
from temjax.sites.page import page_style

PAGE = "report.html"
RUN_RECORD = "run.json"  # computing time, memory and device of the run
MAXIMUM_CELLS = 200  # rows of the table of cells that are not ok
_DPI = 110
LABEL_INCHES = 0.18
_SHOWN_ATTRIBUTES = (
    "source", "configuration_hash", "parameter_hashes", "climate_sources", "forcing_seam",
    "equilibrium", "spin_up", "branch_year", "first_exposure_year", "active_layer_rule",
    "root_zone_nitrogen", "model_options", "references",
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """Figure as a PNG in base64, with title and caption."""

    title: str
    caption: str
    data: str


@dataclass
class Section:
    """Section of the page: texts, tables and pictures."""

    title: str
    texts: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)


def write_report(
    folder: Path, *, thaw_points: Path | None = None, compare: list[Path] | None = None
) -> Path:
    """Write ``report.html`` into a folder of results.

    Args:
        folder: the ``--out`` folder of ``temjax project``.
        thaw_points: table of observed active layers (``observations.read_thaw_points``).
        compare: folders of further runs (other ALT or root-zone rules) for comparison.

    Raises:
        DataError: no results, or incomplete ones.
    """
    members = [member_totals(stored) for stored in read_run(folder)]
    others = {
        str(path): [member_totals(stored) for stored in read_run(path)] for path in compare or []
    }
    attributes = members[0].stored.attributes
    synthetic = any(LABEL in m.stored.attributes["title"] for m in members)
    template = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(
        (files("temjax.regional") / "templates" / PAGE).read_text(encoding="utf-8")
    )
    cells = _cells(members)
    html = template.render(
        style=page_style(),
        title=attributes["title"],
        synthetic=synthetic,
        intro=_intro(members, attributes),
        words=summary_words(members, attributes["active_layer_rule"]),
        claims=check_claims(members),
        sections=[
            *_sections(members, others, thaw_points, synthetic),
            *_extra_sections(folder, synthetic),
        ],
        cells=cells[:MAXIMUM_CELLS],
        cells_text=_cells_text(members, cells),
        made=_provenance_rows(folder, attributes),
    )
    path = folder / PAGE
    write_text(path, html)
    return path


def _intro(members: list[MemberTotals], attributes: dict) -> str:
    region = members[0].groups[REGION]
    models = sorted({member.member for member in members})
    return (
        f"{members[0].stored.domain.size} cells, {region.area:,.0f} km²; climate models "
        f"{', '.join(models)}; scenarios {', '.join(tables.scenarios(members))}. S_T has thaw "
        "exposure, S_R has none after the branch year; both start from one state. Numbers of Liu "
        f"et al. 2022 (doi:{DOI}) stand beside ours; nothing was tuned to them. Active layer rule "
        f"'{attributes['active_layer_rule']}', root-zone nitrogen "
        f"'{attributes['root_zone_nitrogen']}'."
    )


def _sections(
    members: list[MemberTotals],
    others: dict[str, list[MemberTotals]],
    thaw_points: Path | None,
    synthetic: bool,
) -> list[Section]:
    def picture(title: str, caption: str, draw: Callable[..., Figure], *arguments) -> Picture:
        return _picture(title, caption, draw(*arguments), synthetic)

    exposure = Section("Tables of the paper")
    exposure.tables = [tables.table_1(members), tables.table_2(members), tables.table_3(members)]
    present = Section("Present state and observations")
    present.tables = [tables.present_state(members), observations.soil_table(members)]
    points, simulated = [], np.empty(0)
    if thaw_points is not None:
        points = observations.read_thaw_points(thaw_points)
        simulated = observations.simulated_thaw(members, points)
        present.tables.append(observations.thaw_table(points, simulated))
    else:
        present.texts.append("No table of observed active layers was given (--thaw-points).")
    present.pictures = [
        picture("Figure 1b.", "Vegetation types.", maps.vegetation_map, members[0].stored.domain),
        picture("Figure 2 g–i.", "Active layer, soil carbon and nitrogen beside observations.",
                observations.validation_figure, members, points, simulated),
    ]  # fmt: skip
    shade = "Mean over climate models, shade ± 1 SD."
    effect = Section("What exposure does")
    effect.pictures = [
        picture("At a glance.", f"Carbon that thaw frees, and what plants make of it. {shade}",
                maps.at_a_glance, members),
        picture("Figure 3.", f"Δ = S_T − S_R, region. {shade}", paper_figures.delta_series,
                members),
        picture("Figure 4.", f"Active layer and its share in the change of S_T. {shade}",
                paper_figures.active_layer, members),
        picture("Figure 5.", "Δ by the last year, mean over climate models.", maps.delta_maps,
                members),
        picture("Active layer.", "Means of the last decade of the history and of the run.",
                maps.thickness_maps, members),
        picture("Figure 6.", f"Meadow and steppe; δ is the change since the branch. {shade}",
                paper_figures.meadow_and_steppe, members),
        picture("Figure 7.", "Nitrogen of S_R (pale) and S_T; bars ± 1 SD.",
                paper_figures.nitrogen_runs, members),
        picture("Figure 8.", "Δ of the nitrogen balance by vegetation type; bars ± 1 SD.",
                paper_figures.nitrogen_types, members),
        picture("Figure S3.", f"Regional fluxes. {shade}", paper_figures.fluxes, members),
        picture("Figure S4.", f"Climate and CO2. {shade}", paper_figures.climate, members),
        picture("Figure S5.", f"Limitation of growth by nitrogen. {shade}",
                paper_figures.nitrogen_limitation, members),
    ]  # fmt: skip
    sections = [exposure, present, effect]
    if others:
        sections.insert(1, Section("Other rules", tables=[tables.rules_table(members, others)]))
    return sections


def _extra_sections(folder: Path, synthetic: bool) -> list[Section]:
    """Sections of ``temjax attribute`` and ``temjax region-sensitivity`` if they were run."""
    sections = []
    records = attribution_report.read_attributions(folder)
    if records:
        section = Section(
            "Drivers one at a time", tables=[attribution_report.drivers_table(records)]
        )
        figure = attribution_report.drivers_figure(records)
        caption = "Effect on the carbon balance. Mean over climate models, shade ± 1 SD."
        section.pictures.append(_picture("Drivers.", caption, figure, synthetic))
        sections.append(section)
    paths = sorted(folder.glob("sensitivity_*.png"))
    if paths:
        section = Section("Sensitivity to parameters")
        for path in paths:
            data = base64.b64encode(path.read_bytes()).decode("ascii")
            section.pictures.append(
                Picture("Sensitivity.", "Effect of a parameter 10 % higher.", data)
            )
        sections.append(section)
    return sections


def _as_text(value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {part}" for name, part in value.items())
    return str(value)


def _picture(title: str, caption: str, figure: Figure, synthetic: bool) -> Picture:
    if synthetic:
        strip = LABEL_INCHES / figure.get_size_inches()[1]
        figure.get_layout_engine().set(rect=(0, strip, 1, 1 - strip))  # below the tick labels
        figure.text(0.995, 0.004, LABEL, ha="right", va="bottom", fontsize=8, color="#a84300")
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=_DPI, format="png")
    return Picture(title, caption, base64.b64encode(buffer.getvalue()).decode("ascii"))


def _cells(members: list[MemberTotals]) -> list[tuple[str, ...]]:
    return [
        (member.stored.label, cell, entry["status"], "; ".join(entry["reasons"]))
        for member in members
        for cell, entry in member.stored.cells.items()
    ]


def _cells_text(members: list[MemberTotals], cells: list[tuple[str, ...]]) -> str:
    if not cells:
        return "None: every cell ran, converged and is sound in every member."
    more = f" The first {MAXIMUM_CELLS} are shown; the CSV files hold all." if (
        len(cells) > MAXIMUM_CELLS
    ) else ""  # fmt: skip
    return f"{len(cells)} entries over {len(members)} member runs.{more}"


def _provenance_rows(folder: Path, attributes: dict) -> list[tuple[str, str]]:
    """Names and values of the provenance table: attributes and how the run went."""
    rows = [(name, str(attributes[name])) for name in _SHOWN_ATTRIBUTES if name in attributes]
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
