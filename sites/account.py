"""Account of a site's data in words: what is used, what is absent and why, what was chosen."""

from temjax.sites.observations import OBSERVED, STOCKS
from temjax.sites.site import Site

SOIL_PROFILE = "soil_profile"
THAW_DEPTH = "maximum_thaw_depth"
NAMES = {name: short for name, (_, short) in OBSERVED.items()} | STOCKS


def used_observations(site: Site) -> dict[str, str]:
    """Observed variable -> where its values come from."""
    observed = site.observations
    sources = {name: series.source for name, series in observed.monthly.items()} | {
        name: stock.source for name, stock in observed.stocks.items()
    }
    if observed.thaw_depth is not None:
        sources[THAW_DEPTH] = observed.thaw_depth.source
    if observed.profiles:
        sources[SOIL_PROFILE] = "; ".join(dict.fromkeys(p.source for p in observed.profiles))
    return sources


def absent_reason(site: Site, variable: str) -> str:
    """Why a site has no observations of a variable, a clause."""
    table = "stocks" if variable in STOCKS else "climatology"
    return site.absent.get(variable, f"no [{table}.{variable}] in the site file")


def absent_observations(site: Site) -> dict[str, str]:
    """Observed variable and stock that the site lacks -> the reason."""
    used = used_observations(site)
    return {name: absent_reason(site, name) for name in NAMES if name not in used}


def account(site: Site) -> list[str]:
    """Lines that say what of a site's data is used, what is absent and why, and the notes."""
    used, absent = used_observations(site), absent_observations(site)
    product = f"{site.product}: " if site.product else ""
    names = ", ".join(_short(site, name, source) for name, source in used.items())
    lines = [f"observed: {product}{names or 'nothing'}"]
    if absent and (used or site.absent):
        reasons = (f"{NAMES[name]} ({reason})" for name, reason in absent.items())
        lines.append(f"absent: {', '.join(reasons)}")
    return [*lines, *(f"note: {note}" for note in site.notes)]


def _short(site: Site, name: str, source: str) -> str:
    """Name of an observed variable, with its column in a tower's file."""
    if name == SOIL_PROFILE:
        days = ", ".join(str(profile.date) for profile in site.observations.profiles)
        return f"soil temperature profile ({days})"
    if name == THAW_DEPTH:
        return f"thaw depth ({site.observations.thaw_depth.value:.2g} m)"
    column = source.partition(" of ")[0] if site.product and name not in STOCKS else ""
    return f"{NAMES.get(name, name)} {f'({column})' if column else ''}".strip()


def observation_attributes(site: Site) -> dict[str, str]:
    """Attributes of a file: product, source of every variable, and reason of those absent."""
    used, absent = used_observations(site), absent_observations(site)
    return {
        "observations_product": site.product or "none",
        "observations_used": _pairs(used),
        "observations_absent": _pairs(absent),
    }


def _pairs(texts: dict[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in texts.items()) or "none"
