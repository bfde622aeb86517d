"""Style sheet shared by all HTML reports, for screens, phones and paper."""

from importlib.resources import files

from markupsafe import Markup


def page_style() -> Markup:
    """Style sheet to be embedded in a page, so that reports are single files."""
    return Markup((files("temjax.sites") / "report.css").read_text(encoding="utf-8"))
