"""The packages as they install, for the API pages: these are read from source files.

``sites/``, ``calibration/`` and ``regional/`` lie beside ``temjax/`` and install below it.
"""

import shutil
import tomllib
from pathlib import Path

from mkdocs.plugins import event_priority


@event_priority(100)  # mkdocstrings looks for the folder in its own on_config
def on_config(config, **_):
    """Copy the sources to ``build/packages``, where mkdocstrings reads them."""
    root = Path(config.config_file_path).parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    tree = root / "build" / "packages"
    shutil.rmtree(tree, ignore_errors=True)
    sources = project["tool"]["setuptools"]["package-dir"]
    for package in sorted(sources):  # temjax before what lies below it
        target = tree / Path(*package.split("."))
        shutil.copytree(root / sources[package], target, ignore=shutil.ignore_patterns("__py*"))
    return config
