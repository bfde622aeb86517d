"""Faults of many cells are told once each, with their number and the first place."""

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from temjax.files.findings import DataError, Finding
from temjax.regional.command.check import check
from temjax.regional.inputs.domain import load_domain
from temjax.regional.inputs.grids.faults import one_a_fault
from temjax.regional.run.member_group import prepare_group
from tests.support.small_region import TOML, change, small_experiment

ROWS, COLUMNS = 86, 123  # the 10 578 cells of the plateau at a tenth of a degree


def test_values_and_counts_do_not_make_another_fault():
    def fault(message, variable="tas"):
        return Finding("a.nc", variable, "somewhere", message, "Mend it.")

    by_cell = {
        3: [fault("271.5 is beyond ±70 °C (12 such values)"), fault("value is nan")],
        5: [fault("-1e+04 is beyond ±70 °C")],
        8: [fault("271.5 is beyond ±70 °C", "tmp")],
    }
    texts = [finding.message for finding in one_a_fault(by_cell)]
    assert texts == [
        "271.5 is beyond ±70 °C (13 such values in 2 cells)",
        "value is nan",
        "271.5 is beyond ±70 °C",
    ]


def test_a_run_without_valid_cells_names_every_fault_once(tmp_path):
    experiment = small_experiment(tmp_path)
    change(tmp_path / "data" / "vegetation.nc", "veg", lambda values: values * 0 + 99)
    change(tmp_path / "data" / "texture.nc", "sand", lambda values: values / 100)
    with pytest.raises(DataError) as error:
        prepare_group(
            experiment, load_domain(experiment), "toy", ["rcp85"], tmp_path, Console(quiet=True)
        )
    messages = [finding.message for finding in error.value.findings]
    assert len(messages) == 3 and messages[-1] == "no cell is valid"
    assert all("(5 such cells)" in message for message in messages[:-1])


def test_the_terminal_shows_each_fault_of_a_run_once(tmp_path):
    experiment = small_experiment(tmp_path)
    change(
        tmp_path / "data" / "vegetation.nc", "veg", lambda values: np.where(values == 7, 99, values)
    )
    console = Console(record=True, width=400)
    domain = load_domain(experiment)
    prepare_group(experiment, domain, "toy", ["rcp85"], tmp_path, console)
    text = console.export_text()
    assert text.count("domain.classes") == 1 and "2 of 5 cells masked" in text
    assert text.count("note: co2.nc: co2: no units") == 1


def write(folder, *, north=0.0, kelvin=None):
    """Files of many cells, every other row of a class without an entry."""
    (folder / "data").mkdir(parents=True)
    path = folder / "many.toml"
    text = TOML.format(extra="").replace("cell_area_km2 = 1.0", "")
    path.write_text(text.replace("1995]", "1990]").replace("1996, ", "1991, "), encoding="utf-8")
    place = {"lat": 30 + 0.1 * np.arange(ROWS), "lon": 80 + 0.1 * np.arange(COLUMNS)}

    def save(name, move=0.0, **variables):
        dims = ("time", "lat", "lon")
        arrays = {
            key: (dims[-values.ndim :], values.astype("f4"), {"units": units} if units else {})
            for key, (values, units) in variables.items()
        }
        dataset = xr.Dataset(arrays, place | {"lat": place["lat"] + move})
        if "tair" in variables:
            first = {"past.nc": 1990, "future.nc": 1995}[name]
            units = f"months since {first}-01-01"
            dataset["time"] = "time", np.arange(60.0), {"units": units}
        dataset.to_netcdf(folder / "data" / name)

    classes = np.full((ROWS, COLUMNS), 4.0)
    classes[::2] = 99
    whole = np.ones((ROWS, COLUMNS))
    save("vegetation.nc", veg=(classes, ""))
    save("texture.nc", sand=(48 * whole, "%"), silt=(44 * whole, "%"), clay=(8 * whole, "%"))
    save("elevation.nc", elevation=(4 * whole, "km"))
    months = np.ones((60, 1, 1)) * whole
    for name, move in (("past.nc", north), ("future.nc", 0.0)):
        warm = 273.15 if kelvin is not None and name == "past.nc" else 0.0
        save(
            name, move, tair=(warm - 5 * months, kelvin if warm else "degC"),
            precip=(30 * months, "mm/month"), nirr=(100 * months, "W m-2"),
        )  # fmt: skip
    years = np.arange(1990, 2000)
    co2 = xr.Dataset({"co2": ("year", 355.0 + years - 1990, {"units": "ppm"})}, {"year": years})
    co2.to_netcdf(folder / "data" / "co2.nc")
    return path


def test_ten_thousand_cells_with_three_faults_are_three_lines(tmp_path):
    found = check(write(tmp_path / "moved", north=0.1, kelvin=""))
    texts = [str(finding) for finding in found]
    assert len(texts) == 3
    assert "class 99 is in no entry of domain.classes (5289 such cells)" in texts[0]
    assert "(123 such cells)" in texts[1] and "but the domain has" in texts[1]
    assert "no units" in texts[2] and "kelvin" in texts[2]


def test_a_fault_of_every_value_is_one_line(tmp_path):
    path = write(tmp_path / "mislabelled", kelvin="degC")
    _, fault = check(path)
    assert "268.15 is beyond -95 to 70 °C (634680 such values in 10578 cells)" in fault.message
    assert "cell (0, 0)" in fault.index
