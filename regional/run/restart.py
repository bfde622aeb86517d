"""Restart points: one NumPy archive per tile and phase, without pickles, written atomically."""

from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from temjax import __version__
from temjax.files.atomic import DamagedError, process_suffix, read_arrays, write_arrays
from temjax.files.findings import DataError, Finding
from temjax.state import State

Products = dict[str, NDArray]
STATE, PRODUCT = "state/", "product/"  # prefixes of array names


def state_to_arrays(state: eqx.Module, prefix: str = "") -> dict[str, NDArray]:
    """Arrays of a state by dotted name, in order of declaration; parts it lacks are left out."""
    arrays = {}
    for leaf in fields(state):
        value = getattr(state, leaf.name)
        if isinstance(value, eqx.Module):
            arrays |= state_to_arrays(value, f"{prefix}{leaf.name}.")
        elif value is not None:
            arrays[prefix + leaf.name] = np.asarray(value)
    return arrays


def state_from_arrays(
    arrays: dict[str, NDArray], module: type[eqx.Module] = State, prefix: str = ""
) -> State:
    """State from its arrays, the inverse of ``state_to_arrays``.

    Raises:
        KeyError: an array that is missing.
    """
    hints = get_type_hints(module)
    parts = {}
    for leaf in fields(module):
        name, part = prefix + leaf.name, _module_of(hints[leaf.name])
        if part is None:
            parts[leaf.name] = jnp.asarray(arrays[name])
        elif leaf.default is not None or any(key.startswith(f"{name}.") for key in arrays):
            parts[leaf.name] = state_from_arrays(arrays, part, f"{name}.")
    return module(**parts)


def _module_of(kind: type) -> type[eqx.Module] | None:
    """The module of an annotation, also of an optional part; None of an array."""
    for one in get_args(kind) or (kind,):
        if isinstance(one, type) and issubclass(one, eqx.Module):
            return one
    return None


def remove_restart_points(*folders: Path) -> None:
    """Remove the restart points of earlier runs, complete or partial."""
    for folder in dict.fromkeys(folders):
        for point in (*folder.glob("tile*.npz"), *folder.glob("tile*.partial")):
            point.unlink()


class RestartPoints:
    """Restart points of one tile.

    Args:
        folder: of the files.
        tile: number of the tile.
        run_hash: hash of all inputs of the tile; a restart point with another hash is refused.
    """

    def __init__(self, folder: Path, tile: int, run_hash: str):
        self.folder, self.tile, self.hash = folder, tile, run_hash

    def path(self, phase: str) -> Path:
        """File of a phase."""
        return self.folder / f"tile{self.tile:04d}_{phase}.npz"

    def save(self, phase: str, state: State | None, products: Products) -> None:
        """Write the final state of a phase (None if no later phase needs it) and its products."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arrays = {f"{PRODUCT}{name}": values for name, values in products.items()}
        if state is not None:
            arrays |= {f"{STATE}{name}": values for name, values in state_to_arrays(state).items()}
        origin = {"hash": self.hash, "version": __version__}
        # a partial file per process: a worker given up as lost may still be writing the same point
        write_arrays(self.path(phase), origin | arrays, process_suffix())

    def load(self, phase: str) -> tuple[State | None, Products] | None:
        """Read the state and products of a finished phase; None if there is no restart point.

        Raises:
            DataError: the file is of another version or configuration, or is damaged.
        """
        path = self.path(phase)
        if not path.is_file():
            return None
        try:
            arrays = read_arrays(path)
            run_hash, version = str(arrays.pop("hash")), str(arrays.pop("version"))
        except (DamagedError, KeyError) as error:
            mend = "Delete it; what it held is computed anew."
            raise self._fault(path, f"damaged restart file ({error})", mend) from error
        mend = "Run without --resume, or into another folder."
        if version != __version__:
            message = f"made by temjax {version}, this is {__version__}"
            raise self._fault(path, message, mend)
        if run_hash != self.hash:
            message = f"made by another configuration ({run_hash}, now {self.hash})"
            raise self._fault(path, message, mend)
        groups = {
            group: {
                key.removeprefix(group): value
                for key, value in arrays.items()
                if key.startswith(group)
            }
            for group in (STATE, PRODUCT)
        }
        if not groups[STATE]:
            return None, groups[PRODUCT]
        try:
            state = state_from_arrays(groups[STATE])
        except KeyError:
            state = None
        if state is None or set(groups[STATE]) != set(state_to_arrays(state)):
            raise self._fault(path, "holds another set of state variables", "Run anew.")
        return state, groups[PRODUCT]

    @staticmethod
    def _fault(path: Path, message: str, mend: str) -> DataError:
        return DataError([Finding(str(path), "restart", "", message, mend)])


class NoRestartPoints(RestartPoints):
    """No restart points: every phase is computed and nothing is written."""

    def __init__(self):
        super().__init__(Path(), 0, "")

    def save(self, phase: str, state: State | None, products: Products) -> None:
        """Write nothing."""

    def load(self, phase: str) -> None:
        """Read nothing."""
