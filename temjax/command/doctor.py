"""``temjax doctor``: versions and devices of this machine, and a self-check of the model."""

import dataclasses
import json
import platform
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import typer
from jaxtyping import Array, Float
from rich.console import Console
from rich.table import Table

from temjax.command.demo import device_text
from temjax.forcing import Forcing, Location
from temjax.native.availability import unavailable_reason
from temjax.options import ModelOptions
from temjax.parameters.files import load_parameters
from temjax.parameters.registry import Parameters
from temjax.runs.equilibrium import cyclic_map
from temjax.runs.result import Run
from temjax.runs.simulate import simulate
from temjax.runtime.cache import KERNEL, PROGRAM
from temjax.runtime.configure import cache_folder
from temjax.runtime.machine import (
    available_bytes,
    computes_on_cpus,
    package_versions,
    total_bytes,
    usable_cores,
)
from temjax.runtime.terminal import print_table
from temjax.state import State

FAILED = 1  # exit code

# Mean year of the tower CN-HaM 2002-2004 (FLUXNET2015, CC-BY-4.0, Pastorello et al. 2020)
AIR = (-14.8, -10.6, -5.4, 1.2, 3.4, 8.3, 10.7, 10.1, 5.7, -0.7, -8.0, -12.5)  # °C
RAIN = (2.0, 3.0, 15.0, 30.0, 76.0, 98.0, 108.0, 132.0, 100.0, 25.0, 5.0, 1.0)  # mm
SUN = (142.0, 169.0, 206.0, 255.0, 248.0, 264.0, 248.0, 224.0, 193.0, 176.0, 152.0, 126.0)  # W m-2

# Relative to stock (budget), to Σ|H|Δz (energy), to the derivative; central difference step
LIMITS = {
    "float64": {"carbon": 1e-10, "energy": 1e-10, "derivative": 1e-5, "step": 1e-5},
    "float32": {"carbon": 1e-5, "energy": 1e-4, "derivative": 2e-2, "step": 1e-2},
}
PERTURBED = ("cmax_scale", "kdc_scale", "nmax_scale", "conductivity_scale")


@dataclass(frozen=True)
class Check:
    """Outcome of a check.

    Attributes:
        name: of the check.
        passed: whether it succeeded.
        message: result, and the remedy of a failure.
    """

    name: str
    passed: bool
    message: str


@dataclass(frozen=True)
class EmbeddedSite:
    """Embedded site with the initial state of one year."""

    parameters: Parameters
    location: Location
    forcing: Forcing
    initial: State
    options: ModelOptions


def embedded_site(options: ModelOptions = ModelOptions()) -> EmbeddedSite:
    """Alpine meadow with soil heat in equilibrium with its mean year, and TEM's initial pools."""
    dtype = jnp.result_type(float)
    parameters = load_parameters("alpine-meadow")

    def scalar(value: float) -> Float[Array, ""]:
        return jnp.asarray(value, dtype)

    def months(values: tuple[float, ...]) -> Float[Array, "1 12"]:
        return jnp.asarray([values], dtype)

    location = Location(scalar(37.61), scalar(3216.0), scalar(0.65))
    forcing = Forcing(
        years=jnp.asarray([2003]),
        air_temperature=months(AIR),
        precipitation=months(RAIN),
        shortwave=months(SUN),
        co2=jnp.full((1, 12), 375.0, dtype),
    )
    _, state, _ = cyclic_map(parameters, location, forcing, options=options)
    return EmbeddedSite(parameters, location, forcing, state, options)


def one_year(site: EmbeddedSite, parameters: Parameters) -> Run:
    """Run of the embedded year, soil heat included."""
    return simulate(
        parameters, site.location, site.forcing, initial=site.initial, options=site.options
    )


def check_run(site: EmbeddedSite, limits: dict[str, float]) -> list[Check]:
    """Check that values are finite and that the budgets of carbon and heat close."""
    run = one_year(site, site.parameters)
    annual = run.annual
    before = site.initial.vegetation_carbon + site.initial.soil_organic_carbon
    after = annual.vegetation_carbon[-1] + annual.soil_organic_carbon[-1]
    gain = annual.net_primary_production[0] - annual.heterotrophic_respiration[0]
    carbon = float(jnp.abs(after - before - gain) / after)
    energy = float(jnp.max(jnp.abs(run.soil.energy_residual)))
    npp = float(annual.net_primary_production[0])
    return [
        Check("one year", bool(run.finite), f"NPP {npp:.1f} g C m⁻² yr⁻¹"),
        _error_check("carbon budget", carbon, limits["carbon"]),
        _error_check("heat budget", energy, limits["energy"]),
    ]


def check_derivative(site: EmbeddedSite, limits: dict[str, float]) -> list[Check]:
    """Check the derivative of the year along four parameters against a central difference."""

    def along(distance: Float[Array, ""]) -> Float[Array, "3"]:
        scaled = {name: getattr(site.parameters, name) * (1.0 + distance) for name in PERTURBED}
        annual = (run := one_year(site, dataclasses.replace(site.parameters, **scaled))).annual
        return jnp.stack(
            [
                annual.net_primary_production[0],
                annual.heterotrophic_respiration[0],
                jnp.mean(run.monthly.soil_temperature[0, :, 2]),
            ]
        )

    zero = jnp.zeros((), site.forcing.air_temperature.dtype)
    _, slope = jax.jvp(along, (zero,), (jnp.ones_like(zero),))
    step = limits["step"]
    central = (along(zero + step) - along(zero - step)) / (2.0 * step)
    names = ("NPP", "RH", "soil temperature")
    return [
        _error_check(
            f"derivative of {name}",
            float(jnp.abs(forward - difference) / jnp.abs(forward)),
            limits["derivative"],
        )
        for name, forward, difference in zip(names, slope, central, strict=True)
    ]


def _error_check(name: str, value: float, limit: float) -> Check:
    """Check of a relative error against its limit; NaN fails."""
    return Check(name, value <= limit, f"{value:.1e} (limit {limit:.0e})")


def check_commands() -> Check:
    """Check that every declared command can be imported."""
    broken = []
    points = sorted(entry_points(group="temjax.commands"), key=lambda point: point.name)
    for point in points:
        try:
            point.load()
        except Exception as error:  # of any kind
            broken.append(f"{point.value}: {error}")
    if broken:
        return Check("commands", False, f"{'; '.join(broken)}. Install temjax again.")
    return Check("commands", True, ", ".join(point.name for point in points))


def check_cache() -> Check:
    """Check that the cache of compiled programs is writable."""
    folder = jax.config.jax_compilation_cache_dir
    if not folder:
        return Check("cache", True, "off: every run compiles anew")
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        mend = "Set TEMJAX_CACHE to a folder that can be written to."
        return Check("cache", False, f"{folder}: {error.strerror}. {mend}")
    return Check("cache", True, f"{folder} can be written to")


def cache_facts() -> dict[str, object]:
    """Folder, number of programs and size of the cache."""
    folder = Path(jax.config.jax_compilation_cache_dir or cache_folder())
    files = [path for path in folder.glob("*") if path.is_file()] if folder.is_dir() else []
    return {
        "folder": str(folder),
        "in_use": bool(jax.config.jax_compilation_cache_dir),
        "programs": sum(path.name.endswith(("-cache", KERNEL, PROGRAM)) for path in files),
        "megabytes": round(sum(path.stat().st_size for path in files) / 1e6, 1),
    }


def memory_facts() -> dict[str, float | None]:
    """Memory of the machine, GB; None where the system does not report it."""
    memory = {"total_gb": total_bytes(), "available_gb": available_bytes()}
    return {
        name: None if value is None else round(value / 1e9, 1) for name, value in memory.items()
    }


def device_facts(device: jax.Device) -> dict[str, object]:
    """Kind and platform of a device, with its memory in GB where it has its own."""
    facts: dict[str, object] = {"kind": device.device_kind, "platform": device.platform}
    limit = (device.memory_stats() or {}).get("bytes_limit")
    if limit:
        facts["memory_gb"] = round(limit / 1e9, 1)
    return facts


def kernels_text() -> str:
    """Whether the model's CPU kernels are used, or the reason."""
    if not computes_on_cpus():
        return "not needed: computes on another device"
    reason = unavailable_reason()
    return f"not used: {reason}" if reason else "used"


def facts() -> dict[str, object]:
    """Facts about the machine, without the checks."""
    return {
        "versions": package_versions(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "device": device_text(),
        "devices": [device_facts(device) for device in jax.devices()],
        "precision": jnp.result_type(float).name,
        "cores": usable_cores(),
        "kernels": kernels_text(),
        "cache": cache_facts(),
        "memory": memory_facts(),
    }


def self_check() -> list[Check]:
    """Run one year at the embedded site and differentiate it."""
    limits = LIMITS[jnp.result_type(float).name]
    started = time.perf_counter()
    try:
        site = embedded_site()
        checks = check_run(site, limits) + check_derivative(site, limits)
    except Exception as error:  # of any kind
        return [Check("self-check", False, f"{type(error).__name__}: {error}")]
    seconds = time.perf_counter() - started
    return [*checks, Check("self-check", True, f"took {seconds:.0f} s, compilation included")]


def _table(title: str, rows: list[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # paths are long words
    for row in rows:
        table.add_row(*row)
    return table


def _rows(facts: dict) -> list[tuple[str, str]]:
    cache, memory = facts["cache"], facts["memory"]
    devices = [
        device["kind"] + (f", {device['memory_gb']} GB" if "memory_gb" in device else "")
        for device in facts["devices"]
    ]
    sizes = {key: "unknown" if value is None else f"{value} GB" for key, value in memory.items()}
    return [
        *facts["versions"].items(),
        ("system", facts["system"]),
        ("default device", facts["device"]),
        ("all devices", "; ".join(devices)),
        ("precision", facts["precision"]),
        ("kernels for CPUs", facts["kernels"]),
        ("memory", f"{sizes['total_gb']}, available {sizes['available_gb']}"),
        ("cache", f"{cache['programs']} programs, {cache['megabytes']} MB in {cache['folder']}"),
    ]


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    check: Annotated[bool, typer.Option(help="Run the self-check (half a minute or so).")] = True,
) -> None:
    """Versions, devices, precision, cache, memory and a short self-check; exit code 1 on a failure.

    Examples: temjax doctor; temjax --precision float32 doctor; temjax doctor --json --no-check
    """
    console = Console(highlight=False)
    machine = facts()
    if not as_json:
        print_table(console, _table("This machine", _rows(machine)))
    checks = [check_commands(), check_cache()]
    if check:
        if as_json:
            checks += self_check()
        else:
            with console.status("self-check: one year and its derivative"):
                checks += self_check()
    passed = all(outcome.passed for outcome in checks)
    if as_json:
        document = machine | {"checks": [dataclasses.asdict(c) for c in checks], "passed": passed}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        rows = [
            (outcome.name, "ok" if outcome.passed else "FAILED", outcome.message)
            for outcome in checks
        ]
        print_table(console, _table("\nChecks", rows))
    if not passed:
        raise typer.Exit(FAILED)
