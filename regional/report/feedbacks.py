"""Carbon feedbacks of ``one_percent`` in the report of a region, and their files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.files.atomic import atomic_write
from temjax.regional.diagnostics.feedbacks import (
    BRANCHES,
    DECADE,
    LEAST_WARMING,
    MULTIPLE,
    Feedbacks,
    ModelFeedbacks,
    model_feedbacks,
    one_percent_runs,
)
from temjax.regional.diagnostics.members import MeanSD, mean_sd, shade
from temjax.regional.diagnostics.naming import Units
from temjax.regional.diagnostics.tables import PETAGRAM, Table
from temjax.regional.diagnostics.totals import REGION, MemberTotals
from temjax.regional.experiment.one_percent import CLIMATE, CONCENTRATION, CONTROL, COUPLED, RUNS
from temjax.regional.figures.feedback_figure import feedback_figure
from temjax.regional.report.sections import Section, picture
from temjax.units import grams_per_square_metre, power_of_ten

FILES = ("feedbacks.nc", "feedbacks.csv")
_PARAMETERS = {  # of Feedbacks: row of the table, unit of the quotient
    "beta": ("β (bgc)", "ppm"),
    "gamma": ("γ (cou − bgc)", "K"),
    "gamma_rad": ("γ (rad)", "K"),
}
_LONG_NAMES = {
    "beta": "carbon-concentration feedback of land, from bgc",
    "gamma": "carbon-climate feedback of land, from cou - bgc",
    "gamma_rad": "carbon-climate feedback of land, from rad",
    "additivity": "cumulative land uptake cou - bgc - rad, each less ctrl",
}
_PLAIN = (-3, 6)  # powers of ten whose numbers are written out
_DIMS = ("climate_model", "group", "permafrost_carbon")


def feedback_sections(
    folder: Path, members: list[MemberTotals], attributes: dict, synthetic: bool
) -> list[Section]:
    """The section of β and γ of the runs of ``one_percent``, whose series are written.

    Raises:
        OSError: a file cannot be written.
    """
    models, texts = feedbacks_of(members)
    if not (models or texts):
        return []
    section = Section("Carbon feedbacks: 1 % CO2 a year", texts)
    if models:
        paths = write_feedbacks(models, folder, attributes)
        names = " and ".join(path.name for path in paths)
        section.texts.append(f"The series by year and vegetation type are in {names}.")
        section.tables = [uptake_table(models), parameter_table(models)]
        caption = f"The region; dashed: without permafrost carbon (S_R). {shade(members)}"
        figure = feedback_figure(models)
        section.pictures.append(picture("Carbon feedbacks.", caption, figure, synthetic))
    return [section]


def feedbacks_of(members: list[MemberTotals]) -> tuple[list[ModelFeedbacks], list[str]]:
    """Feedbacks by climate model, and what has to be said of runs that are missing."""
    models, texts = [], []
    for member, runs in one_percent_runs(members).items():
        missing = [run for run in RUNS if run not in runs]
        if missing:
            texts.append(f"{member} has no run {', '.join(missing)}: what needs it is left out.")
        found = model_feedbacks(runs)
        models += [] if found is None else [found]
    return models, texts


def uptake_table(models: list[ModelFeedbacks]) -> Table:
    """Table of the cumulative uptake of the four runs by the last year."""
    units = Units.of_area(models[0].areas[REGION])
    rows = []
    quantities: dict[str, Callable[[Feedbacks], NDArray]] = {
        CONTROL: lambda f: f.uptake[CONTROL],
        f"{CONCENTRATION} − {CONTROL}": lambda f: f.change(CONCENTRATION),
        f"{CLIMATE} − {CONTROL}": lambda f: f.change(CLIMATE),
        f"{COUPLED} − {CONTROL}": lambda f: f.change(COUPLED),
        "not additive: cou − bgc − rad": lambda f: f.additivity,
    }
    for name, quantity in quantities.items():
        totals = _three(models, lambda f, quantity=quantity: quantity(f)[-1])
        cells = [_text(values, units.stock_size) for values in totals]
        rows.append((name, *cells, *(_density(models, values) for values in totals[:2])))
    last = models[0].years[-1]
    head = (
        f"ΣNEP by {last}", f"with permafrost carbon, {units.stock} C", "without", "difference",
        "with, g C m⁻²", "without, g C m⁻²",
    )  # fmt: skip
    note = (
        "Net ecosystem production summed over the years of the rise, positive: uptake. Carbon that "
        "thaw exposes is no uptake; what respires of it is lost. With: S_T. Without: S_R, which "
        f"exposes none from {models[0].years[0]} on. Warm years of the control climate expose some "
        f"in every run, {CONTROL} too. {_spread(models)}"
    )
    return Table("Cumulative land uptake of the four runs", note, head, rows)


def parameter_table(models: list[ModelFeedbacks]) -> Table:
    """Table of β and γ, at four times the CO2 of the start where the runs reach it, and at the
    end."""
    first = models[0]
    rows, at = [], first.row_of_multiple()
    dates = {len(first.years) - 1: f"{first.years[-1]} ({first.multiple():.3g} × CO2)"}
    if at is not None and at not in dates:
        dates = {at: f"{first.years[at]} ({first.multiple(at):.3g} × CO2)"} | dates
    for row, date in dates.items():
        for name, (label, unit) in _PARAMETERS.items():
            totals = _three(models, lambda f, name=name, row=row: getattr(f, name)[row])
            cells = [_text(values, PETAGRAM) for values in totals]
            densities = [_density(models, values) for values in totals[:2]]
            rows.append((date, label, f"Pg C {unit}⁻¹", *cells, *densities, f"g C m⁻² {unit}⁻¹"))
    head = (
        "year", "parameter", "unit", "with permafrost carbon", "without", "difference",
        "with, per area", "without, per area", "unit",
    )  # fmt: skip
    return Table("Carbon feedback parameters β and γ", _definitions(models), head, rows)


def feedback_dataset(models: list[ModelFeedbacks], attributes: dict) -> xr.Dataset:
    """Series by climate model, group of cells, with or without permafrost carbon, and year."""
    groups = list(dict.fromkeys(group for model in models for group in model.groups))
    years = models[0].years

    def stack(values: Callable[[Feedbacks], NDArray], shape: tuple[int, ...]) -> NDArray:
        out = np.full((len(models), len(groups), len(BRANCHES), *shape), np.nan)
        for i, model in enumerate(models):
            for name, branches in model.groups.items():
                for k, branch in enumerate(BRANCHES):
                    out[i, groups.index(name), k] = values(branches[branch])
        return out / PETAGRAM

    dims, units = (*_DIMS, "year"), {"additivity": "Pg", "beta": "Pg ppm-1"}
    shape = (years.size,)
    variables = {
        name: (dims, stack(lambda f, name=name: getattr(f, name), shape),
               {"units": units.get(name, "Pg K-1"), "long_name": long_name})
        for name, long_name in _LONG_NAMES.items()
    }  # fmt: skip
    uptake = stack(lambda f: np.stack([f.uptake[run] for run in RUNS]), (len(RUNS), years.size))
    variables["land_uptake"] = (
        (*_DIMS, "run", "year"), uptake,
        {"units": "Pg", "long_name": "cumulative net ecosystem production of carbon"},
    )  # fmt: skip
    any_group = [model.groups[REGION]["with"] for model in models]
    areas = [[model.areas.get(group, np.nan) for group in groups] for model in models]
    variables |= {
        "co2": (("climate_model", "year"), np.stack([model.co2 for model in models]),
                {"units": "ppm", "long_name": "CO2 of bgc and cou"}),
        "warming": (("climate_model", "year"), np.stack([f.warming for f in any_group]),
                    {"units": "K", "long_name": "air temperature of cou or rad less that of ctrl, "
                     "area-weighted mean of the region"}),
        "area": (("climate_model", "group"), np.array(areas),
                 {"units": "km2", "long_name": "area of the cells in use"}),
    }  # fmt: skip
    coordinates = {
        "climate_model": [model.member for model in models], "group": groups,
        "permafrost_carbon": list(BRANCHES), "run": list(RUNS), "year": years,
    }  # fmt: skip
    return xr.Dataset(variables, coordinates, attributes | {"comment": _definitions(models)})


def write_feedbacks(models: list[ModelFeedbacks], folder: Path, attributes: dict) -> list[Path]:
    """Write the series as NetCDF and as a table (CSV), a row a year.

    Raises:
        OSError: a file cannot be written.
    """
    kept = ("title", "institution", "contact", "source", "region", "configuration_hash")
    dataset = feedback_dataset(models, {name: attributes[name] for name in kept})
    paths = [folder / name for name in FILES]
    with atomic_write(paths[0]) as partial:
        dataset.to_netcdf(partial, engine="netcdf4")
    uptake = dataset["land_uptake"]
    columns = {f"uptake_{run}_Pg": uptake.sel(run=run, drop=True) for run in RUNS}
    for name, values in dataset.drop_vars("land_uptake").data_vars.items():
        columns[f"{name}_{values.attrs['units'].replace(' ', '_')}"] = values
    table = xr.Dataset(columns).to_dataframe(dim_order=[*_DIMS, "year"])
    with atomic_write(paths[1]) as partial:
        table.to_csv(partial, float_format="%.7g")
    return paths


def _three(models: list[ModelFeedbacks], value: Callable[[Feedbacks], float]) -> list[list[float]]:
    """Values of the models with and without permafrost carbon, and their difference, Tg."""
    both = [[float(value(model.groups[REGION][name])) for model in models] for name in BRANCHES]
    return [*both, [a - b for a, b in zip(*both, strict=True)]]


def _text(values: list[float], size: float) -> str:
    return _three_digits(mean_sd(value / size for value in values))


def _density(models: list[ModelFeedbacks], values: list[float]) -> str:
    """Values in Tg as g m⁻² of the region."""
    pairs = zip(values, models, strict=True)
    return _three_digits(mean_sd(grams_per_square_metre(v, m.areas[REGION]) for v, m in pairs))


def _three_digits(value: MeanSD) -> str:
    """``mean ± SD`` with three digits, small and large numbers by powers of ten; a dash for no
    value."""
    if not np.isfinite(value.mean):
        return "–"
    power = int(np.floor(np.log10(abs(value.mean)))) if value.mean else 0
    plain = _PLAIN[0] <= power < _PLAIN[1]
    scale = 1.0 if plain else 10.0**power
    digits = max(2 - power, 0) if plain else 2
    text = f"{value.mean / scale:,.{digits}f}".replace("-", "−")
    if np.isfinite(value.sd):
        text += f" ± {value.sd / scale:,.{digits}f}"
    if plain:
        return text
    return f"{f'({text})' if ' ' in text else text} × {power_of_ten(power)}"


def _spread(models: list[ModelFeedbacks]) -> str:
    return "Mean ± SD over climate models." if len(models) > 1 else "One climate model."


def _definitions(models: list[ModelFeedbacks]) -> str:
    """Definitions and limits of the parameters."""
    short = "" if models[0].row_of_multiple() is not None else (
        f" CO2 rises to {models[0].multiple():.3g} times that of the start: published values are "
        f"mostly of {MULTIPLE:.0f} times, after 140 years."
    )  # fmt: skip
    return (
        "β = (bgc − ctrl) / ΔCO2, γ = (cou − bgc) / ΔT, and (rad − ctrl) / ΔT for comparison, of "
        "cumulative uptake (Friedlingstein et al. 2006, doi:10.1175/JCLI3800.1; Gregory et al. "
        "2009, doi:10.1175/2009JCLI2949.1; Arora et al. 2020, doi:10.5194/bg-17-4173-2020). γ is "
        f"the quotient of means over the {DECADE} years up to the year named, and not told below "
        f"{LEAST_WARMING} K. ΔT is the warming of this region's cells, not of the globe: published "
        f"γ are per kelvin of global mean temperature.{short} {_spread(models)}"
    )
