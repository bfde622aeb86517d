"""Citations resolve: pages, sections and equations of the documentation, files it names.

A section is cited as ``docs/….md 5.3``, a decision as ``docs/….md decision 2``, an equation as
``docs/….md (M-20)`` or, within ``docs``, as ``(M-20)`` alone.
"""

import importlib.util
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from temjax.parameters.files import load_parameters

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SPECIFICATION = DOCS / "specification"
LETTERS = {"M": "model", "H": "soil_heat", "P": "protocol", "Q": "plateau",
         "L": "layered_soil"}  # fmt: skip
FOLDERS = (".ci", "calibration", "docs", "notebooks", "regional", "sites", "temjax", "tests")
SUFFIXES = {"", ".html", ".ipynb", ".md", ".py", ".sh", ".toml", ".yml"}
INVENTED = {"temjax/processes/methane_oxidation.py"}  # the example of docs/howto/add-a-process.md

HEADING = re.compile(
    r"^#{2,4} (?P<number>Decision \d+|[A-D]\d*|\d+[a-z]?(?:\.\d+)*)\. .*?"
    r"(?:\{#(?P<anchor>\S+)\})?$",
    re.MULTILINE,
)
TAG = re.compile(r"\\tag\{([A-Z]-\d+)\}")
_REFERENCE = (
    r"(?:[Dd]ecision \d+|\([A-Z]-\d+\)|[A-D]?\d+[a-z]?(?:\.\d+)*|[A-D](?=[.,;:)]| \(|$))"
    r"(?: \((?![A-Z]-\d)[^()]*\))?"
)
CITATION = re.compile(
    r"(?<![\w./\"'\\-])(?P<page>(?:[\w-]+/)*[\w-]+\.md)"
    rf"(?:,? (?P<references>{_REFERENCE}(?:(?:, | and |, and ){_REFERENCE})*))?"
)
DOCS_PATH = re.compile(r"(?<![\w/.-])docs/[\w./*-]*[\w*]")
EQUATION = re.compile(r"`[^`\n]*`|\(([MHPQL]-\d+)\)")
CODE_PATH = re.compile(
    r"`((?:temjax|sites|calibration|regional|tests|docs|notebooks)/[\w./*-]+\.(?:py|toml|csv)|"
    r"(?:temjax|sites|calibration|regional|tests)/[\w./-]*[\w/])`"
)
# documents that readers of the repository do not have
OUTSIDE = re.compile(
    r"(?<!docs/)\bdesign/|shared/(?:design|paper)|\bprotocol,? section \d|(?<!\w)/work/"
)
LINK = re.compile(r"\]\((?P<page>[^)#\s]*)(?:#(?P<anchor>[^)\s]*))?\)")


class Page(NamedTuple):
    """What can be cited of a page: numbers of headings and equations, explicit anchors."""

    sections: frozenset[str]
    equations: frozenset[str]
    anchors: frozenset[str]


@cache
def page(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    headings = list(HEADING.finditer(text))
    equations = frozenset(TAG.findall(text))
    anchors = {heading["anchor"] for heading in headings if heading["anchor"]}
    return Page(
        frozenset(heading["number"].lower() for heading in headings),
        equations,
        frozenset(anchors | {f"eq-{number.lower()}" for number in equations}),
    )


def located(name: str, home: Path) -> Path | None:
    """The page that a file in ``home`` means; bare names only work within the documentation."""
    places = [ROOT / name]
    if DOCS == home or DOCS in home.parents:
        places = [home / name, DOCS / name, *places]
    if "notebooks" in Path(name).parts:  # pages made when the site is built
        places.append(ROOT / "notebooks" / f"{Path(name).stem}.ipynb")
    return next((place for place in places if place.is_file()), None)


def flat(text: str, suffix: str) -> str:
    """One line: citations may be broken across lines, in comments too; without link targets."""
    if suffix == ".md":
        text = LINK.sub("]", text)
    return re.sub(r"\s+(?:#\s+)?", " ", text)


def citation_faults(text: str, home: Path = ROOT, suffix: str = ".py") -> list[str]:
    """What does not resolve among the citations of a text."""
    line = flat(text, suffix)
    faults = [f"outside the repository: {match[0]}" for match in OUTSIDE.finditer(line)]
    for match in CITATION.finditer(line):
        target = located(match["page"], home)
        if target is None:
            faults.append(f"no such page: {match['page']}")
            continue
        cited = re.sub(r" \((?![A-Z]-\d)[^()]*\)", "", match["references"] or "")
        for reference in filter(None, re.split(r", and |, | and ", cited)):
            number = reference.strip("()").lower()
            known = page(target)
            if number not in known.sections | {equation.lower() for equation in known.equations}:
                faults.append(f"no {reference} in {match['page']}")
    for match in DOCS_PATH.finditer(line):
        if not any(ROOT.glob(match[0])):
            faults.append(f"no such file: {match[0]}")
    return faults


def texts():
    files = [ROOT / name for name in ("CHANGELOG.md", "README.md", "mkdocs.yml", "pyproject.toml")]
    for folder in FOLDERS:
        files += [path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    for path in sorted(files):
        if path.is_file() and path != Path(__file__).resolve() and "__pycache__" not in path.parts:
            home = DOCS if path.name == "mkdocs.yml" else path.parent  # its pages are those of docs
            yield path, home, path.read_text(encoding="utf-8")


def test_citations_resolve():
    faults = {
        str(path.relative_to(ROOT)): found
        for path, home, text in texts()
        if (found := citation_faults(text, home, path.suffix))
    }
    assert not faults, "\n".join(f"{path}: {'; '.join(found)}" for path, found in faults.items())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("docs/specification/model.md 5.9", "no 5.9 in docs/specification/model.md"),
        ("docs/specification/model.md 5.1, 5.9", "no 5.9 in docs/specification/model.md"),
        ("docs/specification/model.md 4 (PET),\n    # 5.9 (EET).", "no 5.9 in"),
        ("docs/specification/model.md decision 99", "no decision 99 in"),
        ("docs/specification/model.md (M-999)", "no (M-999) in"),
        ("docs/specification/plateau.md C9)", "no C9 in"),
        ("docs/specification/models.md", "no such page: docs/specification/models.md"),
        ("see model.md 5.1", "no such page: model.md"),
        ("(docs/nothing)", "no such file: docs/nothing"),
        ("(protocol, section 2)", "outside the repository"),
    ],
)
def test_a_wrong_citation_is_found(text, fault):
    assert any(found.startswith(fault) for found in citation_faults(text)), citation_faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "Source: docs/specification/model.md 4 (PET), 5.1 (EET). Water in mm.",
        "docs/specification/model.md 5.1, 5.4 and 5.7; docs/specification/soil_heat.md 5).",
        "docs/specification/model.md decision 2. Pools",
        "docs/specification/plateau.md B (domain, B1 time)",
        "docs/specification/model.md (M-20), docs/specification/model.md 8b",
        "docs/specification/model.md\n    5.3",
        "docs/fidelity.md says so",
    ],
)
def test_a_right_citation_is_let_pass(text):
    assert citation_faults(text) == []


def test_equations_of_the_documentation_exist():
    known = {number for name in LETTERS.values() for number in equations(name)}
    for path in DOCS.rglob("*.md"):
        text = LINK.sub("]", path.read_text(encoding="utf-8"))
        cited = {number for number in EQUATION.findall(text) if number}
        assert cited <= known, (path.name, sorted(cited - known))


def equations(name: str) -> list[str]:
    return TAG.findall((SPECIFICATION / f"{name}.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("letter", "name"), LETTERS.items())
def test_equations_are_numbered_in_order(letter, name):
    numbers = equations(name)
    assert numbers == [f"{letter}-{place}" for place in range(1, len(numbers) + 1)]


@pytest.mark.parametrize("name", LETTERS.values())
def test_an_anchor_is_made_of_its_number(name):
    text = (SPECIFICATION / f"{name}.md").read_text(encoding="utf-8")
    headings = list(HEADING.finditer(text))
    assert len(headings) == len(re.findall(r"^##+ (?!Decisions )", text, re.MULTILINE))
    for heading in headings:
        number = heading["number"].lower()
        expected = f"s{number}" if number[0].isdigit() else number
        assert heading["anchor"] == re.sub(r"[ .]", "-", expected)


def test_links_to_the_specification_lead_to_an_anchor():
    for path in DOCS.rglob("*.md"):
        for link in LINK.finditer(path.read_text(encoding="utf-8")):
            target = (path.parent / link["page"]).resolve() if link["page"] else path
            if link["anchor"] and target.parent == SPECIFICATION and target.stem != "index":
                known = page(target).anchors | {"decisions"}
                assert link["anchor"] in known, (path.name, link[0])


def test_files_that_the_documentation_names_exist():
    for path in DOCS.rglob("*.md"):
        for match in CODE_PATH.finditer(path.read_text(encoding="utf-8")):
            name = match[1] or match[2]
            there = any(ROOT.glob(name)) or (ROOT / f"{name}.py").is_file()
            assert there or name in INVENTED, (path.name, name)


def tables(name: str) -> list[list[str]]:
    """Rows of the tables of a page, cells stripped."""
    text = (SPECIFICATION / f"{name}.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def test_names_in_the_tables_of_symbols_are_in_the_code():
    folders = ("temjax", "regional", "sites")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    words = set(re.findall(r"\w+", " ".join(path.read_text(encoding="utf-8") for path in sources)))
    for name in LETTERS.values():
        column = None
        for row in tables(name):
            if row[:2] == ["symbol", "code"]:
                column = 1
            elif row[1:] and row[1] not in ("code", "---") and column is not None:
                named = re.findall(r"`([a-zA-Z]\w+)`", row[1])
                assert set(named) <= words, (name, row)


@pytest.mark.parametrize("page_name", ["soil_heat", "plateau"])
def test_soil_tables_hold_the_parameter_sets(page_name):
    rows = [row for row in tables(page_name) if re.fullmatch(r"`[a-z-]+`", row[0]) and row[3:]]
    assert len(rows) == {"soil_heat": 5, "plateau": 6}[page_name]
    for row in rows:
        parameters = load_parameters(row[0].strip("`"))
        for horizon, cell in zip(("mat", "upper", "lower"), row[1:4], strict=True):
            quantities = ["thickness"] * (horizon != "lower") + ["water"]
            quantities += [f"conductivity_{phase}" for phase in ("thawed", "frozen")]
            quantities += [f"heat_capacity_{phase}" for phase in ("thawed", "frozen")]
            values = [float(getattr(parameters, f"{horizon}_{name}")) for name in quantities]
            scaled = [*values[:-2], *(value / 1e6 for value in values[-2:])]
            assert [float(x) for x in re.split("; | / ", cell)] == pytest.approx(scaled), row
        rest = ("surface_shortwave_coefficient", "surface_resistance", "soil_carbon_depth_scale",
                "stefan_coefficient")  # fmt: skip
        values = [float(getattr(parameters, name)) for name in rest]
        assert [float(x) for x in row[4:]] == pytest.approx(values[: len(row[4:])])


def test_numbers_of_equations_become_links():
    pytest.importorskip("latex2mathml", reason="the site needs: python -m pip install -e '.[docs]'")
    spec = importlib.util.spec_from_file_location("formulas", DOCS / "hooks" / "formulas.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    assert hook.PAGES == LETTERS
    here = SimpleNamespace(file=SimpleNamespace(src_uri="processes/snow.md"))
    text = hook.on_page_markdown("As (M-3), not `(M-4)`:\n\n\\[\nx = 1 \\tag{H-1}\n\\]", here)
    assert "[(M-3)](../specification/model.md#eq-m-3), not `(M-4)`" in text
    assert 'id="eq-h-1"' in text and "tag{" not in text
