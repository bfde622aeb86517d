"""Scores of a region's data before and after a fit."""

import numpy as np

from temjax.calibration.part_table import PartTable
from temjax.calibration.point_target import PointTarget
from temjax.sites import skill
from temjax.units import GRAMS_PER_KILOGRAM

UNFROZEN = 9.99  # m, from which on the ground counts as thawed through: 10 m are looked at
UNITS = {
    "maximum_thaw_depth": ("m", 1.0, "thaw depth"),
    "soil_organic_carbon": ("kg C m-2", 1 / GRAMS_PER_KILOGRAM, "SOC"),
    "soil_organic_nitrogen": ("kg N m-2", 1 / GRAMS_PER_KILOGRAM, "SON"),
}
Columns = tuple[tuple[str, str], ...]


def part_table(
    names: tuple[str, str],
    targets: tuple[PointTarget, ...],
    labels: tuple[tuple[str, ...], ...],
    columns: tuple[tuple[Columns, ...], ...],
    simulated: dict[str, np.ndarray],
) -> PartTable:
    """Data of a region beside a fit.

    Args:
        names: of the region, as in files and as in sentences.
        targets: data.
        labels, columns: of each datum.
        simulated: by variable, prior and fitted, ``(datum, 2)``.
    """
    rows, lines, scores = [], [], {}
    name, title = names
    for target, of_target, cells in zip(targets, labels, columns, strict=True):
        unit, scale, word = UNITS[target.variable]
        values = scale * np.asarray(target.values)
        prior, fitted = scale * simulated[target.variable].T
        rows += [
            {
                "variable": target.variable,
                "label": label,
                **dict(own),
                "unit": unit,
                "observed": values[i],
                "sd": scale * float(target.sd[i]),
                "prior": prior[i],
                "fitted": fitted[i],
                "counts": bool(target.used[i] > 0),
            }
            for i, (label, own) in enumerate(zip(of_target, cells, strict=True))
        ]
        if target.variable == "maximum_thaw_depth":
            scores[target.variable] = thaw_scores(target, prior, fitted)
            lines += _thaw_lines(scores[target.variable], title, prior, fitted)
        else:
            lines += [
                f"{word} of {title}, {label}: observed {value:.3g} ± {scale * float(sd):.2g} "
                f"{unit}, {before:.3g} → {after:.3g}"
                for label, value, sd, before, after in zip(
                    of_target, values, target.sd, prior, fitted, strict=True
                )
            ]
    plain = tuple({k: _plain(v) for k, v in row.items()} for row in rows)
    return PartTable(name, plain, tuple(lines), scores)


def _plain(value):
    return float(f"{value:.6g}") if isinstance(value, float | np.floating) else value


def thaw_scores(target: PointTarget, prior: np.ndarray, fitted: np.ndarray) -> dict:
    """R², RMSE and bias over measured depths that count, and bounds met, before and after."""
    bounds, observed = np.asarray(target.bounds), np.asarray(target.values)
    used = np.asarray(target.used) > 0
    measured, censored = used & (bounds == 0), used & (bounds != 0)
    scores = {
        "measured": int(measured.sum()), "bounds": int(censored.sum()), "shown": int((~used).sum()),
    }  # fmt: skip
    for name, simulated in (("prior", prior), ("fitted", fitted)):
        of_measured = skill(observed[measured], simulated[measured])
        scores[name] = {
            "squared_correlation": _number(of_measured.squared_correlation),
            "rmse": _number(of_measured.rmse),
            "bias": _number(of_measured.bias),
            "bounds_met": int(np.sum((bounds * (simulated - observed))[censored] >= 0)),
        }
    return scores


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _thaw_lines(scores: dict, name: str, prior: np.ndarray, fitted: np.ndarray) -> list[str]:
    """Scores of thaw depths as sentences."""

    def pair(key: str, form: str) -> str:
        values = [scores[when][key] for when in ("prior", "fitted")]
        return " → ".join("–" if value is None else format(value, form) for value in values)

    line = (
        f"thaw depths of {name}: {scores['measured']} measured, R² "
        f"{pair('squared_correlation', '.2f')}, RMSE {pair('rmse', '.2f')} m, bias "
        f"{pair('bias', '+.2f')} m"
    )
    if scores["bounds"]:
        line += f"; of {scores['bounds']} bounds {pair('bounds_met', 'd')} are met"
    if scores["shown"]:
        line += (
            f"; {scores['shown']} in cells of types without a fitted place are in the table only"
        )
    lines = [line]
    through = [int(np.sum(values >= UNFROZEN)) for values in (prior, fitted)]
    if any(through):
        lines.append(
            f"thaw depths of {name}: at {through[0]} → {through[1]} points the model has no "
            "permafrost (10 m thaw), where nothing that is free acts on the depth"
        )
    return lines
