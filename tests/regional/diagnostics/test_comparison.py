"""Whether a region is the paper's: by its cells, vegetation and area, not by its name."""

from types import SimpleNamespace

import numpy as np
import pytest

from temjax.regional.diagnostics import paper
from temjax.regional.diagnostics.comparison import comparison_of

PLATEAU = {"latitude": (31.0, 33.0, 35.0, 36.0), "longitude": (80.0, 86.0, 92.0, 98.0),
           "vegetation": ("alpine-steppe", "alpine-steppe", "alpine-meadow", "alpine-desert"),
           "area": 1e6 / 4}  # fmt: skip


def compared(**changes):
    fields = PLATEAU | changes
    area = np.full(4, fields.pop("area"))
    arrays = {name: np.array(values) for name, values in fields.items()}
    domain = SimpleNamespace(area=area, size=4, **arrays)
    stored = SimpleNamespace(domain=domain, status=np.zeros(4, dtype=int))
    return comparison_of([SimpleNamespace(stored=stored)])


def test_the_whole_plateau_has_all_numbers_beside_it():
    comparison = compared()
    assert comparison.place and comparison.totals
    assert "Liu et al. 2022" in comparison.why
    assert comparison.known(paper.TABLE_2) == paper.TABLE_2


def test_a_part_of_the_plateau_has_fractions_and_densities_only():
    comparison = compared(area=1e4)
    assert comparison.place and not comparison.totals
    assert "no totals: 0.04 million km² are not the paper's" in comparison.why
    assert set(comparison.known(paper.TABLE_2)["rcp85"]) == {
        "decomposed fraction",
        "N-use fraction",
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"latitude": (68.0, 68.1, 68.2, 68.3), "longitude": (-149.6, -149.5, -149.4, -149.3),
          "vegetation": ("moist-tundra",) * 3 + ("alpine-tundra",)},
         "68–68.3° N, 149.3–149.6° W with this vegetation (moist-tundra 75%, alpine-tundra 25%)"),
        ({"longitude": (200.0, 210.0, 220.0, 230.0)}, "130–160° W"),
        ({"longitude": (178.0, 179.0, -179.0, -178.0)}, "178–182° E"),
        ({"vegetation": ("grassland",) * 4}, "grassland 100%"),
        ({"vegetation": ("alpine-desert",) * 4}, "alpine-desert 100%"),
    ],
)  # fmt: skip
def test_another_place_or_vegetation_has_none(changes, words):
    comparison = compared(**changes)
    assert not comparison.place and not comparison.totals
    assert comparison.known(paper.TABLE_2) == {}
    assert words in comparison.why
    assert "lateau" not in comparison.why and "Liu" not in comparison.why
