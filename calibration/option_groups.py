"""Headings of the options of ``temjax calibrate`` in its help."""

OPTION_GROUPS = {
    "The fit": (
        "out", "tunable", "targets", "base", "method", "starts", "steps", "seed", "resume",
    ),
    "A tower's file": (
        "site", "partition", "threshold", "quality", "fill_from_climatology", "history", "site_id",
    ),
    "Several places, a type": ("tied", "vegetation_type", "pooling", "leave_one_out"),
    "Measurements within a region": (
        "points", "stocks", "region", "region_cells", "thaw_error", "stock_error",
    ),
    "Target values of a community": ("targets_file", "climate"),
    "Errors and weights": (
        "flux_error", "partitioning_error", "temperature_error", "annual_error", "weights",
        "stated_errors",
    ),
    "The model": ("freezing_cutoff", "disequilibrium"),
    "Tests and intervals": ("holdout", "twin", "profiles", "nuts"),
}  # fmt: skip
