"""Figure of a domain: vegetation, elevation, texture and permafrost; masked cells are grey."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from temjax.regional.figures.maps import draw_map, draw_vegetation
from temjax.regional.inputs.grids.cells import TEXTURE, Domain

_COLUMNS = 2
_SHARE = {"cmap": "Blues", "vmin": 0.0, "vmax": 1.0}
_HEIGHT = {"cmap": "viridis"}  # without grey, which is that of masked cells
_PERCENT = {"cmap": "YlOrBr", "vmin": 0.0, "vmax": 100.0}


def domain_figure(domain: Domain) -> Figure:
    """Draw the maps of a domain; cells with a fault are grey, the outside is pale."""
    panels = _panels(domain)
    rows = -(-(len(panels) + 1) // _COLUMNS)
    down, across = domain.grid.shape
    height = float(np.clip(5.0 * down / across, 1.8, 5.0)) + 0.6
    figure = Figure(figsize=(6.2 * _COLUMNS, height * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    sound = np.ones(domain.size, dtype=bool)
    sound[list(domain.findings)] = False
    draw_vegetation(figure, axes[0], domain)
    axes[0].set_title("Vegetation", fontsize=10)
    for place, (title, unit, values, scale) in zip(axes[1:], panels, strict=False):
        values = np.where(sound, values, np.nan)
        image = draw_map(place, domain, values, scale)
        place.set_title(title, fontsize=10)
        figure.colorbar(image, ax=place, label=unit, shrink=0.9)
    for place in axes[1 + len(panels) :]:
        place.set_axis_off()
    patches = [Patch(color="0.92", label="outside of the region")]
    if not sound.all():
        patches.append(Patch(color="0.55", label=f"masked ({int((~sound).sum())} cells)"))
    figure.legend(handles=patches, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _panels(domain: Domain) -> list[tuple[str, str, NDArray, dict]]:
    """Title, unit, values and colours of the maps of numbers."""
    panels: list[tuple[str, str, NDArray, dict]] = []
    if domain.majority_share is not None:
        panels.append(("Share of the vegetation type", "share", domain.majority_share, _SHARE))
    panels.append(("Elevation", "m", domain.elevation, _HEIGHT))
    if domain.texture is not None:
        for name, values in zip(TEXTURE, domain.texture.T, strict=True):
            panels.append((name.capitalize(), "percent", values, _PERCENT))
    if domain.permafrost_share is not None:
        panels.append(("Share with permafrost", "share", domain.permafrost_share, _SHARE))
    return panels
