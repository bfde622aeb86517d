"""Calibration to target values of plant communities: annual fluxes and stocks."""
