"""A package whose public names are imported when they are first used.

``temjax --help`` must not wait for JAX. The standard way, a module's ``__getattr__``, is not enough
here: ``temjax.simulate`` is a function and a module of that name, and the import system binds the
module to the package whenever it is imported. A public name therefore wins over a submodule.
"""

import importlib
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from types import ModuleType


class LazyPackage(ModuleType):
    """A package with ``__exports__``: public name to the module that defines it."""

    def __setattr__(self, name: str, value: object) -> None:
        exports = self.__dict__.get("__exports__", {})
        if isinstance(value, ModuleType) and exports.get(name) == value.__name__:
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> object:
        exports = self.__dict__.get("__exports__", {})
        if name in exports:
            value = getattr(importlib.import_module(exports[name]), name)
            super().__setattr__(name, value)
            return value
        module = f"{self.__name__}.{name}"  # a submodule, as if the package had imported it
        if name.startswith("_") or find_spec(module) is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return importlib.import_module(module)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__dict__.get("__exports__", ())})


def export(package: str, modules: Mapping[str, tuple[str, ...]]) -> None:
    """Let a package hand out names of its modules: module (relative) to names."""
    module = sys.modules[package]
    exports = {name: f"{package}.{part}" for part, names in modules.items() for name in names}
    module.__dict__["__exports__"] = exports
    module.__class__ = LazyPackage
