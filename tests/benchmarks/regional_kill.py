"""Kill -9 a regional run at random moments, resume, compare: every number must be the same bit.

``python -m tests.benchmarks.regional_kill --out DIR [--kills 10] [--seed 1]``. The region is the
small one of ``tests/regional`` (5 cells, 3 tiles, two worker processes). The moments are uniform
over the time an uninterrupted run takes once its programs are compiled.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import netCDF4
import numpy as np

from tests.support.small_region import write_experiment


def command(experiment: Path, out: Path, *more: str) -> list[str]:
    """The command line of a run."""
    return ["temjax", "project", str(experiment), "--out", str(out), *more]


def timed_run(experiment: Path, out: Path, *more: str) -> float:
    """Seconds of a run that must succeed."""
    started = time.perf_counter()
    subprocess.run(command(experiment, out, *more), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def numbers(out: Path) -> dict[str, bytes]:
    """Every array of the results (float32) and of the restart points (float64), as bytes."""
    found = {}
    for path in sorted(out.glob("*.nc")):
        with netCDF4.Dataset(path) as file:
            file.set_auto_mask(False)
            for name in file.variables:
                found[f"{path.name}:{name}"] = np.asarray(file[name][...]).tobytes()
    for path in sorted((out / "restart").rglob("*.npz")):
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                found[f"{path.relative_to(out)}:{name}"] = archive[name].tobytes()
    return found


def phases_done(out: Path) -> int:
    """Restart points that survived a kill."""
    return len(list((out / "restart").rglob("*.npz")))


def main() -> int:
    """Print one line per kill; returns 1 if any resumed run differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    experiment = write_experiment(given.out, "workers = 2")
    timed_run(experiment, given.out / "whole")  # compiles
    shutil.rmtree(given.out / "whole")
    seconds = timed_run(experiment, given.out / "whole")
    whole = numbers(given.out / "whole")
    print(f"uninterrupted: {seconds:.1f} s, {phases_done(given.out / 'whole')} restart points")
    rng, different = np.random.default_rng(given.seed), 0
    for kill, moment in enumerate(rng.uniform(0, seconds, given.kills)):
        out = given.out / f"killed{kill}"
        process = subprocess.Popen(command(experiment, out), stdout=subprocess.DEVNULL)
        try:
            process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        died = process.returncode == -signal.SIGKILL
        left = phases_done(out)
        timed_run(experiment, out, "--resume")
        same = numbers(out) == whole
        different += not same
        print(
            f"{'killed' if died else 'already done'} after {moment:5.1f} s with {left:2d} restart "
            f"points; resumed: {'same bits' if same else 'DIFFERENT'}",
            flush=True,
        )
        shutil.rmtree(out)
    print(f"{given.kills - different} of {given.kills} bit-identical ({len(whole)} arrays each)")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
