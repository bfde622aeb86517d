"""Formulas become MathML when the site is built: no script, no fonts, nothing to fetch."""

import html
import re

from latex2mathml.converter import convert

_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\(?P<open>[(\[])(?P<latex>.*?)\\[)\]]</(?P=tag)>',
    re.DOTALL,
)


def _mathml(match: re.Match) -> str:
    display = "block" if match["open"] == "[" else "inline"
    latex = html.unescape(match["latex"]).strip()
    tag = match["tag"]
    return f'<{tag} class="arithmatex">{convert(latex, display=display)}</{tag}>'


def on_page_content(content: str, **_) -> str:
    """Replace every formula of a page."""
    return _FORMULA.sub(_mathml, content)
