"""Maps of a region: means over climate models, one column per scenario."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temjax.regional.diagnostics.members import of_scenario, scenarios, units_of
from temjax.regional.diagnostics.naming import scenario_name
from temjax.regional.diagnostics.totals import REGION, MemberTotals
from temjax.regional.figures.panels import (
    COLOURS,
    DASHES,
    DENSITY,
    Drawn,
    colour_of,
    finish,
    shaded,
)
from temjax.regional.inputs.domain import Domain

_QUANTILE = 0.98  # end of the colour range; a few extreme cells must not dominate it
TYPE_COLOURS = (*COLOURS, "#000000", "#999999", "#F0E442", "#882255", "#44AA99", "#117733")
KILOMETRES_PER_DEGREE = 111.2  # of latitude
DELTA_MAPS = ("ΔVegC", "ΔSOC", "ΣΔNPP", "ΣΔRH", "ΣΔNEP")


def colour_range(values: list[NDArray]) -> dict:
    """Colour scale common to several maps.

    Values of both signs get a diverging scale about zero, values of one sign a sequential scale
    over their own range.
    """
    finite = np.concatenate([v[np.isfinite(v)] for v in values])
    low, high = np.quantile(finite, [1 - _QUANTILE, _QUANTILE]) if finite.size else (-1.0, 1.0)
    if low * high > 0:
        return {"cmap": "cividis", "vmin": low, "vmax": high}
    return {"cmap": "PuOr", "vmin": -max(-low, high), "vmax": max(-low, high)}


def _without_gaps(coordinate: NDArray, axis: int) -> NDArray:
    """A coordinate with those of cells outside of a curvilinear grid interpolated, which matplotlib
    needs; along the axis on which it changes least before the other."""
    if np.isfinite(coordinate).all():
        return coordinate
    filled = pd.DataFrame(coordinate).interpolate(axis=axis, limit_direction="both")
    return filled.interpolate(axis=1 - axis, limit_direction="both").to_numpy()


def _with_width(fields: tuple[NDArray, ...], spacing: float) -> list[NDArray]:
    """Fields of a single row or column as two halves of it, which gives the cells their width.

    Args:
        fields: latitude, longitude and further ones, ``(row, column)``.
        spacing: width of a cell, degrees of latitude.
    """
    for axis in (0, 1):
        if fields[0].shape[axis] == 1:
            doubled = [np.repeat(values, 2, axis=axis) for values in fields]
            halves = np.array([-0.25, 0.25]) * spacing
            across = axis if fields[0].size == 1 or np.ptp(fields[axis]) == 0 else 1 - axis
            if across == 1:
                halves = halves / np.cos(np.radians(fields[0].mean()))
            doubled[across] = doubled[across] + np.expand_dims(halves, 1 - axis)
            fields = tuple(doubled)
    return list(fields)


def draw_map(axes: Axes, domain: Domain, values: NDArray, colours: dict):
    """Draw a map with coordinates; cells without a value are dark, the outside is pale."""
    latitude, longitude = domain.grid.fields()
    latitude, longitude = _without_gaps(latitude, 1), _without_gaps(longitude, 0)
    longitude = np.unwrap(longitude, period=360, axis=1)  # a region across the date line
    inside, drawn = domain.to_grid(np.ones(domain.size)), domain.to_grid(values)
    if 1 in domain.grid.shape:
        spacing = domain.grid.spacing()
        if not np.isfinite(spacing):  # a single cell
            spacing = float(np.sqrt(domain.area.mean())) / KILOMETRES_PER_DEGREE
        fields = _with_width((latitude, longitude, inside, drawn), spacing)
        latitude, longitude, inside, drawn = fields
    grey = ListedColormap(["0.55"])
    axes.set_facecolor("0.92")
    axes.pcolormesh(longitude, latitude, inside, shading="nearest", cmap=grey)
    image = axes.pcolormesh(longitude, latitude, drawn, shading="nearest", **colours)
    axes.set_aspect(1 / np.cos(np.radians(float(np.mean(latitude)))))
    axes.ticklabel_format(useOffset=False)
    axes.set_xlabel("longitude, °E")
    axes.set_ylabel("latitude, °N")
    return image


def member_mean(members: list[MemberTotals], name: str) -> NDArray:
    """Mean over members of a map; NaN in cells without a value in any member."""
    return np.mean([member.maps[name] for member in members], axis=0)


def grid_of_maps(
    members: list[MemberTotals], names: tuple[str, ...], unit: str, colours: dict | None = None
) -> Figure:
    """Draw maps with quantities in rows and scenarios in columns, one colour scale per row."""
    columns = scenarios(members)
    domain = members[0].stored.domain
    rows, across = domain.grid.shape
    height = float(np.clip(5.0 * rows / across, 1.6, 4.0)) + 0.7
    figure = Figure(
        figsize=(5.2 * len(columns) + 0.8, height * len(names) + 0.4), layout="constrained"
    )
    panels = figure.subplots(len(names), len(columns), squeeze=False)
    for row, name in zip(panels, names, strict=True):
        maps = [member_mean(of_scenario(members, scenario), name) for scenario in columns]
        scale = colours or colour_range(maps)
        for axes, scenario, values in zip(row, columns, maps, strict=True):
            image = draw_map(axes, domain, values, scale)
            axes.set_title(f"{name}, {scenario_name(scenario)}", fontsize=10)
            if name != names[-1]:
                axes.set_xlabel("")  # the last row has it
        figure.colorbar(image, ax=list(row), extend="both", label=unit, shrink=0.9)
    return figure


def delta_maps(members: list[MemberTotals]) -> Figure:
    """Figure 5: change by thaw exposure in the last year."""
    return grid_of_maps(members, DELTA_MAPS, DENSITY)


def thickness_maps(members: list[MemberTotals]) -> Figure:
    """Maps of the active layer now and at the end; grey where a member or year has none."""
    return grid_of_maps(members, ("ALT now", "ALT end"), "m")


def at_a_glance(members: list[MemberTotals], drawn: Drawn = ()) -> Figure:
    """Time series of ΔRH and ΔNPP, and map of the last scenario's active layer at the end."""
    units = units_of(members)
    figure = Figure(figsize=(10.5, 3.6), layout="constrained")
    series, layer = figure.subplots(1, 2, width_ratios=(1.0, 1.15))
    for scenario, colour in colour_of(members).items():
        chosen = of_scenario(members, scenario)
        years = chosen[0].years["future"]
        for name, dash in (("ΔRH", DASHES[0]), ("ΔNPP", DASHES[1])):
            rows, draws = (
                [member.groups[REGION].delta[name] / units.amount_size for member in of]
                for of in (chosen, of_scenario(drawn, scenario))
            )
            label = f"{name}, {scenario_name(scenario)}"
            shaded(series, years, rows, colour, label, dash, draws)
    finish(series, "What thaw exposure adds to respiration and production", units.rate)
    last = scenarios(members)[-1]
    values = member_mean(of_scenario(members, last), "ALT end")
    domain = members[0].stored.domain
    image = draw_map(layer, domain, values, colour_range([values]))
    layer.set_title(f"Active layer at the end, {scenario_name(last)}", fontsize=10)
    figure.colorbar(image, ax=layer, extend="both", label="m", shrink=0.8)
    return figure


def draw_vegetation(figure: Figure, axes: Axes, domain: Domain) -> None:
    """Draw the vegetation types with their names beside the map; unknown ones are dark."""
    types = sorted(set(domain.vegetation) - {""})
    codes = np.array([types.index(n) if n else np.nan for n in domain.vegetation], dtype=float)
    colours = ListedColormap(np.resize(TYPE_COLOURS, len(types)).tolist())
    scale = {"cmap": colours, "vmin": -0.5, "vmax": len(types) - 0.5}
    image = draw_map(axes, domain, codes, scale)
    bar = figure.colorbar(image, ax=axes, ticks=range(len(types)))
    bar.ax.set_yticklabels(types)


def vegetation_map(domain: Domain) -> Figure:
    """Map of the vegetation types (the paper's Figure 1b)."""
    rows, across = domain.grid.shape
    figure = Figure(
        figsize=(8.5, float(np.clip(8.0 * rows / across, 2.6, 6.0))), layout="constrained"
    )
    draw_vegetation(figure, figure.subplots(), domain)
    return figure
