"""Structure of the packages, counted: files, import arrows, levels, circles, long functions.

``python tests/support/structure.py [CHECKOUT]`` prints the table; the tests use its parts.
"""

import ast
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGES = ("temjax", "sites", "calibration", "regional")  # folders; below temjax when imported
LONG_FUNCTION, LONG_FILE, FULL_FOLDER = 80, 350, 14

Arrows = dict[str, set[str]]


@dataclass(frozen=True)
class Module:
    """A file of a package.

    Attributes:
        name: as it is imported.
        path: of the file.
    """

    name: str
    path: Path

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"))

    @property
    def lines(self) -> int:
        return len(self.path.read_text(encoding="utf-8").splitlines())

    @property
    def room(self) -> str:
        """The folder; a file that lies in a package's own folder is a room by itself."""
        above = self.name.rpartition(".")[0]
        return self.name if above in ("", "temjax", *imported_names()) else above


def imported_names() -> list[str]:
    """How the packages are imported."""
    return ["temjax", *(f"temjax.{name}" for name in PACKAGES[1:])]


def read_modules(checkout: Path, nested: bool = True) -> dict[str, Module]:
    """All modules of the packages of a checkout.

    Args:
        checkout: its folder.
        nested: whether the packages are installed below ``temjax``.
    """
    found = {}
    for package in PACKAGES:
        prefix = f"temjax.{package}" if nested and package != "temjax" else package
        for path in sorted((checkout / package).rglob("*.py")):
            parts = path.relative_to(checkout / package).with_suffix("").parts
            name = ".".join([prefix, *(part for part in parts if part != "__init__")])
            found[name] = Module(name, path)
    return found


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def import_nodes(tree: ast.AST, inside: bool = False) -> Iterable[tuple[ast.AST, bool]]:
    """Imports that run, and whether each stands inside a function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, inside
        elif not is_type_checking(node):
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from import_nodes(node, inside or function)


def targets(node: ast.AST, modules: Mapping[str, Module]) -> set[str]:
    """The modules of ours that an import names."""
    found = set()
    if isinstance(node, ast.Import):
        found = {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            found.add(whole if whole in modules else node.module)
    return found & set(modules)


def import_arrows(modules: Mapping[str, Module]) -> Arrows:
    """What each module imports of ours, wherever the import stands."""
    return {
        name: {
            target
            for node, _ in import_nodes(module.tree)
            for target in targets(node, modules)
            if target != name
        }
        for name, module in modules.items()
    }


def room_arrows(modules: Mapping[str, Module]) -> Arrows:
    """The same between rooms."""
    found: Arrows = {module.room: set() for module in modules.values()}
    for name, below in import_arrows(modules).items():
        room = modules[name].room
        found[room] |= {modules[target].room for target in below} - {room}
    return found


def circles(arrows: Arrows) -> list[list[str]]:
    """Groups that reach each other (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in sorted(arrows[name]):
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            start = stack.index(name)
            group = stack[start:]
            del stack[start:]
            if len(group) > 1:
                found.append(sorted(group))

    for name in sorted(arrows):
        if name not in index:
            visit(name)
    return found


def levels(arrows: Arrows) -> int:
    """Length of the longest chain of imports; members of a circle count once."""
    member = {name: group[0] for group in circles(arrows) for name in group}
    merged: Arrows = {}
    for name, below in arrows.items():
        head = member.get(name, name)
        merged.setdefault(head, set()).update({member.get(t, t) for t in below} - {head})
    depth: dict[str, int] = {}

    def of(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((of(target) for target in merged[name]), default=0)
        return depth[name]

    return max(map(of, merged), default=0)


def functions(module: Module) -> Iterable[tuple[str, int]]:
    """Functions of a module with their lines, from the decorator to the end."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
            yield f"{module.name}.{node.name}", node.end_lineno - first + 1


def long_functions(modules: Mapping[str, Module], limit: int = LONG_FUNCTION) -> dict[str, int]:
    """Functions of more lines than the limit."""
    return {
        name: lines
        for module in modules.values()
        for name, lines in functions(module)
        if lines > limit
    }


def long_files(modules: Mapping[str, Module], limit: int = LONG_FILE) -> dict[str, int]:
    """Files of more lines than the limit."""
    return {name: module.lines for name, module in modules.items() if module.lines > limit}


def full_folders(modules: Mapping[str, Module], limit: int = FULL_FOLDER) -> dict[str, int]:
    """Folders of more files than the limit, ``__init__.py`` not counted."""
    count: dict[str, int] = {}
    for module in modules.values():
        if module.path.name != "__init__.py":
            folder = str(module.path.parent)
            count[folder] = count.get(folder, 0) + 1
    return {folder: number for folder, number in count.items() if number > limit}


def imports_inside(modules: Mapping[str, Module]) -> dict[str, int]:
    """How many imports of ours stand inside functions, by module."""
    found = {
        name: sum(
            inside and bool(targets(node, modules)) for node, inside in import_nodes(module.tree)
        )
        for name, module in modules.items()
    }
    return {name: number for name, number in found.items() if number}


def table(checkout: Path) -> str:
    """The counts of a checkout, a row for each package and one for all."""
    nested = "package-dir" in (checkout / "pyproject.toml").read_text(encoding="utf-8")
    everything = read_modules(checkout, nested)
    rows = [("", "files", "lines", "rooms", "levels", "arrows", "room levels", "room arrows",
             "circles", "room circles",
             f"functions > {LONG_FUNCTION}", "inner imports")]  # fmt: skip
    for package in (*PACKAGES, "all"):
        folder = checkout / package
        some = {
            name: module
            for name, module in everything.items()
            if package == "all" or folder in module.path.parents
        }
        arrows, rooms = import_arrows(some), room_arrows(some)
        rows.append((
            package, len(some), sum(module.lines for module in some.values()), len(rooms),
            levels(arrows), sum(map(len, arrows.values())),
            levels(rooms), sum(map(len, rooms.values())),
            len(circles(arrows)), len(circles(rooms)),
            len(long_functions(some)), sum(imports_inside(some).values()),
        ))  # fmt: skip
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(str(cell).rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    print(table(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
