"""A regional run: cells in tiles, tiles side by side, bad cells masked and named."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from regional.climate import Climate, Segment, load_climate, merge_findings
from regional.domain import Domain, load_domain
from regional.experiment import Experiment
from regional.progress import Meter
from regional.protocol import Timeline, make_timeline
from regional.restart import Products, Restarts
from regional.seam import Seam, find_seams
from regional.tile import Cells, Report, Stopped, TileRun
from sites.provenance import parameter_hash
from temjax import __version__
from temjax.equilibrium import METHODS
from temjax.heat_equilibrium import tolerance
from temjax.parameter_files import load_parameters, read_parameters
from temjax.parameters import Parameters
from temjax.validation import DataError, Finding

STATUS = ("ok", "equilibrium_not_converged", "invalid_input", "no_vegetation", "not_finite")
OK, NOT_CONVERGED, INVALID_INPUT, NO_VEGETATION, NOT_FINITE = range(len(STATUS))
_JAX_SETTINGS = (  # what worker processes take over
    "jax_enable_x64", "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs",
)  # fmt: skip
MASKED = (INVALID_INPUT, NO_VEGETATION, NOT_FINITE)


@dataclass
class MemberResult:
    """One member's run.

    Attributes:
        member, scenario: climate model and pathway.
        domain: cells.
        timeline: years.
        products: ``historical/npp``, ``S_R/npp``, ``S_T/npp`` ... ``(year, [depth,] cell)``; NaN in
            masked cells. Certificates as ``equilibrium/residual`` ... ``(cell,)``.
        status: index into ``STATUS``, ``(cell,)``.
        findings: reasons by cell, for every cell that is not ok.
        segments: climate sources in order.
        seams: steps where climate sources meet.
        parameter_hashes: by vegetation type in use.
        cell_years: simulated now, without those taken from restart points.
        seconds: wall time.
    """

    member: str
    scenario: str
    domain: Domain
    timeline: Timeline
    products: Products
    status: NDArray
    findings: dict[int, list[Finding]]
    segments: tuple[Segment, ...]
    seams: list[Seam]
    parameter_hashes: dict[str, str]
    cell_years: int
    seconds: float


def project(
    experiment: Experiment,
    out: Path,
    *,
    resume: bool = False,
    console: Console | None = None,
) -> list[MemberResult]:
    """Run every member of an experiment.

    float64 is switched on for the process: equilibrium and spin-up need it (false convergence in
    float32, numerics.md).

    Args:
        experiment: validated choices.
        out: restart points go to ``out/restart/<member>_<scenario>``.
        resume: go on from restart points of the same configuration; otherwise they are removed.
        console: for progress and log; a quiet one by default.

    Raises:
        DataError: input that cannot be run, or restart points of another configuration.
    """
    jax.config.update("jax_enable_x64", True)
    console = console or Console(quiet=True)
    domain = load_domain(experiment)
    results = []
    for member, scenario in experiment.members:
        folder = out / "restart" / f"{member.lower()}_{scenario}"
        if not resume and folder.is_dir():
            for point in (*folder.glob("tile*.npz"), *folder.glob("tile*.partial")):
                point.unlink()
        climate = load_climate(experiment, domain, member, scenario)
        results.append(_run_member(experiment, domain, climate, member, scenario, folder, console))
    return results


def _run_member(
    experiment: Experiment,
    domain: Domain,
    climate: Climate,
    member: str,
    scenario: str,
    folder: Path,
    console: Console,
) -> MemberResult:
    started = time.perf_counter()
    findings = merge_findings(domain.findings, climate.findings)
    good = np.array([cell for cell in range(domain.size) if cell not in findings], dtype=int)
    if good.size == 0:
        raise DataError(
            [fault for found in list(findings.values())[:1] for fault in found]
            + [Finding(experiment.name, "cells", "", "no cell is valid", "Mend the input.")]
        )
    seams = find_seams(climate, domain.area)
    for seam in seams:
        console.print(f"[yellow]Forcing seam[/] {seam}")
    if findings:
        console.print(f"[yellow]{len(findings)} of {domain.size} cells masked: invalid input[/]")

    names = sorted(set(domain.vegetation[good]))
    sets = [_parameter_set(experiment, name) for name in names]
    _check_stefan(experiment, names, sets)
    timeline = make_timeline(experiment.protocol, climate)
    tiles = _tiles(experiment, domain, climate, names, good)
    years = 2 * timeline.future[1] - timeline.future[0]  # the future is run twice
    meter = Meter(console, f"{member} {scenario}", years * sum(cells.index.size for cells in tiles))
    with meter:
        made = _run_tiles(experiment, timeline, tiles, sets, folder, meter)
    products, status = _collect(domain, tiles, made, findings)
    return MemberResult(
        member=member,
        scenario=scenario,
        domain=domain,
        timeline=timeline,
        products=products,
        status=status,
        findings=dict(sorted(findings.items())),
        segments=climate.segments,
        seams=seams,
        parameter_hashes={
            name: parameter_hash(parameters) for name, parameters in zip(names, sets, strict=True)
        },
        cell_years=meter.computed,
        seconds=time.perf_counter() - started,
    )


def _parameter_set(experiment: Experiment, vegetation: str) -> Parameters:
    if vegetation in experiment.parameters:
        return read_parameters(experiment.parameters[vegetation])
    return load_parameters(vegetation)


def _check_stefan(experiment: Experiment, names: list[str], sets: list[Parameters]) -> None:
    """The Stefan rule needs a coefficient in every parameter set."""
    if experiment.options.active_layer_rule != "stefan":
        return
    lacking = [n for n, s in zip(names, sets, strict=True) if np.isnan(s.stefan_coefficient)]
    if lacking:
        message = f"no Stefan coefficient for {', '.join(lacking)}"
        mend = "Choose active_layer_rule = 'hold', or give sets with stefan_coefficient."
        raise DataError([Finding(experiment.name, "model.active_layer_rule", "", message, mend)])


def _tiles(
    experiment: Experiment, domain: Domain, climate: Climate, names: list[str], good: NDArray
) -> list[Cells]:
    """Tiles of one common size; cells keep their position, faulty ones carry a good cell's input.

    A tile without a good cell is left out.
    """
    number = -(-domain.size // experiment.run.tile_cells)
    size = -(-domain.size // number)
    valid = np.zeros(domain.size, dtype=bool)
    valid[good] = True
    tiles = []
    for tile in range(number):
        index = np.arange(tile * size, min((tile + 1) * size, domain.size))
        usable = index[valid[index]]
        if usable.size == 0:
            continue
        source = np.full(size, usable[0])
        source[: index.size] = np.where(valid[index], index, usable[0])
        tiles.append(
            Cells(
                number=tile,
                index=index,
                latitude=domain.latitude[source],
                elevation=domain.elevation[source],
                silt_plus_clay=domain.silt_plus_clay[source],
                parameter_index=np.searchsorted(names, domain.vegetation[source]),
                climate=climate.load(source),
            )
        )
    return tiles


def _run_tiles(
    experiment: Experiment,
    timeline: Timeline,
    tiles: list[Cells],
    sets: list[Parameters],
    folder: Path,
    meter: Meter,
) -> list[Products]:
    """All tiles, here or in processes of their own.

    Processes, not threads: two XLA programs that run at once in one process can wait for each
    other's threads for ever. Ctrl-C ends the tiles at their next block; restart points stay.
    """
    workers = min(experiment.run.workers or os.cpu_count() or 1, len(tiles))
    if workers == 1 or jax.default_backend() != "cpu":
        return [
            run_tile(experiment, timeline, cells, sets, folder, meter.report) for cells in tiles
        ]
    sets = jax.tree.map(np.asarray, sets)
    context = multiprocessing.get_context("spawn")
    queue, stop = context.Queue(), context.Event()
    listener = threading.Thread(target=_listen, args=(queue, meter), daemon=True)
    listener.start()
    made: list[Products] = [{}] * len(tiles)
    settings = {name: getattr(jax.config, name) for name in _JAX_SETTINGS}
    start = (queue, stop, settings)
    with ProcessPoolExecutor(workers, context, _start_worker, start) as pool:
        futures = {
            pool.submit(_work, experiment, timeline, cells, sets, folder): position
            for position, cells in enumerate(tiles)
        }
        try:
            for future in as_completed(futures):
                made[futures[future]] = future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        finally:
            queue.put(None)
            listener.join()
    return made


def run_tile(
    experiment: Experiment,
    timeline: Timeline,
    cells: Cells,
    sets: list[Parameters],
    folder: Path,
    report: Report,
) -> Products:
    """All phases of one tile, from its restart points where they exist."""
    run_hash = cells.hash(sets, timeline, f"{experiment.hash} {__version__}")
    restarts = Restarts(folder, cells.number, run_hash)
    return TileRun(experiment, timeline, cells, sets, restarts, report).run()


_worker: dict = {}


def _start_worker(queue, stop, settings: dict) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    for name, value in settings.items():
        jax.config.update(name, value)
    _worker.update(queue=queue, stop=stop)


def _work(
    experiment: Experiment,
    timeline: Timeline,
    cells: Cells,
    sets: list[Parameters],
    folder: Path,
) -> Products:
    def report(phase: str, cell_years: int, computed: bool) -> None:
        if _worker["stop"].is_set():
            raise Stopped(phase)
        _worker["queue"].put((phase, cell_years, computed))

    return run_tile(experiment, timeline, cells, sets, folder, report)


def _listen(queue, meter: Meter) -> None:
    while (message := queue.get()) is not None:
        meter.report(*message)


def _collect(
    domain: Domain, tiles: list[Cells], made: list[Products], findings: dict[int, list[Finding]]
) -> tuple[Products, NDArray]:
    """Tiles put together on the cell axis; masked cells become NaN, reasons go to ``findings``."""
    status = np.full(domain.size, OK)
    status[list(findings)] = INVALID_INPUT
    products: Products = {}
    for cells, tile in zip(tiles, made, strict=True):
        for name, values in tile.items():
            if name not in products:
                products[name] = np.full((*values.shape[:-1], domain.size), np.nan)
            products[name][..., cells.index] = values[..., : cells.index.size]
    certificate = {
        NO_VEGETATION: (products["equilibrium/method"] == METHODS.index("no vegetation"),
                        "too cold or too dry for vegetation: warmest month of the equilibrium "
                        "climate below -1 degC, or no precipitation",
                        "Leave the cell out of the vegetation map, or check its climate."),
        NOT_CONVERGED: (np.isin(products["equilibrium/method"],
                                [METHODS.index("not converged"), METHODS.index("not isolated")])
                        | (products["equilibrium/heat_residual"] > tolerance(float)),
                        "equilibrium not converged; results are kept",
                        "Read its later years with care, or lengthen the spin-up."),
        NOT_FINITE: (products["finite"] == 0,
                     "a result is not finite",
                     "Report the cell with its input: the model should not do this."),
    }  # fmt: skip
    for code, (applies, message, mend) in certificate.items():
        for cell in np.flatnonzero(applies & (status != INVALID_INPUT)):
            status[cell] = code
            found = Finding("model", STATUS[code], domain.name(cell), message, mend)
            findings.setdefault(int(cell), []).append(found)
    masked = np.isin(status, MASKED)
    for values in products.values():
        values[..., masked] = np.nan
    return products, status
