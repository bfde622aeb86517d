"""The fitted parameter sets that come with the package, as files ``read_parameters`` reads."""

from importlib.resources import files
from pathlib import Path


def fitted_set_names() -> tuple[str, ...]:
    """Names of the sets."""
    folder = Path(str(files("temjax.calibration"))) / "fitted"
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def fitted_set_path(name: str) -> Path:
    """File of a set; its ``[provenance]`` says what made it and how sure each value is.

    Raises:
        ValueError: no such set.
    """
    if name not in fitted_set_names():
        raise ValueError(f"no fitted set {name!r}; there are {', '.join(fitted_set_names())}")
    return Path(str(files("temjax.calibration"))) / "fitted" / f"{name}.toml"
