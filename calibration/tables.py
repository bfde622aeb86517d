"""Tables of a fit for the terminal."""

from rich import box
from rich.table import Table

from temjax.calibration.fitting import FitResult
from temjax.calibration.uncertainty import Laplace


def parameter_table(posterior: Laplace) -> Table:
    """Prior, estimate and interval for the terminal."""
    table = Table(title="Fitted parameters", title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("parameter", "TEM", "unit", "prior", "fitted", "90 %", "shrinkage"):
        table.add_column(column)
    for row in posterior.table():
        table.add_row(
            row["name"],
            row["symbol"],
            row["unit"],
            f"{row['prior']:.4g}",
            f"{row['estimate']:.4g}" + (" (bound)" if row["at_bound"] else ""),
            f"{row['low']:.4g} … {row['high']:.4g}",
            f"{row['shrinkage']:.2f}",
        )
    return table


def misfit_rows(result: FitResult) -> list[tuple[str, str]]:
    """Loss and each target's share, before and after."""
    rows = [
        (
            "loss (half the sum of squared, weighted distances)",
            f"{result.losses[0, 0]:.2f} → {result.loss[result.best]:.2f} in "
            f"{len(result.losses)} steps; {result.reasons[result.best]}",
        )
    ]
    for name, before in result.first_misfit.items():
        name_text = name.replace("_", " ")
        rows.append((f"misfit of {name_text}", f"{before:.2f} → {result.misfit[name]:.2f}"))
    return rows
