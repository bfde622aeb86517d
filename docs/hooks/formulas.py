"""Formulas become MathML when the site is built: no script, no fonts, nothing to fetch.

A displayed formula that ends with a LaTeX tag, as in ``x = y \\tag{M-1}``, gets that number beside it
and the anchor ``eq-m-1``.
"""

import html
import re

from latex2mathml.converter import convert

_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\(?P<open>[(\[])(?P<latex>.*?)\\[)\]]</(?P=tag)>',
    re.DOTALL,
)
_NUMBERED = re.compile(
    r"^\\\[\n(?P<latex>(?:(?!^\\\]$).)*?)\s*\\tag\{(?P<number>[A-Z]-\d+)\}\n\\\]$",
    re.DOTALL | re.MULTILINE,
)


def _numbered(match: re.Match) -> str:
    number = match["number"]
    return (
        f'<div class="equation" id="eq-{number.lower()}" markdown>\n\n'
        f"\\[\n{match['latex']}\n\\]\n\n"
        f'<span class="number">({number})</span>\n\n</div>'
    )


def _mathml(match: re.Match) -> str:
    display = "block" if match["open"] == "[" else "inline"
    latex = html.unescape(match["latex"]).strip()
    tag = match["tag"]
    return f'<{tag} class="arithmatex">{convert(latex, display=display)}</{tag}>'


def on_page_markdown(markdown: str, **_) -> str:
    """Number the tagged formulas of a page and give each an anchor."""
    return _NUMBERED.sub(_numbered, markdown)


def on_page_content(content: str, **_) -> str:
    """Replace every formula of a page."""
    return _FORMULA.sub(_mathml, content)
