"""One way down: packages and rooms import only what lies below them, in no circle."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.support import structure

ROOT = Path(__file__).resolve().parents[1]
MODULES = structure.read_modules(ROOT)
PACKAGES = ("temjax.sites", "temjax.calibration", "temjax.regional")
MAY_IMPORT = {
    "temjax": {"temjax"},
    "temjax.sites": {"temjax", "temjax.sites"},
    "temjax.regional": {"temjax", "temjax.sites", "temjax.regional"},
    "temjax.calibration": {"temjax", "temjax.sites", "temjax.calibration"},
}
BRIDGE = "temjax.calibration.region"  # the one room of calibration that may import regional,
TRACED = f"{BRIDGE}.part"  # but not what is traced
# Rooms of temjax: what each may import besides itself
VOCABULARY = {"state", "forcing", "options", "outputs", "numerics", "units"}
GROUND = VOCABULARY | {"files", "runtime"}
COLUMN = GROUND | {"parameters", "soil_column"}
MODEL = COLUMN | {"processes", "native", "programs"}
RUNS = MODEL | {"ecosystem", "heat"}
ROOMS = {
    "files": set(),
    "runtime": {"files"},
    "native": {"files", "runtime"},  # knows no model
    "programs": {"files", "runtime", "native"},
    **dict.fromkeys(VOCABULARY, GROUND),
    "conventions": GROUND,
    "parameters": GROUND,
    "soil_column": GROUND | {"parameters"},
    "processes": {"numerics", "forcing", "state", "options", "soil_column"},
    "ecosystem": MODEL,
    "heat": MODEL,
    "kernels": RUNS,  # and nobody imports them
    "runs": RUNS,
    "command": RUNS | {"runs"},
}
# Folders and files of regional, in the order of the data: each may import those before it
REGIONAL = (
    "experiment", "inputs", "climate", "datasets", "member", "run", "results", "exports",
    "diagnostics", "figures", "studies", "report", "projection", "command",
)  # fmt: skip
COMMANDS = re.compile(r"\.command\b|(\.|_)(cli|demo)$")  # modules that are command line
OLD_NAMES = {"sites", "calibration", "regional"}  # as they were installed once
EDGE_ONLY = {"xarray", "netCDF4", "pandas", "matplotlib"}  # files and tables: never in temjax


def package(name: str) -> str:
    """The package a module belongs to."""
    return next((p for p in PACKAGES if name == p or name.startswith(f"{p}.")), "temjax")


def imported(tree: ast.Module) -> set[str]:
    """Modules and names a module imports, wherever the import stands."""
    names = set()
    for node, _ in structure.import_nodes(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        else:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def is_bridge(name: str) -> bool:
    """Whether a module lies in the room between calibration and regional."""
    return name != TRACED and (name == BRIDGE or name.startswith(f"{BRIDGE}."))


def violations(importer: str, tree: ast.Module, bridge: bool = False) -> set[str]:
    """Imports of a package from the wrong side, and those under an old name."""
    may_import = MAY_IMPORT[importer] | ({"temjax.regional"} if bridge else set())
    return {
        name
        for name in imported(tree)
        if (name.split(".")[0] == "temjax" and package(name) not in may_import)
        or name.split(".")[0] in OLD_NAMES
    }


@pytest.mark.parametrize("importer", sorted(MAY_IMPORT))
def test_packages_import_only_what_lies_below(importer):
    wrong = {
        name: bad
        for name, module in MODULES.items()
        if package(name) == importer and (bad := violations(importer, module.tree, is_bridge(name)))
    }
    assert not wrong


def test_only_the_bridge_of_calibration_knows_regions():
    bridge = {name for name in MODULES if is_bridge(name)}
    assert TRACED in MODULES and bridge
    assert any(violations("temjax.calibration", MODULES[name].tree) for name in bridge)
    assert not is_bridge("temjax.calibration.regional_cells") and not is_bridge(TRACED)


def test_temjax_reads_no_files_of_data():
    wrong = {
        name: bad
        for name, module in MODULES.items()
        if package(name) == "temjax" and (bad := imported(module.tree) & EDGE_ONLY)
    }
    assert not wrong


def room(name: str) -> str:
    """The room of a module of temjax or regional: the part behind the package's name."""
    prefix = f"{package(name)}."
    return name.removeprefix(prefix).partition(".")[0] if name.startswith(prefix) else ""


def upward(name: str, target: str) -> bool:
    """Whether an import goes against the layers."""
    if COMMANDS.search(target):
        return not COMMANDS.search(name)
    here, there = room(name), room(target)
    if package(name) == package(target) == "temjax":
        return here not in ("", there) and there != "" and there not in ROOMS[here]
    if package(name) == package(target) == "temjax.regional":
        return "" not in (here, there) and REGIONAL.index(there) > REGIONAL.index(here)
    return room(target) == "kernels"


def test_rooms_import_only_what_lies_below():
    arrows = structure.import_arrows(MODULES)
    wrong = [
        f"{name} -> {target}"
        for name, targets in arrows.items()
        for target in targets
        if upward(name, target)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("temjax.native.call", "temjax.numerics"),
        ("temjax.ecosystem.imex", "temjax.kernels.cpu.month"),
        ("temjax.processes.snow", "temjax.parameters.registry"),
        ("temjax.heat.step", "temjax.runs.simulate"),
        ("temjax.regional.climate.load", "temjax.regional.run.members"),
        ("temjax.regional.inputs.climate", "temjax.regional.member"),
        ("temjax.regional.run.tile", "temjax.regional.results.formats"),
        ("temjax.regional.run.provenance", "temjax.command.main"),
        ("temjax.regional.run.members", "temjax.command.main"),
        ("temjax.calibration.fit", "temjax.command.main"),
    ],
)
def test_an_import_upward_is_found(name, target):
    assert upward(name, target)


def test_every_room_has_a_layer():
    rooms = {
        of: {room(name) for name in MODULES if package(name) == of} - {""}
        for of in ("temjax", "temjax.regional")
    }
    assert rooms == {"temjax": set(ROOMS), "temjax.regional": set(REGIONAL)}


def test_every_package_is_seen():
    assert {package(name) for name in MODULES} == set(MAY_IMPORT)
    assert "temjax.processes.snow" in MODULES


def test_every_folder_is_installed():
    """``pyproject.toml`` lists packages by hand: folders beside temjax/ install below it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {name for name, module in MODULES.items() if module.path.name == "__init__.py"}
    assert set(settings["tool"]["setuptools"]["packages"]) == folders
    files = {module.path.parent for module in MODULES.values()}
    assert all((folder / "__init__.py").is_file() for folder in files)


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("temjax", "from temjax import sites"),
        ("temjax", "def f():\n    from temjax.sites.site import load\n"),
        ("temjax.sites", "from temjax.regional.run.members import run_experiment"),
        ("temjax.regional", "import temjax.calibration.multistart as fit"),
        ("temjax.calibration", "import temjax.regional"),
        ("temjax.regional", "from sites import load"),
    ],
)
def test_a_violation_is_found(importer, source):
    assert violations(importer, ast.parse(source))
