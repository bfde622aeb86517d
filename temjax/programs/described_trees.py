"""What a function returns, as text: its containers and what they hold besides arrays.

So that a later process can put arrays back into place without running anything that a file says:
types are looked up by name, and only in packages that the reader names.
"""

import json
from collections.abc import Collection
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

_PLAIN = (str, bool, int, float, type(None))


def described(structure: Any) -> str:
    """A tree's structure (``jax.tree.structure``) as text.

    Raises:
        TypeError: something else than containers, modules, dataclasses and plain values is in it.
    """
    numbers = [_Leaf(number) for number in range(structure.num_leaves)]
    return json.dumps(_written(jax.tree.unflatten(structure, numbers)))


def rebuilt(text: str, packages: Collection[str]) -> PyTree:
    """The tree that was described, its leaves numbered from 0.

    Args:
        text: from ``described``.
        packages: where types may come from.

    Raises:
        ValueError: a type is of another package.
    """
    return _read(json.loads(text), packages)


class _Leaf:
    """The place of an array."""

    def __init__(self, number: int):
        self.number = number


def _written(value: Any) -> Any:
    if isinstance(value, _Leaf):
        return {"leaf": value.number}
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, dict):
        return {"dict": [[_written(key), _written(item)] for key, item in value.items()]}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {"type": _name(value), "items": [_written(item) for item in value]}
    if type(value) in (tuple, list):
        return {type(value).__name__: [_written(item) for item in value]}
    if is_dataclass(value):  # modules are some
        held = {field.name: _written(getattr(value, field.name)) for field in fields(value)}
        return {"type": _name(value), "fields": held}
    raise TypeError(f"{type(value)} cannot be described")


def _name(value: Any) -> str:
    kind = type(value)
    if getattr(import_module(kind.__module__), kind.__qualname__, None) is not kind:
        raise TypeError(f"{kind} cannot be found by its name")
    return f"{kind.__module__}:{kind.__qualname__}"


def _read(value: Any, packages: Collection[str]) -> Any:
    def items(listed: list) -> list:
        return [_read(item, packages) for item in listed]

    match value:
        case {"leaf": number}:
            return number
        case {"dict": pairs}:
            return dict(map(items, pairs))
        case {"tuple": listed}:
            return tuple(items(listed))
        case {"list": listed}:
            return items(listed)
        case {"type": name, "items": listed}:
            return _type(name, packages)(*items(listed))
        case {"type": name, "fields": held}:
            values = {field: _read(item, packages) for field, item in held.items()}
            return _made(_type(name, packages), values)
    return value


def _type(name: str, packages: Collection[str]) -> type:
    module, _, kind = name.partition(":")
    if module.partition(".")[0] not in packages:
        raise ValueError(f"{name} is of none of the packages {', '.join(sorted(packages))}")
    return getattr(import_module(module), kind)


def _made(kind: type, values: dict[str, Any]) -> Any:
    if not issubclass(kind, eqx.Module):
        return kind(**values)
    module = object.__new__(kind)  # its __init__ may ask for arrays
    for name, value in values.items():
        object.__setattr__(module, name, value)
    return module
