"""Tables made from the registries when the site is built, so that they cannot fall behind.

A line ``[[parameters: name, other_*]]`` becomes the table of those parameters, ``[[parameters]]``
that of all; ``[[monthly outputs]]``, ``[[annual outputs]]``, ``[[forcing variables]]``,
``[[region products]]``, ``[[export variables]]`` and ``[[parameter sets]]`` likewise.
"""

import fnmatch
import re
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from temjax import parameter_set_names
from temjax.outputs import (
    ANNUAL_OUTPUTS,
    ANNUAL_SUMS,
    FORCING_VARIABLES,
    INTERCOMPARISON_VARIABLES,
    LAYER_OUTPUTS,
    MONTHLY_OUTPUTS,
    OutputInfo,
)
from temjax.parameters.registry import REGISTRY, ParameterInfo
from temjax.regional.experiment.products import PRODUCTS, Product
from temjax.units import typeset_unit

_MARK = re.compile(r"^\[\[(?P<kind>[a-z ]+)(?::(?P<what>[^\]]*))?\]\]$", re.MULTILINE)
_OPTIONAL_PAGES = {"Calibration": "calibration.md"}


def on_config(config, **_):
    """Pages that may not be there yet join the menu once they are."""
    for title, page in _OPTIONAL_PAGES.items():
        listed = str(config.nav)
        if (Path(config.docs_dir) / page).is_file() and page not in listed:
            config.nav.append({title: page})
    return config


def on_page_markdown(markdown: str, page, **_) -> str:
    """Put tables in the place of their marks.

    Raises:
        ValueError: an unknown mark, or a name that matches nothing; the page is named.
    """

    def table(match: re.Match) -> str:
        kind = match["kind"].strip()
        try:
            if kind == "parameters":
                return parameter_table(match["what"] or "*")
            if kind == "parameter sets":
                return set_table()
            if kind == "monthly outputs":
                return output_table(MONTHLY_OUTPUTS.values())
            if kind == "annual outputs":
                return output_table([*ANNUAL_OUTPUTS.values(), *ANNUAL_SUMS.values()])
            if kind == "layer outputs":
                return output_table(variable.info for variable in LAYER_OUTPUTS.values())
            if kind == "forcing variables":
                return output_table(FORCING_VARIABLES.values())
            if kind == "region products":
                return product_table()
            if kind == "export variables":
                return export_table()
        except KeyError as error:
            raise ValueError(f"{page.file.src_uri}: {error.args[0]}") from error
        raise ValueError(f"{page.file.src_uri}: unknown mark [[{kind}]]")

    return _MARK.sub(table, markdown)


def chosen(patterns: str) -> list[ParameterInfo]:
    """Registry entries for comma-separated names or wildcards, in registry order.

    Raises:
        KeyError: a pattern that matches no parameter.
    """
    names: set[str] = set()
    for pattern in (part.strip() for part in patterns.split(",")):
        found = fnmatch.filter(REGISTRY, pattern)
        if not found:
            raise KeyError(f"no parameter matches {pattern!r}")
        names.update(found)
    return [info for name, info in REGISTRY.items() if name in names]


def _bounds(info: ParameterInfo) -> str:
    low, high = info.bounds
    if not info.tunable:
        return "fixed"
    return f"{low:g} … {high:g}<br>sd {info.prior_sd:g}" + (
        " (log)" if info.transform == "log" else ""
    )


def parameter_table(patterns: str) -> str:
    """Name, symbol, unit, meaning, bounds and prior of a fit, source."""
    rows = [
        (
            f"`{info.name}`",
            info.symbol,
            typeset_unit(info.unit),
            info.description,
            _bounds(info),
            info.source,
        )
        for info in chosen(patterns)
    ]
    head = ("parameter", "symbol", "unit", "meaning", "fit: bounds, prior", "source")
    return _markdown(head, rows)


def set_table() -> str:
    """Bundled sets with what their files say of themselves."""
    rows = []
    for name in parameter_set_names():
        text = (resources.files("temjax.parameters") / "sets" / f"{name}.toml").read_text("utf-8")
        document = tomllib.loads(text)
        base = f"`{document['base']}`" if "base" in document else ""
        rows.append((f"`{name}`", document.get("title", ""), base, document.get("source", "")))
    return _markdown(("set", "title", "base", "source"), rows)


def output_table(outputs: Iterable[OutputInfo]) -> str:
    """Name, symbol, unit, meaning, cell method, ISIMIP name and CF standard name."""
    rows = [
        (
            f"`{info.name}`",
            info.symbol,
            typeset_unit(info.unit),
            _meaning(info),
            _time(info.cell_methods),
            _code(info.isimip.name if info.isimip else ""),
            _code(info.standard_name),
        )
        for info in outputs
    ]
    head = ("name", "symbol", "unit", "meaning", "in time", "ISIMIP", "CF standard name")
    return _markdown(head, rows)


def product_table() -> str:
    """Variables of a region's files: metadata, cell methods by year and month, and source."""
    rows = [
        (
            f"`{product.name}`",
            typeset_unit(product.unit),
            _meaning(product),
            _time(product.cell_methods),
            _time(product.monthly_cell_methods),
            "yes" if product.isimip else "",
            _code(product.standard_name),
            _code(product.output.name if product.isimip else ""),
        )
        for product in PRODUCTS.values()
    ]
    head = ("name", "unit", "meaning", "by year", "by month", "ISIMIP", "CF standard name",
            "model output")  # fmt: skip
    return _markdown(head, rows)


def export_table() -> str:
    """Variables of model intercomparisons: names by project, unit, frequency, model outputs."""
    rows = [
        (
            *map(_code, (variable.wiemip, variable.isimip3, variable.ilamb)),
            typeset_unit(variable.unit),
            variable.frequency,
            " ".join(f"{'+' if sign > 0 else '−'} `{term}`" for term, sign in variable.terms)
            .removeprefix("+ "),
            variable.comment,
        )
        for variable in INTERCOMPARISON_VARIABLES
    ]  # fmt: skip
    head = ("WIE-MIP", "ISIMIP3", "ILAMB", "unit", "asked for", "model outputs", "note")
    return _markdown(head, rows)


def _meaning(variable: OutputInfo | Product) -> str:
    by_depth = variable.by_depth and "depth" not in variable.long_name
    return variable.long_name + (" (by depth)" if by_depth else "")


def _time(cell_methods: str) -> str:
    return cell_methods.removeprefix("time: ")


def _code(name: str) -> str:
    return f"`{name}`" if name else ""


def _markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *rows)]
    return "\n".join(lines)
