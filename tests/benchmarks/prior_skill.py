"""Towers as the first-guess parameter sets have them, before any fit.

    python tests/benchmarks/prior_skill.py [--shared DIR] [--figures DIR]

Real months of the FLUXNET2015 files against the simulation: squared correlation, Nash-Sutcliffe,
RMSE and bias of GPP, RECO, NEP and soil temperature, and the sums of each year. Also the thaw of
the Toolik tundra cell. Nothing is tuned here.
"""

import argparse
import os
import time
from pathlib import Path

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from temjax import sites
from temjax.sites.compare import compare, comparison_table
from temjax.sites.figures import mean_year_figure
from temjax.sites.observations import OBSERVED
from temjax.sites.run import run_site

FLUXES = ("gross_primary_production", "ecosystem_respiration", "net_ecosystem_production")


def annual_table(site: sites.Site, run) -> Table:
    """Observed and simulated sums of each calendar year, every month counted."""
    table = Table(title="annual sums, observed / simulated (g C m⁻² yr⁻¹)", title_justify="left")
    table.add_column("year")
    monthly = {name: site.observations.monthly[name] for name in FLUXES}
    for series in monthly.values():
        table.add_column(OBSERVED[series.variable][1], justify="right")
    years = next(iter(monthly.values())).years
    for row, year in enumerate(years):
        at = int(np.flatnonzero(np.asarray(run.years) == year)[0])
        cells = []
        for name, series in monthly.items():
            simulated = float(np.asarray(getattr(run.monthly, name))[at].sum())
            cells.append(f"{series.values[row].sum():.0f} / {simulated:.0f}")
        table.add_row(str(year), *cells)
    return table


def report_tower(path: Path, console: Console, figures: Path | None) -> None:
    """Simulate one tower and print its skill."""
    site = sites.read_fluxnet(path, minimum_quality=0.0)
    started = time.perf_counter()
    result = run_site(site)
    elapsed = time.perf_counter() - started
    console.print(f"\n[bold]{site.title}[/bold], {result.parameter_source}, {elapsed:.0f} s")
    console.print(f"equilibrium: {result.certificate}")
    for text, usable in (("all months", False), ("without months of known faults", True)):
        rows = compare(site, result.run, usable_only=usable)
        console.print(comparison_table(text, rows))
    console.print(annual_table(site, result.run))
    pools = result.run.annual
    carbon, nitrogen = (
        float(np.asarray(getattr(pools, name))[-1])
        for name in ("soil_organic_carbon", "soil_organic_nitrogen")
    )
    stocks = site.observations.stocks
    console.print(
        f"SOC {carbon:.0f} (target {stocks['soil_organic_carbon'].value:.0f} ± "
        f"{stocks['soil_organic_carbon'].sd:.0f}) g C m⁻², SON {nitrogen:.0f} (target "
        f"{stocks['soil_organic_nitrogen'].value:.0f} ± "
        f"{stocks['soil_organic_nitrogen'].sd:.0f}) g N m⁻²"
    )
    if figures is not None:
        mean_year_figure(f"{site.title}: no fit", rows, figures / f"{site.name}_prior.png")


def report_toolik(console: Console) -> None:
    """Thaw and soil temperature of the tundra cell."""
    site = sites.load("toolik-tundra")
    result = run_site(site)
    run = result.run
    soil = np.asarray(run.monthly.soil_temperature)[-1]
    air = np.asarray(site.forcing.air_temperature)[-1]
    console.print(f"\n[bold]{site.title}[/bold]: {result.certificate}")
    console.print(
        f"maximum thaw depth {float(run.annual.maximum_thaw_depth[-1]):.2f} m "
        "(observed 0.35-0.55 m, recalled); "
        f"annual mean: air {air.mean():.1f} °C, "
        + ", ".join(
            f"{depth:g} m {soil[:, i].mean():.1f} °C" for i, depth in enumerate(run.soil.depths)
        )
    )
    console.print(
        f"annual GPP {float(run.annual.gross_primary_production[-1]):.0f}, NPP "
        f"{float(run.annual.net_primary_production[-1]):.0f} g C m⁻², SOC "
        f"{float(run.annual.soil_organic_carbon[-1]):.0f} g C m⁻²"
    )


def main() -> None:
    """Print the report."""
    default = Path(__file__).resolve().parents[3] / "shared"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", default=os.environ.get("TEMJAX_SHARED", default), type=Path)
    parser.add_argument("--figures", type=Path, help="folder for PNG files")
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    console = Console(width=100, highlight=False)
    files = sorted((given.shared / "data" / "fluxnet2015").glob("*_MM_*.csv"))
    if not files:
        raise SystemExit(f"no FLUXNET monthly files under {given.shared}; set --shared")
    if given.figures is not None:
        given.figures.mkdir(parents=True, exist_ok=True)
    for path in files:
        report_tower(path, console, given.figures)
    report_toolik(console)


if __name__ == "__main__":
    main()
