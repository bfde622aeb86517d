"""Folders of the region import downward only, in the order of the data, and in no circle."""

from pathlib import Path

import pytest

from tests.support import structure

ROOT = Path(__file__).resolve().parents[2]
ORDER = (
    "experiment", "inputs", "datasets", "member", "run", "results", "diagnostics", "figures",
    "studies", "report", "projection", "command",
)  # fmt: skip
LAYER = {f"temjax.regional.{name}": number for number, name in enumerate(ORDER)}
COMMANDS = LAYER["temjax.regional.command"]
MODULES = {
    name: module
    for name, module in structure.read_modules(ROOT).items()
    if name.startswith("temjax.regional.")  # its own ``__init__`` imports nothing of ours
}
ALL = structure.read_modules(ROOT)


def upward(arrows: structure.Arrows) -> set[tuple[str, str]]:
    """Imports of a layer above, or of ``temjax.command`` from below the commands."""
    found = set()
    for name, below in arrows.items():
        layer = LAYER[MODULES[name].room]
        for target in below:
            command = (
                target.startswith("temjax.command") and layer < LAYER["temjax.regional.command"]
            )
            if command or (target in MODULES and LAYER[MODULES[target].room] > layer):
                found.add((name, target))
    return found


def arrows() -> structure.Arrows:
    return {name: below for name, below in structure.import_arrows(ALL).items() if name in MODULES}


def test_every_folder_has_a_layer():
    assert {module.room for module in MODULES.values()} == set(LAYER)


def test_no_layer_imports_one_above_it():
    assert not upward(arrows())


def test_no_modules_import_each_other():
    assert not structure.circles(structure.import_arrows(MODULES))


def test_only_commands_import_inside_functions():
    inside = structure.imports_inside(MODULES)
    assert {MODULES[name].room for name in inside} <= {"temjax.regional.command"}


def test_files_and_functions_are_short():
    assert not structure.long_functions(MODULES)
    assert not structure.long_files(MODULES)
    folder = str(ROOT / "regional")
    assert not {name for name in structure.full_folders(MODULES) if name.startswith(folder)}


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("temjax.regional.run.tile", "temjax.regional.results.formats"),
        ("temjax.regional.inputs.climate", "temjax.regional.member"),
        ("temjax.regional.run.members", "temjax.command.main"),
    ],
)
def test_an_import_upward_is_found(name, target):
    assert upward({name: {target}}) == {(name, target)}
