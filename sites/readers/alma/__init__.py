"""Tower files in NetCDF with ALMA names: series of one point, PLUMBER2 and CalLMIP."""
