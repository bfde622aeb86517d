"""The installed layout of the package for the API pages, which are read without importing it.

``sites/``, ``calibration/`` and ``regional/`` install below ``temjax``; the reader of the sources
looks for them there. They are copied to ``build/api`` as ``pyproject.toml`` lays them out.
"""

import shutil
import tomllib
from pathlib import Path

from mkdocs.plugins import event_priority


@event_priority(100)  # mkdocstrings looks for the folder when it is configured
def on_config(config, **_):
    """Copy the packages before their docstrings are read."""
    root = Path(config.config_file_path).parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    target = root / "build" / "api"
    shutil.rmtree(target, ignore_errors=True)
    for package, folder in project["tool"]["setuptools"]["package-dir"].items():
        shutil.copytree(
            root / folder,
            target.joinpath(*package.split(".")),
            ignore=shutil.ignore_patterns("__pycache__"),
            dirs_exist_ok=True,
        )
    return config
