"""Measurements within a region as a part of a fit: thaw depths at points, stocks.

The one room of ``temjax.calibration`` that imports ``temjax.regional`` (docs/architecture.md); what
is traced, ``part``, knows no region, only cells.
"""
