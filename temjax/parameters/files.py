"""Parameter sets as TOML: reading, writing, inheritance and gathering by cell."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import jax
import jax.numpy as jnp
import tomli_w
from jaxtyping import Array, Float, Int

from temjax.files.atomic import write_text
from temjax.files.toml import TomlError, parse_toml, read_toml
from temjax.parameters.registry import REGISTRY, Parameters, resolve_name

ROUNDING = 1e-12  # relative, tolerated at a bound
# of ModelOptions, that a fit and a run with its parameters must share
FIT_OPTIONS = ("freezing_cutoff",)
KEYS = {
    "name", "title", "source", "base", "values", "sources", "provenance",
    "format", "place", "posterior", "fit", "options",  # of a fitted set
}  # fmt: skip


class ParameterError(ValueError):
    """Parameter file or name that cannot be used; the message names the fault and its remedy."""


def _sets_folder():
    return resources.files("temjax.parameters") / "sets"


def parameter_set_names() -> tuple[str, ...]:
    """Names of the bundled sets."""
    return tuple(
        sorted(item.name[:-5] for item in _sets_folder().iterdir() if item.name.endswith(".toml"))
    )


def _bundled(name: str, needed_by: str) -> dict:
    names = parameter_set_names()
    if name not in names:
        raise ParameterError(
            f"{needed_by}: unknown parameter set {name!r}; choose one of {', '.join(names)}"
        )
    return parse_toml((_sets_folder() / f"{name}.toml").read_text(encoding="utf-8"))


def _values(document: dict, where: str) -> dict[str, float]:
    """Values of a set, over those of its base."""
    unknown = set(document) - KEYS
    if unknown:
        raise ParameterError(f"{where}: unknown key {sorted(unknown)[0]!r}; remove it")
    values: dict[str, float] = {}
    if "base" in document:
        base = str(document["base"])
        values.update(_values(_bundled(base, where), f"parameter set {base!r}"))
    own = document.get("values", {})
    if not isinstance(own, dict):
        raise ParameterError(f"{where}: values = {own!r} is no table; write [values]")
    for key, value in own.items():
        if key not in REGISTRY:
            try:
                key = resolve_name(key)
            except KeyError as error:
                raise ParameterError(f"{where}: {error.args[0]}") from error
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ParameterError(f"{where}: {key} = {value!r} is not a number")
        try:
            values[key] = float(value)
        except OverflowError as error:
            raise ParameterError(f"{where}: {key} is beyond the range of numbers") from error
    return values


def _build(values: Mapping[str, float], where: str) -> Parameters:
    values = {n: i.default for n, i in REGISTRY.items() if i.default is not None} | dict(values)
    missing = [name for name in REGISTRY if name not in values]
    if missing:
        raise ParameterError(
            f"{where}: {len(missing)} parameters missing, first {missing[0]!r}; "
            'add them or name a base set with base = "…"'
        )
    for name, value in values.items():
        allowed = (name == "stefan_coefficient" and math.isnan(value)) or (
            name == "snow_cap" and value == math.inf
        )
        if not math.isfinite(value) and not allowed:
            raise ParameterError(f"{where}: {name} = {value} is not finite")
        low, high = REGISTRY[name].bounds
        # a value at its bound in log space may be read back a rounding error beyond it
        slack = ROUNDING * max(abs(low), abs(high) if math.isfinite(high) else 0.0)
        if not (low - slack <= value <= high + slack) and not allowed:
            raise ParameterError(
                f"{where}: {name} = {value:g} {REGISTRY[name].unit} is outside its bounds "
                f"{low:g} … {high:g}"
            )
    return Parameters(**{name: jnp.asarray(values[name], float) for name in REGISTRY})


def load_parameters(name: str) -> Parameters:
    """Parameters of a bundled set, for example ``"alpine-meadow"``.

    Raises:
        ParameterError: no such set.
    """
    where = f"parameter set {name!r}"
    return _build(_values(_bundled(name, "load_parameters"), where), where)


def read_parameters(path: str | Path) -> Parameters:
    """Parameters from a TOML file: optional ``base``, ``[values]`` by name or TEM symbol.

    Raises:
        ParameterError: naming the file, the key and the remedy.
    """
    path = Path(path)
    try:
        document = read_toml(path)
    except TomlError as error:
        raise ParameterError(f"{path}: {error}") from error
    _fit_options(document, str(path))
    return _build(_values(document, str(path)), str(path))


def _fit_options(document: Mapping, where: str) -> dict[str, bool]:
    options = document.get("options", {})
    if not isinstance(options, dict):
        raise ParameterError(f"{where}: options = {options!r} is no table; write [options]")
    for name, value in options.items():
        if name not in FIT_OPTIONS:
            raise ParameterError(f"{where}: unknown key {name!r} of [options]; remove it")
        if not isinstance(value, bool):
            raise ParameterError(f"{where}: options.{name} = {value!r}; write true or false")
    return options


def read_fit_options(path: str | Path) -> dict[str, bool]:
    """Options of the model that a set was fitted with, by name; empty where the file names none.

    Raises:
        ParameterError: naming the file, the key and the remedy.
    """
    path = Path(path)
    try:
        return _fit_options(read_toml(path), str(path))
    except TomlError as error:
        raise ParameterError(f"{path}: {error}") from error


def write_parameters(
    parameters: Parameters,
    path: str | Path,
    *,
    name: str,
    title: str = "",
    source: str = "",
    provenance: Mapping[str, object] | None = None,
    tables: Mapping[str, object] | None = None,
) -> None:
    """Write parameters (scalars only) to a TOML file for ``read_parameters``.

    Args:
        parameters: one set.
        path: of the file.
        name, title, source: of the set.
        provenance: what made it.
        tables: other keys and tables, among ``KEYS``.

    Raises:
        ParameterError: the parameters are gathered per cell.
    """
    values = {}
    for field in dataclasses.fields(parameters):
        value = getattr(parameters, field.name)
        if jnp.ndim(value) != 0:
            raise ParameterError(
                f"{field.name} has shape {jnp.shape(value)}; write one set at a time"
            )
        values[field.name] = float(value)
    document = {"name": name, "title": title, "source": source, **dict(tables or {})}
    document["values"] = values
    if provenance:
        document["provenance"] = dict(provenance)
    write_text(Path(path), tomli_w.dumps(document))


def replace_parameters(
    parameters: Parameters, **values: float | Float[Array, "*cell"]
) -> Parameters:
    """Copy of parameters with some values changed; names may be TEM symbols.

    Raises:
        KeyError: unknown parameter.
    """
    changes = {resolve_name(key): jnp.asarray(value, float) for key, value in values.items()}
    return dataclasses.replace(parameters, **changes)


def gather_parameters(sets: Sequence[Parameters], index: Int[Array, "cell"]) -> Parameters:
    """Parameters per cell: those of ``sets[index]``."""
    return _gather(tuple(sets), jnp.asarray(index))


@jax.jit
def _gather(sets: tuple[Parameters, ...], index: Int[Array, "cell"]) -> Parameters:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves)[index], *sets)
