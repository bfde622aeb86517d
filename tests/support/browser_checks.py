"""A page in headless Chromium: offline, without errors, by keyboard, on a phone, on paper."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
PAPER = {"width": 680, "height": 960}  # A4 less margins at 96 pixels an inch
FOCUS = "e => e.tagName + (e.getAttribute('href') || e.getAttribute('aria-label') || '')"
FOCUSABLE = "a[href], [tabindex='0'], button, input, select, summary"
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@contextmanager
def chromium() -> Iterator:
    """A browser; the test is skipped where playwright or Chromium is not installed."""
    api = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser'")
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("TEMJAX_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    with api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except api.Error as error:
            pytest.skip(f"no Chromium: apt-get install chromium, or set TEMJAX_CHROMIUM ({error})")
        yield browser
        browser.close()


def check_page(path: Path, pictures: Path) -> None:
    """Assert what a report owes its reader; screenshots go to a folder, to be looked at."""
    with chromium() as browser:
        context = browser.new_context(offline=True, viewport=DESK)
        page = context.new_page()
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.resolve().as_uri())
        assert {url.split(":")[0] for url in asked} <= {"file", "data"}
        assert said == []
        assert page.title() and page.get_attribute("html", "lang") == "en"
        images = page.eval_on_selector_all("img", "all => all.map(e => [e.naturalWidth, e.alt])")
        assert all(width > 0 and alt for width, alt in images)
        page.screenshot(path=pictures / f"{path.stem}-desk.png", full_page=True)
        assert page.evaluate(OVERFLOW) <= 0
        check_keyboard(page)
        page.set_viewport_size(PHONE)
        page.screenshot(path=pictures / f"{path.stem}-phone.png", full_page=True)
        assert page.evaluate(OVERFLOW) <= 0
        page.set_viewport_size(PAPER)
        page.emulate_media(media="print")
        assert page.eval_on_selector("nav", "e => getComputedStyle(e).display") == "none"
        assert page.evaluate(OVERFLOW) <= 0
        page.pdf(path=pictures / f"{path.stem}.pdf", format="A4", prefer_css_page_size=True)
        context.close()


def check_keyboard(page) -> None:
    """Tab reaches every link and control in order, with a visible focus; links lead somewhere."""
    wanted = page.eval_on_selector_all(FOCUSABLE, f"all => all.map({FOCUS})")
    assert any(name.startswith("A#") for name in wanted)
    reached = []
    for _ in wanted:
        page.keyboard.press("Tab")
        reached.append(page.evaluate(f"() => ({FOCUS})(document.activeElement)"))
        assert (
            page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") != "none"
        )
    assert reached == wanted
    broken = page.eval_on_selector_all(
        "a[href^='#']", "all => all.filter(e => !document.querySelector(e.getAttribute('href')))"
    )
    assert broken == []
