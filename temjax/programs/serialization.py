"""Serialization of pytree nodes for ``jax.export``: equinox modules and named tuples.

A file names a type by its module and name, which select among the types that this process has
imported and registered; nothing in a file names code to import or run.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import Field, fields, is_dataclass
from typing import Any, get_type_hints

import equinox as eqx
import jax
from jax import export
from jax.tree_util import PyTreeDef

_PLAIN = (str, bool, int, float, type(None))
_registered: dict[str, type] = {}


def register_types(packages: Collection[str]) -> None:
    """Register all modules of equinox and named tuples that these packages have defined so far."""
    for kind in (*_subclasses(eqx.Module), *tuple.__subclasses__()):
        name = f"{kind.__module__}.{kind.__qualname__}"
        # equinox before 0.13 has a second class of the same name for modules under construction
        known = name in _registered or kind in _registered.values()
        if known or kind.__module__.partition(".")[0] not in packages:
            continue
        if issubclass(kind, eqx.Module):
            register_module(kind, name)
        elif hasattr(kind, "_fields"):
            export.register_namedtuple_serialization(kind, serialized_name=name)
            _registered[name] = kind


def _subclasses(kind: type) -> Iterator[type]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def register_module(kind: type[eqx.Module], name: str) -> None:
    """Register a class of modules with its static fields.

    Those may be plain values, tuples of them, or dataclasses that the field is annotated with.

    Args:
        kind: the class.
        name: in files.
    """

    def serialize(auxiliary: Any) -> bytes:
        module = _from_auxiliary(kind, auxiliary)
        static = {field.name: getattr(module, field.name) for field in _static(kind)}
        return json.dumps({name: _encode(value) for name, value in static.items()}).encode()

    def deserialize(content: bytes) -> dict[str, Any]:
        encoded = json.loads(content.decode())
        return {field.name: _decode(kind, field.name, encoded) for field in _static(kind)}

    def from_children(static: dict[str, Any], children: Sequence[Any]) -> eqx.Module:
        names = (field.name for field in _dynamic(kind))
        module = object.__new__(kind)  # its __init__ may ask for arrays
        for name, value in {**dict(zip(names, children, strict=True)), **static}.items():
            object.__setattr__(module, name, value)
        return module

    export.register_pytree_node_serialization(
        kind,
        serialized_name=name,
        serialize_auxdata=serialize,
        deserialize_auxdata=deserialize,
        from_children=from_children,
    )
    _registered[name] = kind


def _static(kind: type[eqx.Module]) -> list[Field]:
    return [field for field in fields(kind) if field.metadata.get("static", False)]


def _dynamic(kind: type[eqx.Module]) -> list[Field]:
    return [field for field in fields(kind) if not field.metadata.get("static", False)]


def _from_auxiliary(kind: type[eqx.Module], auxiliary: Any) -> eqx.Module:
    """A module of a node's auxiliary data, whose form is equinox's own, with zeros for children."""
    old = getattr(PyTreeDef, "make_from_node_data_and_children", None)  # in JAX 0.5
    make = old or PyTreeDef.from_node_data_and_children
    leaf, children = jax.tree.structure(0.0), len(_dynamic(kind))
    node = make(jax.tree_util.default_registry, (kind, auxiliary), [leaf] * children)
    return jax.tree.unflatten(node, [0.0] * children)


def _encode(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if type(value) is tuple and not any(map(is_dataclass, value)):
        return [_encode(item) for item in value]
    if is_dataclass(value):
        return {field.name: _encode(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"a static field of {type(value)} has no serialization")


def _decode(kind: type, name: str, encoded: dict[str, Any]) -> Any:
    """The value of a field of a class; of a dataclass, the one that it is annotated with."""
    value = encoded[name]
    if isinstance(value, dict):
        inner = get_type_hints(kind)[name]
        return inner(**{field.name: _decode(inner, field.name, value) for field in fields(inner)})
    return _as_tuples(value)


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
