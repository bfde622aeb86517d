"""The look that all HTML reports share: one style, plain for screens, phones and paper."""

from importlib.resources import files

from markupsafe import Markup


def page_style() -> Markup:
    """The style sheet, to stand in a page: reports need no other file."""
    return Markup((files("temjax.sites") / "report.css").read_text(encoding="utf-8"))
