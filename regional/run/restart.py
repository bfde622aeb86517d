"""Restart points: one NumPy archive per tile and phase, no pickles, written whole or not at all."""

from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from temjax import __version__
from temjax.files.atomic import DamagedError, process_suffix, read_arrays, write_arrays
from temjax.files.findings import DataError, Finding
from temjax.state import State

Products = dict[str, NDArray]
STATE, PRODUCT = "state/", "product/"  # names of arrays begin with


def state_leaves(module: type[eqx.Module] = State, prefix: str = "") -> list[str]:
    """Registry of what a state holds: dotted names, in order of declaration."""
    hints = get_type_hints(module)
    names = []
    for leaf in fields(module):
        kind = hints[leaf.name]
        if isinstance(kind, type) and issubclass(kind, eqx.Module):
            names += state_leaves(kind, f"{prefix}{leaf.name}.")
        else:
            names.append(prefix + leaf.name)
    return names


def pack_state(state: State) -> dict[str, NDArray]:
    """Leaves by dotted name."""
    packed = {}
    for name in state_leaves():
        leaf = state
        for part in name.split("."):
            leaf = getattr(leaf, part)
        packed[name] = np.asarray(leaf)
    return packed


def unpack_state(
    arrays: dict[str, NDArray], module: type[eqx.Module] = State, prefix: str = ""
) -> State:
    """The inverse of ``pack_state``."""
    hints = get_type_hints(module)
    parts = {}
    for leaf in fields(module):
        kind = hints[leaf.name]
        name = prefix + leaf.name
        if isinstance(kind, type) and issubclass(kind, eqx.Module):
            parts[leaf.name] = unpack_state(arrays, kind, f"{name}.")
        else:
            parts[leaf.name] = jnp.asarray(arrays[name])
    return module(**parts)


def remove_points(*folders: Path) -> None:
    """Remove the restart points of earlier runs, finished or half written."""
    for folder in dict.fromkeys(folders):
        for point in (*folder.glob("tile*.npz"), *folder.glob("tile*.partial")):
            point.unlink()


class Restarts:
    """Restart points of one tile.

    Args:
        folder: where they lie.
        tile: number of the tile.
        run_hash: hash of everything the tile's result depends on; a point with another hash is
            never used.
    """

    def __init__(self, folder: Path, tile: int, run_hash: str):
        self.folder, self.tile, self.hash = folder, tile, run_hash

    def path(self, phase: str) -> Path:
        """File of a phase."""
        return self.folder / f"tile{self.tile:04d}_{phase}.npz"

    def save(self, phase: str, state: State | None, products: Products) -> None:
        """Write a phase's final state (if a later phase needs it) and its annual products."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arrays = {f"{PRODUCT}{name}": values for name, values in products.items()}
        if state is not None:
            arrays |= {f"{STATE}{name}": values for name, values in pack_state(state).items()}
        made_by = {"hash": self.hash, "version": __version__}
        # a name of its own: a worker that was given up may still be writing the same point
        write_arrays(self.path(phase), made_by | arrays, process_suffix())

    def load(self, phase: str) -> tuple[State | None, Products] | None:
        """State and products of a finished phase; None where there are none.

        Raises:
            DataError: the file was made by another version or configuration, or is damaged.
        """
        path = self.path(phase)
        if not path.is_file():
            return None
        try:
            arrays = read_arrays(path)
            made_by, version = str(arrays.pop("hash")), str(arrays.pop("version"))
        except (DamagedError, KeyError) as error:
            mend = "Delete it; what it held is computed anew."
            raise self._fault(path, f"damaged restart file ({error})", mend) from error
        anew = "Run without --resume, or into another folder."
        if version != __version__:
            message = f"made by temjax {version}, this is {__version__}"
            raise self._fault(path, message, anew)
        if made_by != self.hash:
            message = f"made by another configuration ({made_by}, now {self.hash})"
            raise self._fault(path, message, anew)
        named = {
            group: {
                key.removeprefix(group): value
                for key, value in arrays.items()
                if key.startswith(group)
            }
            for group in (STATE, PRODUCT)
        }
        if not named[STATE]:
            return None, named[PRODUCT]
        if set(named[STATE]) != set(state_leaves()):
            raise self._fault(path, "holds another set of state variables", "Run anew.")
        return unpack_state(named[STATE]), named[PRODUCT]

    @staticmethod
    def _fault(path: Path, message: str, mend: str) -> DataError:
        return DataError([Finding(str(path), "restart", "", message, mend)])


class NoRestarts(Restarts):
    """Keeps nothing: every phase is computed."""

    def __init__(self):
        super().__init__(Path(), 0, "")

    def save(self, phase: str, state: State | None, products: Products) -> None:
        """Nothing is written."""

    def load(self, phase: str) -> None:
        """Nothing is found."""
