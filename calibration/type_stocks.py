"""Stocks of the vegetation type: what a place would hold without its disequilibrium factor.

A fitted factor on soil organic matter is a state of the place (grazing, other history) and stays
there; a region run with the fitted set holds the stock without it. A fit that knows both stocks
keeps both right (docs/calibration.md).
"""

from temjax.sites import Site, Stock

# target -> pool
TYPE_STOCKS = {f"type_{name}": name for name in ("soil_organic_carbon", "soil_organic_nitrogen")}


def observed_stocks(site: Site) -> dict[str, Stock]:
    """Stocks of a site by the name of their target: those of the place, then of its type."""
    observed = site.observations
    of_type = {
        target: observed.type_stocks[name]
        for target, name in TYPE_STOCKS.items()
        if name in observed.type_stocks
    }
    return dict(observed.stocks) | of_type
