"""Observed stocks and thaw depth of a site beside the simulated ones."""

from temjax.calibration.history import HistoryRun
from temjax.calibration.soil_profile import THAW_YEARS
from temjax.calibration.type_stocks import TYPE_STOCKS, observed_stocks
from temjax.sites import Site
from temjax.sites.account import THAW_DEPTH


def stock_rows(site: Site, history: HistoryRun) -> list[dict]:
    """Single observed numbers of a site beside those of a run.

    Stocks of the place are at the end of its run, those of its vegetation type before the
    disequilibrium factor acts; the thaw depth is the mean of the last ten years.
    """
    rows = []
    for name, stock in observed_stocks(site).items():
        simulated = _simulated(name, history)
        rows.append(
            {
                "variable": name,
                "unit": stock.unit,
                "observed": stock.value,
                "sd": stock.sd,
                "simulated": simulated,
                "within_sd": abs(simulated - stock.value) <= stock.sd,
                "assumed": stock.assumed,
            }
        )
    return rows


def _simulated(name: str, history: HistoryRun) -> float:
    """Simulated counterpart of a stock or of the thaw depth."""
    if name == THAW_DEPTH:
        return float(history.run.annual.maximum_thaw_depth[-THAW_YEARS:].mean())
    state = history.before if name in TYPE_STOCKS else history.run.state
    return float(getattr(state, TYPE_STOCKS.get(name, name)))
