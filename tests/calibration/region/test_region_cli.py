"""``--points``, ``--stocks`` and ``--region`` of ``temjax calibrate``."""

import pytest

import temjax.calibration.cli
from temjax.calibration.checkpoint import FitError
from temjax.files.findings import DataError
from tests.support.command import called
from tests.support.small_region import write_experiment
from tests.support.tower_files import site_file, tower_file

pytestmark = pytest.mark.usefixtures("restored_settings")


@pytest.fixture
def fitted(monkeypatch) -> dict:
    """What a call would fit; the fit itself is not made."""
    request = {}

    def stop(sites, objective, **_):
        request.update(sites=sites, objective=objective)
        raise FitError("stopped here")

    monkeypatch.setattr(temjax.calibration.cli, "run_calibration", stop)
    return request


def test_points_and_stocks_join_the_fit_and_are_told(tmp_path, fitted):
    region = write_experiment(tmp_path)
    (tmp_path / "alt.csv").write_text(
        "name,lat,lon,year,thaw_depth_cm\nhere,68.6,210.4,1994,50\nfar,10,10,1994,>90\n",
        encoding="utf-8",
    )
    (tmp_path / "soc.csv").write_text(
        "vegetation,variable,value,unit,depth\nmoist-tundra,SOC,8-10,kg C m-2,0-1 m\n",
        encoding="utf-8",
    )
    facts = site_file(tmp_path, "mine", vegetation="moist-tundra")
    result = called(
        "calibrate", tower_file(tmp_path), "--site", facts, "--out", tmp_path / "fit",
        "--points", tmp_path / "alt.csv", "--stocks", tmp_path / "soc.csv", "--region", region,
        "--region-cells", "2", "--thaw-error", "0.25",
    )  # fmt: skip
    assert "stopped here" in result.output, result.output
    for words in (
        "small: fitted: 1 maximum thaw depth, 1 soil organic carbon",
        "small: 2 of 5 cells run the whole model, through 6 years of spin-up",
        "small: parameters of its cells: moist-tundra those of mine",
        "1 of 2 thaw depths left out: outside the region (far)",
        "moist-tundra: 2 of its 3 cells stand for it",
    ):
        assert words in result.output
    tower, region = fitted["objective"].parts
    assert region.name == "small" and float(region.targets[0].sd[0]) == 0.25
    assert "disequilibrium_factor" in tower.free.names
    assert "disequilibrium_factor" not in region.free.names


def test_a_faulty_table_is_faulty_input(tmp_path):
    """Not wrong use: one finding, and the exit code of a fault."""
    (tmp_path / "alt.csv").write_text("lat,lon,thaw_depth_m\n68.6,210.4,180\n", encoding="utf-8")
    result = called(
        "calibrate", "haibei-meadow", "--out", tmp_path / "fit", "--points", tmp_path / "alt.csv",
        "--region", write_experiment(tmp_path),
    )  # fmt: skip
    assert isinstance(result.exception, DataError)
    assert "thaw_depth_m at line 2: 180 m is deeper" in str(result.exception)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--points", "alt.csv"), "--points needs --region"),
        (("--stocks", "soc.csv"), "--stocks needs --region"),
        (("--region", "region.toml"), "--region needs --points or --stocks"),
        (("--region-cells", "3"), "--region-cells needs --region"),
        (("--thaw-error", "0.2"), "--thaw-error needs --region and --points"),
        (("--stock-error", "0.2"), "--stock-error needs --region and --stocks"),
        (
            ("--points", "alt.csv", "--region", "region.toml", "--region-cells", "3"),
            "--region-cells needs --region and --stocks",
        ),
    ],
)
def test_options_that_need_each_other(tmp_path, words, message):
    result = called("calibrate", "haibei-meadow", "--out", tmp_path / "fit", *words)
    assert result.exit_code == 2 and message in " ".join(result.output.split())
