"""First stage of ``temjax demo``: run of a tower site with published parameters, before a fit."""

from pathlib import Path

from rich.console import Console

from temjax.runtime.machine import command_line
from temjax.runtime.terminal import print_table
from temjax.sites.compare import compare, comparison_table
from temjax.sites.figures import mean_year_figure
from temjax.sites.output import write_netcdf
from temjax.sites.run import run_site, site_dataset
from temjax.sites.site import load

SITE = "haibei-meadow"


def stage(out: Path, console: Console, context: dict) -> list[tuple[str, str]]:
    """Run the site, write NetCDF and a figure, and return the summary rows."""
    site = load(SITE)
    result = run_site(site, progress=lambda text: console.print(f"{SITE}: {text}"))
    write_netcdf(site_dataset(result, command=command_line()), out / f"{SITE}.nc")
    rows = compare(site, result.run)
    mean_year_figure(f"{site.title}: first guess, no fit", rows, out / f"{SITE}_prior.png")
    print_table(console, comparison_table(f"{site.title}: first guess, no fit", rows))
    context["site_run"] = result
    years = len(result.run.years)
    return [
        ("simulated", f"{site.title}, {years} years, parameters {result.parameter_source}"),
        ("equilibrium", result.certificate),
        *(
            (
                f"{row.series.variable.replace('_', ' ')} (no fit)",
                f"r² {row.skill.squared_correlation:.2f}, NSE {row.skill.nash_sutcliffe:.2f}, "
                f"bias {row.skill.bias:+.2f} {row.series.unit}",
            )
            for row in rows
        ),
    ]


stage.order = 10
