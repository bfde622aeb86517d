"""``temjax doctor``: what it reports, what it finds, and its exit code."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
import typer
from typer.testing import CliRunner

import temjax
from temjax.command import doctor
from temjax.native.availability import unavailable_reason


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)  # two levels, as in the real command
    app.command()(doctor.doctor)
    return app


@pytest.fixture
def cache(tmp_path):
    """A compilation cache of the test's own."""
    unavailable_reason()  # tries a kernel the first time, and keeps it
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    yield tmp_path
    jax.config.update("jax_compilation_cache_dir", before)


def run(app, *arguments):
    return CliRunner().invoke(app, ["doctor", *arguments])


def outcomes(monkeypatch, *checks: doctor.Check) -> None:
    monkeypatch.setattr(doctor, "check_commands", lambda: doctor.Check("commands", True, "all"))
    monkeypatch.setattr(doctor, "self_check", lambda: list(checks))


def test_report_names_versions_device_precision_cache_and_memory(app, cache, monkeypatch):
    outcomes(monkeypatch)
    (cache / "program-cache").write_bytes(b"x" * 2_000_000)
    (cache / "program-atime").write_bytes(b"x")
    result = run(app)
    assert result.exit_code == 0, result.output
    for text in (temjax.__version__, jax.__version__, "float64", "cpu", "GB", "1 programs, 2.0 MB"):
        assert text in result.output


def test_json_is_one_document(app, cache, monkeypatch):
    outcomes(monkeypatch, doctor.Check("one year", True, "NPP 1.0 g C m⁻² yr⁻¹"))
    result = run(app, "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["passed"] is True
    assert document["versions"]["jax"] == jax.__version__
    assert document["precision"] == "float64"
    assert document["cache"]["folder"] == str(cache)
    assert document["memory"]["total_gb"] > document["memory"]["available_gb"] > 0
    assert document["devices"][0]["platform"] == "cpu"
    assert [check["name"] for check in document["checks"]] == ["commands", "cache", "one year"]


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_failed_check_ends_with_exit_code_1(app, cache, monkeypatch, form):
    outcomes(monkeypatch, doctor.Check("derivative of NPP", False, "2.0e-01 (limit 1e-05)"))
    result = run(app, *form)
    assert result.exit_code == 1
    assert "derivative of NPP" in result.output
    assert ("FAILED" in result.output) or json.loads(result.stdout)["passed"] is False


def test_the_self_check_can_be_left_out(app, cache, monkeypatch):
    monkeypatch.setattr(doctor, "check_commands", lambda: doctor.Check("commands", True, "all"))
    monkeypatch.setattr(doctor, "self_check", lambda: pytest.fail("was run"))
    assert run(app, "--no-check").exit_code == 0


def test_a_cache_that_cannot_be_written_to_is_found(cache):
    jax.config.update("jax_compilation_cache_dir", str(cache / "gone"))
    found = doctor.check_cache()
    assert not found.passed
    assert "TEMJAX_CACHE" in found.message and "gone" in found.message


def test_a_command_that_cannot_be_imported_is_found(monkeypatch):
    class Broken:
        name, value = "sites", "temjax.sites.cli:list_sites"

        def load(self):
            raise ImportError("no module named 'x'")

    monkeypatch.setattr(doctor, "entry_points", lambda group: [Broken()])
    found = doctor.check_commands()
    assert not found.passed
    assert "temjax.sites.cli:list_sites: no module named 'x'" in found.message


def test_the_command_is_declared():
    text = (Path(temjax.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert 'doctor = "temjax.command.doctor:doctor"' in text


def test_what_is_not_a_number_fails():
    assert not doctor._error_check("x", float("nan"), 1.0).passed
    assert doctor._error_check("x", 0.5, 1.0).passed


def test_a_crash_of_the_model_is_a_finding(monkeypatch):
    def crash():
        raise RuntimeError("XLA says no")

    monkeypatch.setattr(doctor, "embedded_site", crash)
    (found,) = doctor.self_check()
    assert not found.passed and found.message == "RuntimeError: XLA says no"


@pytest.mark.slow
def test_the_self_check_passes():
    checks = doctor.self_check()
    assert len(checks) == 7
    assert [check for check in checks if not check.passed] == []


@pytest.mark.slow
def test_a_wrong_derivative_and_a_lost_flux_are_found(monkeypatch):
    real = doctor.one_year

    def wrong(cell, parameters):
        lost = jax.lax.stop_gradient(parameters.cmax_scale)
        run = real(cell, dataclasses.replace(parameters, cmax_scale=lost))
        pools = run.annual.pools * (1.0 + 1e-6)
        return dataclasses.replace(run, annual=dataclasses.replace(run.annual, pools=pools))

    monkeypatch.setattr(doctor, "one_year", wrong)
    failed = {check.name for check in doctor.self_check() if not check.passed}
    assert {"derivative of NPP", "carbon budget"} <= failed
    assert "heat budget" not in failed
    assert jnp.result_type(float) == jnp.float64
