"""Files, tables, figure and notes of a design."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from temjax.files.findings import DataError
from temjax.options import SOIL_LAYERS, ModelOptions
from temjax.regional.report.design import design_section, tables
from temjax.regional.results.formats import open_dataset
from temjax.regional.studies.design.figure import design_figure
from temjax.regional.studies.design.files import (
    BEST,
    CANDIDATES,
    GREEDY,
    NETCDF,
    ORDER,
    PARAMETERS,
    read_design,
    write_design,
)
from temjax.regional.studies.design.run import (
    ALL,
    require_bulk_soil,
    silent_numbers,
    silent_types,
)
from tests.support.made_design import TYPES, made_design


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "candidates.toml"
    path.write_text("version = 1", encoding="utf-8")
    write_design(made_design(), path, tmp_path)
    return tmp_path


def test_tables_hold_worth_and_what_is_left(folder):
    made, rows = made_design(), pd.read_csv(folder / CANDIDATES)
    assert len(rows) == 4 * 2
    first = rows.iloc[0]
    assert first["worth"] == pytest.approx(made.worth[0, 0])
    assert first["sd_after"] == pytest.approx(first["sd_before"] * np.sqrt(1 - first["worth"]))
    order = pd.read_csv(folder / ORDER)
    assert set(order["objective"]) == {ALL, "ΣΔNEP", "SOC_PF"}
    assert set(order["choice"]) == {GREEDY, BEST}
    steps = order[(order["objective"] == ALL) & (order["choice"] == GREEDY)]
    assert steps[steps["target"] == "SOC_PF"]["worth_together"].is_monotonic_increasing
    numbers = pd.read_csv(folder / PARAMETERS)
    assert (numbers["variance_left_by_all"] <= numbers["variance_left_by_chosen"] + 1e-12).all()
    assert numbers["share_alone_delta_nep"].sum() == pytest.approx(1)


def test_the_file_tells_what_it_holds(folder):
    with open_dataset(folder / NETCDF) as file:
        assert file.attrs["title"] == "SYNTHETIC made: which measurement next"
        assert "a note" in file.attrs["choices"]
        assert "all 4 subsets of 3 were tried" in file.attrs["search"]
        assert file["worth"].dims == ("candidate", "target")
        assert all(file[name].attrs["long_name"] for name in file.variables)
        chosen = file["greedy_candidate"].values[0]
        assert file["greedy_worth"].values[0, : len(chosen), 0].tolist() == pytest.approx(
            made_design().orders[ALL].worth[:, 0].tolist()
        )


def test_the_report_has_a_section(folder):
    assert design_section(folder.parent / "none") is None
    (folder / "design.png").write_bytes(b"a picture")
    section = design_section(folder, "another")
    assert [table.caption for table in section.tables] == [
        "Worth of each measurement", "One after the other", "Pairs"
    ]  # fmt: skip
    assert "other cells or settings" in section.texts[1]
    assert section.pictures
    for table in section.tables:
        assert table.rows
        assert all(len(row) == len(table.head) for row in table.rows)


def test_the_figure_shows_worth_steps_and_pairs():
    made = made_design()
    figure = design_figure(made, "SYNTHETIC made")
    bars, steps, pairs, _ = figure.axes
    assert sorted(bar.get_width() for bar in bars.patches) == pytest.approx(
        sorted(100 * made.worth.ravel())
    )
    drawn = steps.lines[0].get_ydata()
    assert drawn[0] == 100
    assert drawn[-1] == pytest.approx(100 * np.sqrt(1 - made.orders[ALL].worth[-1, 0]))
    assert len(pairs.texts) == 4 * 5 / 2


def test_costs_are_shown_where_all_have_one(tmp_path):
    path = tmp_path / "candidates.toml"
    path.write_text("version = 1", encoding="utf-8")
    write_design(made_design(costs=True), path, tmp_path)
    candidates, *_ = tables(read_design(tmp_path))
    assert "ΣΔNEP, % per kEUR" in candidates.head
    order = pd.read_csv(tmp_path / ORDER)
    last = order[(order["objective"] == ALL) & (order["choice"] == GREEDY)].iloc[-1]
    assert 30 < last["cost_together"] < 33


def test_types_and_numbers_that_nothing_informs_are_told():
    made = made_design()
    (note,) = silent_types(made, SimpleNamespace(names=list(TYPES)))
    share = 0.16 / made.measurements.variances[0]
    assert note.startswith(f"alpine-desert: no candidate; it has {share:.0%} of the variance")
    (note,) = silent_numbers(made)
    assert note.startswith("2 of 6 numbers keep more than 99%")
    assert "alpine-desert: kdc_scale" in note


def test_soil_in_layers_is_refused():
    layered = SimpleNamespace(options=ModelOptions(soil_layers=SOIL_LAYERS))
    with pytest.raises(DataError, match="soil carbon in layers"):
        require_bulk_soil(Path("run"), layered)
