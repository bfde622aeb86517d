"""Formulas become MathML when the site is built: no script, no fonts, nothing to fetch.

A displayed formula that ends with a LaTeX tag, as in ``x = y \\tag{M-1}``, gets that number beside
it and the anchor ``eq-m-1``. The number in parentheses is a link to it on every page.
"""

import html
import posixpath
import re

from latex2mathml.converter import convert

PAGES = {"M": "model", "H": "soil_heat", "P": "protocol", "Q": "plateau",
         "L": "layered_soil"}  # fmt: skip
"""Page of the specification by the letter of its equations."""

_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\(?P<open>[(\[])(?P<latex>.*?)\\[)\]]</(?P=tag)>',
    re.DOTALL,
)
_DISPLAYED = r"^\\\[\n(?P<latex>(?:(?!^\\\]$).)*?)\s*(?:\\tag\{(?P<number>[A-Z]-\d+)\}\n)?\\\]$"
# formulas and code are passed over
_NUMBERS = re.compile(
    rf"{_DISPLAYED}|`[^`\n]*`|\((?P<letter>[{''.join(PAGES)}])-(?P<place>\d+)\)",
    re.DOTALL | re.MULTILINE,
)


def _mathml(match: re.Match) -> str:
    display = "block" if match["open"] == "[" else "inline"
    latex = html.unescape(match["latex"]).strip()
    tag = match["tag"]
    return f'<{tag} class="arithmatex">{convert(latex, display=display)}</{tag}>'


def on_page_markdown(markdown: str, page, **_) -> str:
    """Number the tagged formulas of a page, give each an anchor, link the numbers in its text."""
    folder = posixpath.dirname(page.file.src_uri)

    def numbered(match: re.Match) -> str:
        if number := match["number"]:
            return (
                f'<div class="equation" id="eq-{number.lower()}" markdown>\n\n'
                f"\\[\n{match['latex']}\n\\]\n\n"
                f'<span class="number">({number})</span>\n\n</div>'
            )
        if letter := match["letter"]:
            target = posixpath.relpath(f"specification/{PAGES[letter]}.md", folder or ".")
            anchor = f"eq-{letter}-{match['place']}".lower()
            return f"[{match[0]}]({target}#{anchor})"
        return match[0]

    return _NUMBERS.sub(numbered, markdown)


def on_page_content(content: str, **_) -> str:
    """Replace every formula of a page."""
    return _FORMULA.sub(_mathml, content)
