"""Cells of notebooks, and the comparison of what they show with what they print anew."""

import json
import re
from pathlib import Path

import numpy as np

NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[-+]\d+)?")


def cells(path: Path, kind: str) -> list[dict]:
    every = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in every if cell["cell_type"] == kind]


def source(path: Path, kind: str = "code") -> str:
    return "\n".join("".join(cell["source"]) for cell in cells(path, kind))


def outputs(path: Path) -> list[dict]:
    return [output for cell in cells(path, "code") for output in cell["outputs"]]


def stored_text(path: Path) -> str:
    """What the cells of a file print, as it stands in the file."""
    streams = (output for output in outputs(path) if output.get("name") == "stdout")
    return "".join("".join(output["text"]) for output in streams)


def same_text(one: str, other: str) -> bool:
    """Whether two outputs have the same words, and numbers within 2 % or 0.01."""
    if NUMBER.sub("#", one).split() != NUMBER.sub("#", other).split():
        return False
    pairs = ([float(number) for number in NUMBER.findall(text)] for text in (one, other))
    return np.allclose(*pairs, rtol=0.02, atol=0.0101)
