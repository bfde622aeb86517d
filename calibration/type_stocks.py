"""Stocks of the vegetation type: what a place would hold without its disequilibrium factor.

A fitted factor on soil organic matter is a state of the place (grazing, other history) and stays
there; a region run with the fitted set holds the stock without it. A fit that knows both stocks
keeps both right (docs/calibration.md).
"""

from temjax.sites import Site, Stock
from temjax.sites.account import THAW_DEPTH

# target -> pool
TYPE_STOCKS = {f"type_{name}": name for name in ("soil_organic_carbon", "soil_organic_nitrogen")}


def observed_stocks(site: Site) -> dict[str, Stock]:
    """Single numbers of a site by the name of their target: stocks, those of its type, thaw."""
    observed = site.observations
    of_type = {
        target: observed.type_stocks[name]
        for target, name in TYPE_STOCKS.items()
        if name in observed.type_stocks
    }
    thaw = {} if observed.thaw_depth is None else {THAW_DEPTH: observed.thaw_depth}
    return dict(observed.stocks) | of_type | thaw
