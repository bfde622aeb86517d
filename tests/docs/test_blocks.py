"""Code blocks of the pages: Python imports what exists, TOML parses, commands take the options."""

import ast
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer

from temjax.command.main import build_app
from temjax.files.findings import Finding
from temjax.sites.entry import parse_entry

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
BLOCK = re.compile(r"^```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
NAMED_MODULE = re.compile(r"`(temjax(?:\.[A-Za-z_]\w*)+)\b")
OWN_NAME = re.compile(r"temjax(?:\.\w+)+")
NOT_INSTALLED = {"dask_jobqueue"}


def blocks(page: Path, kind: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [match["text"] for match in BLOCK.finditer(text) if match["kind"] == kind]


def resolve(name: str) -> None:
    """Import the longest package and read the rest as attributes.

    Raises:
        AttributeError, ImportError: there is no such thing.
    """
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            found = getattr(found, attribute)
        return
    raise ImportError(name)


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names that a program imports or reads of temjax."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and OWN_NAME.fullmatch(ast.unparse(node)):
            yield ast.unparse(node)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_python_parses_and_its_imports_exist(page):
    for text in blocks(page, "python"):
        for name in imported(ast.parse(text)):
            if name.partition(".")[0] not in NOT_INSTALLED:
                resolve(name)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_modules_of_the_text_exist(page):
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for name in NAMED_MODULE.findall(text):
        resolve(name)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_toml_parses(page):
    for text in blocks(page, "toml"):
        tomllib.loads(text)


@pytest.mark.parametrize("page", ["howto/tower.md", "sites.md"])
def test_site_files_are_without_findings(page, tmp_path):
    whole, *parts = blocks(ROOT / "docs" / page, "toml")
    path = tmp_path / "site.toml"
    for text in (whole, *(whole + part for part in parts)):
        path.write_text(text, encoding="utf-8")
        findings: list[Finding] = parse_entry(path)[1]
        assert not findings


def commands(page: Path) -> Iterator[list[str]]:
    """Words of every ``temjax …`` line of the blocks without a language."""
    for text in blocks(page, ""):
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            if "temjax" in words:
                yield words[words.index("temjax") + 1 :]


@pytest.fixture(scope="module")
def program():
    names = [point.name for point in entry_points(group="temjax.commands")]
    return typer.main.get_command(build_app(names))


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_and_their_options_exist(page, program):
    for words in commands(page):
        names = [word for word in words if not word.startswith("-") and word in program.commands]
        if not names:
            assert words[0] in ("…", "[OPTIONS]", "--version"), (page.name, words)
            continue
        command = program.commands[names[0]]
        at = words.index(names[0])
        for given, owner in ((words[:at], program), (words[at + 1 :], command)):
            options = {name for option in owner.params for name in option.opts}
            options |= {name for option in owner.params for name in option.secondary_opts}
            used = {word.partition("=")[0] for word in given if word.startswith("--")}
            assert used <= options | {"--help"}, (page.name, words, used - options)
