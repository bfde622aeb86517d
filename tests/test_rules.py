"""House rules that keep the tree readable: sizes, strings that name modules, imports at the top."""

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from temjax.kernels import REGISTRY
from tests.support import structure

ROOT = Path(__file__).resolve().parents[1]
MODULES = structure.read_modules(ROOT)
# flat on purpose: one process a file; packages whose files are one level
MANY_FILES = {
    ROOT / "temjax" / "processes", ROOT / "calibration", ROOT / "sites", ROOT / "sites" / "readers",
}  # fmt: skip
NAMED = re.compile(r"""["'](temjax(?:\.\w+)+)(?::(\w+))?["']""")
GROUPS = {"temjax.commands", "temjax.checkers", "temjax.benchmarks", "temjax.demo",
          "temjax.parameter_sets"}  # fmt: skip


def test_files_and_functions_are_short():
    assert structure.long_files(MODULES) == {}
    assert structure.long_functions(MODULES) == {}


def test_folders_are_small():
    full = structure.full_folders(MODULES)
    assert {folder for folder in full if Path(folder) not in MANY_FILES} == set()


def test_imports_stand_at_the_top():
    """Only commands import when they run: ``temjax --help`` must not wait for JAX."""
    inside = structure.imports_inside(MODULES)
    allowed = re.compile(r"\.command\.|(\.|_)cli$")
    assert {name: count for name, count in inside.items() if not allowed.search(name)} == {}


def test_there_is_no_circle():
    assert structure.circles(structure.import_arrows(MODULES)) == []
    assert structure.circles(structure.room_arrows(MODULES)) == []


def resolves(module: str, attribute: str | None = None) -> bool:
    """Whether a name leads to a module, or to something a module defines."""
    above, _, last = module.rpartition(".")
    if module in MODULES:
        text = MODULES[module].path.read_text(encoding="utf-8")
        return attribute is None or bool(re.search(rf"^(def|class) {attribute}\b", text, re.M))
    if above in MODULES and attribute is None:
        text = MODULES[above].path.read_text(encoding="utf-8")
        return bool(re.search(rf"\b{last}\b", text))
    return False


def test_strings_that_name_modules_resolve():
    places = [module.path for module in MODULES.values()] + [ROOT / "pyproject.toml"]
    wrong = []
    for path in places:
        for name, attribute in NAMED.findall(path.read_text(encoding="utf-8")):
            if name not in GROUPS and not resolves(name, attribute or None):
                wrong.append(f"{path.relative_to(ROOT)}: {name}:{attribute}")
    assert wrong == []


def test_entry_points_are_functions_of_ours():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = settings["project"]["entry-points"]
    assert set(groups) == GROUPS
    for value in (value for group in groups.values() for value in group.values()):
        module, _, function = value.partition(":")
        assert resolves(module, function), value
        assert find_spec(module) is not None, value


def test_kernels_of_the_registry_are_functions_of_ours():
    names = [name for kernels in REGISTRY.values() for name in kernels.values()]
    assert names
    assert [name for name in names if not resolves(*name.split(":"))] == []


@pytest.mark.parametrize("name", ["temjax.heat.march", "temjax.cli"])
def test_a_name_that_leads_nowhere_is_seen(name):
    assert not resolves(name)
