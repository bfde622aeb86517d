"""The documentation: a page per process, every parameter on one, and a build without warnings."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from temjax.outputs import (
    ANNUAL_OUTPUTS,
    ANNUAL_SUMS,
    FORCING_VARIABLES,
    INTERCOMPARISON_VARIABLES,
    MONTHLY_OUTPUTS,
)
from temjax.parameters.registry import REGISTRY
from temjax.regional.experiment.products import PRODUCTS
from tests.support.notebooks import same_text, stored_text

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = {page.stem: page for page in (DOCS / "processes").glob("*.md") if page.stem != "index"}
HEADINGS = ("Equations", "Symbols", "Parameters", "Source and deviations")
LONGEST = 1800  # s, on a loaded machine; the notebooks are executed: two minutes on an idle one
EXTERNAL = re.compile(r"""(?:src|srcset)=["']?(?:https?:)?//|<link[^>]+href=["']?(?:https?:)?//""")


def hook(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / "hooks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Page:
    class file:  # what the hook reads of a page of mkdocs
        src_uri = "page.md"


def test_every_process_has_a_page():
    files = {path.stem for path in (ROOT / "temjax" / "processes").glob("[a-z]*.py")}
    assert files == set(PAGES)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_has_its_parts(name):
    text = PAGES[name].read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert [heading for heading in headings if heading in HEADINGS] == list(HEADINGS)
    assert f"temjax/processes/{name}.py" in text
    assert "\\[" in text


def test_every_process_is_in_the_api_reference():
    text = (DOCS / "reference" / "api-processes.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^::: temjax\.processes\.(\w+)$", text, re.MULTILINE)) == set(PAGES)


def test_every_parameter_stands_on_a_process_page():
    tables = hook("tables")
    named = set()
    for page in (DOCS / "processes").glob("*.md"):
        for patterns in re.findall(r"^\[\[parameters: (.*)\]\]$", page.read_text("utf-8"), re.M):
            named |= {info.name for info in tables.chosen(patterns)}
    assert named == set(REGISTRY)


def test_tables_hold_the_registry():
    tables = hook("tables")
    text = tables.on_page_markdown("[[parameters]]\n\n[[monthly outputs]]", Page)
    for name, info in REGISTRY.items():
        (line,) = (line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        assert info.description in line
        assert ("fixed" in line) != info.tunable
    assert "| `cmax_scale` | CMAX | 1 |" in text
    assert "| `conductivity_scale` | kscale | 1 |" in text
    assert "m⁻³ K⁻¹" in text and "m² g⁻¹" in text and "(K d)⁻½" in text
    assert all(f"| `{name}` |" in text for name in MONTHLY_OUTPUTS)
    annual = tables.on_page_markdown("[[annual outputs]]", Page)
    assert all(f"| `{name}` |" in annual for name in ANNUAL_OUTPUTS)
    assert all(f"| `{info.name}` |" in annual for info in ANNUAL_SUMS.values())
    assert "| `annual_net_primary_production` | NPP | g m⁻² year⁻¹ |" in annual
    climate = tables.on_page_markdown("[[forcing variables]]", Page)
    assert all(f"| `{name}` |" in climate for name in FORCING_VARIABLES)
    products = tables.on_page_markdown("[[region products]]", Page)
    assert all(f"| `{name}` | " in products for name in PRODUCTS)
    exports = tables.on_page_markdown("[[export variables]]", Page)
    assert all(
        f"`{variable.ilamb}` | " in exports
        for variable in INTERCOMPARISON_VARIABLES
        if variable.ilamb
    )
    assert "`net_primary_production` − `heterotrophic_respiration`" in exports


@pytest.mark.parametrize("mark", ["[[parameters: cmaxx]]", "[[parameter tables]]"])
def test_a_wrong_mark_is_an_error_that_names_the_page(mark):
    with pytest.raises(ValueError, match=r"page\.md"):
        hook("tables").on_page_markdown(mark, Page)


def test_links_between_pages_lead_somewhere():
    for page in DOCS.rglob("*.md"):
        for link in re.findall(r"\]\(([^)#]+\.md)[^)]*\)", page.read_text(encoding="utf-8")):
            target = page.parent / link
            if target.resolve().parent == DOCS / "notebooks":  # pages made from notebooks
                target = ROOT / "notebooks" / f"{target.stem}.ipynb"
            assert target.is_file(), (page.name, link)


@pytest.mark.slow
def test_the_site_builds_without_warnings_and_reads_offline(tmp_path):
    for needed in ("mkdocs", "material", "mkdocstrings", "latex2mathml", "nbclient", "ipykernel"):
        pytest.importorskip(needed, reason="the site needs: python -m pip install -e '.[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 30
    formulas = 0
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert not EXTERNAL.search(text), path.name
        assert not re.search(r"<p>\[\[", text), path.name
        for formula in re.findall(r"<math.*?</math>", text, flags=re.DOTALL):
            formulas += 1
            said = "".join(ElementTree.fromstring(formula).itertext())
            assert "\\" not in said, (path.name, said)
        assert not re.search(r'class="arithmatex">\\', text), path.name
    assert formulas > 30
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        text = (tmp_path / "notebooks" / f"{notebook.stem}.html").read_text(encoding="utf-8")
        figures = re.findall(r'<img alt="Output of the cell above" src="([^"]+)"', text)
        assert len(figures) >= 2, notebook.name
        assert all((tmp_path / "notebooks" / figure).is_file() for figure in figures)
        executed = tmp_path / "notebooks" / notebook.name  # to download
        assert same_text(stored_text(notebook), stored_text(executed)), notebook.name
    reference = (tmp_path / "reference" / "api-model.html").read_text(encoding="utf-8")
    assert "find_equilibrium" in reference and "spectral_radius" in reference
