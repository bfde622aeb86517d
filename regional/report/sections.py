"""Sections of the page of a region: texts, tables, and figures as embedded pictures."""

import base64
import io
from dataclasses import dataclass, field

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from temjax.regional.diagnostics.tables import Table
from temjax.regional.inputs.synthetic import LABEL

_DPI = 110
LABEL_INCHES = 0.18


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


def picture(title: str, caption: str, figure: Figure, synthetic: bool) -> Picture:
    """Picture of a figure; that of a synthetic region bears the label."""
    if synthetic:
        strip = LABEL_INCHES / figure.get_size_inches()[1]
        figure.get_layout_engine().set(rect=(0, strip, 1, 1 - strip))  # below the tick labels
        figure.text(0.995, 0.004, LABEL, ha="right", va="bottom", fontsize=8, color="#a84300")
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=_DPI, format="png")
    return Picture(title, caption, base64.b64encode(buffer.getvalue()).decode("ascii"))
