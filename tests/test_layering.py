"""Dependencies point down: calibration and regional on top, then sites, then temjax."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {"temjax", "sites", "calibration", "regional"}
MAY_IMPORT = {
    "temjax": {"temjax"},
    "sites": {"temjax", "sites"},
    "regional": {"temjax", "sites", "regional"},
    "calibration": {"temjax", "sites", "calibration"},
}
EDGE_ONLY = {"xarray", "netCDF4", "pandas", "matplotlib"}  # files and tables: never in temjax


def imported_packages(source: str) -> set[str]:
    """Top-level packages a module imports, wherever the import stands."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
    return found


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def violations(package: str, source: str) -> set[str]:
    return (imported_packages(source) & OURS) - MAY_IMPORT[package]


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_packages_import_only_what_lies_below(package):
    wrong = {
        str(path.relative_to(ROOT)): bad
        for path in modules(package)
        if (bad := violations(package, path.read_text(encoding="utf-8")))
    }
    assert not wrong


def test_temjax_reads_no_files_of_data():
    wrong = {
        str(path.relative_to(ROOT)): bad
        for path in modules("temjax")
        if (bad := imported_packages(path.read_text(encoding="utf-8")) & EDGE_ONLY)
    }
    assert not wrong


def test_every_package_is_seen():
    assert all(modules(package) for package in ("temjax", "sites"))
    assert any("processes" in path.parts for path in modules("temjax"))


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("temjax", "import sites"),
        ("temjax", "def f():\n    from sites.site import load\n"),
        ("sites", "from regional.run import run_experiment"),
        ("regional", "import calibration.fit as fit"),
        ("calibration", "import regional"),
    ],
)
def test_a_violation_is_found(package, source):
    assert violations(package, source)
