"""Report of a calibration: page, record and a parameter set that reads back."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import temjax.calibration.cli
from temjax import ModelOptions, read_parameters
from temjax.calibration import fit
from temjax.calibration.result import Calibration
from temjax.calibration.targets import ErrorModel
from tests.support.browser_checks import check_page
from tests.support.short_site import NAMES, short_objective, short_site


@pytest.mark.slow
def test_a_report_holds_everything(tmp_path):
    site = short_site()
    objective = short_objective()
    result = fit(objective, starts=4, steps=4)
    calibration = Calibration.of(
        (site,), result, command="temjax calibrate short", options=ModelOptions(substeps=8)
    )
    paths = calibration.save(tmp_path)
    record = json.loads(paths["record"].read_text(encoding="utf-8"))
    assert record["names"] == list(NAMES)
    assert len(record["losses"]) == len(result.losses) and len(record["reasons"]) == 4
    names = {row["variable"] for row in record["scores"][site.name]}
    assert "soil_temperature" in names  # reported though not fitted
    assert record["data"][site.name][0]["used"] == 12
    page = paths["report"].read_text(encoding="utf-8")
    assert "http" not in page.replace("https://doi", "").replace("http://doi", "")
    assert page.count("data:image/png;base64,") == 5 + bool(record["pulls"]["parameters"])
    for name in (*NAMES, "temjax calibrate short", "Nash–Sutcliffe", *result.reasons[:1]):
        assert name in page
    fitted = read_parameters(paths["parameters"])
    best = dict(zip(result.names, result.values, strict=True))
    assert float(fitted.cmax_scale) == pytest.approx(best["cmax_scale"])
    text = paths["parameters"].read_text(encoding="utf-8")
    assert "disequilibrium_factor" in text and "data_hash" in text
    # The run behind the scores is the fit's own: same sub-steps, same residuals.
    (score,) = (s for s in calibration.site_scores[0] if s.variable == "gross_primary_production")
    net, gross = (
        np.asarray(target.values)[0] + result.residuals[rows, result.best] * target.sd[0]
        for target, rows in zip(objective.targets, (slice(0, 12), slice(12, 24)), strict=False)
    )
    observed = site.observations.monthly[score.variable].values[0]
    errors = gross + net / 2 - observed
    assert score.model.rmse == pytest.approx(float(np.sqrt(np.mean(errors**2))), rel=1e-5)

    check_page(paths["report"], tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tunable", "cmx"], "unknown parameter 'cmx'"),
        (["--tunable", "cmax,CMAX"], "named twice"),
        (["--tunable", "freezing"], "add --freezing-cutoff"),
        (["--targets", "lai"], "no observations of 'lai'"),
        (["--holdout", "1999"], "hold-out year 1999 was not observed"),
        (["--weights", "nep"], "not of the form nep=2"),
        (["--tied", "cmax"], "two or more sites"),
        (["--flux-error", "0"], "must be a positive number"),
        (["--profile", "moistopt"], "'moisture_optimum' is not fitted"),
        (["--nuts", "2"], "at least 4 draws"),
    ],
)
def test_bad_input_is_refused_before_any_run(arguments, message, tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("the fit was started")

    monkeypatch.setattr(temjax.calibration.cli, "run_calibration", never)
    app = typer.Typer()
    app.callback()(lambda: None)
    app.command(name="calibrate")(temjax.calibration.cli.calibrate)
    command = ["calibrate", "haibei-meadow", "--out", str(tmp_path / "out"), *arguments]
    found = CliRunner().invoke(app, command)
    assert found.exit_code != 0
    told = " ".join(found.output.replace("│", " ").split())
    assert message in told
    assert not (tmp_path / "out").exists()


def test_the_error_model_in_words():
    assert "annual NEP not fitted; weights all 1" in str(ErrorModel())
    weighted = str(ErrorModel(annual_flux=20.0, weights={"nep": 4.0}))
    assert "annual NEP 20 g C m⁻² yr⁻¹; weights net ecosystem production 4" in weighted
