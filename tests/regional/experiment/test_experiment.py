"""Experiment files: what is accepted, and one clear finding for what is not."""

from pathlib import Path

import pytest

import temjax.regional.report.pipeline
from temjax import regional
from temjax.files.findings import DataError
from temjax.regional.experiment.experiment import read_experiment
from tests.support.command import ended

EXPERIMENTS = Path(regional.__file__).parent / "experiments"
DEMO = (EXPERIMENTS / "qtp-synthetic-demo.toml").read_text(encoding="utf-8")


def findings_of(tmp_path, old, new):
    assert old in DEMO
    path = tmp_path / "broken.toml"
    path.write_text(DEMO.replace(old, new), encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_experiment(path)
    return error.value.findings


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.toml")), ids=lambda p: p.stem)
def test_bundled_experiments_are_valid(path):
    assert read_experiment(path).name == path.stem


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("stride = 3", "strid = 3", "domain.strid", "Did you mean stride"),
        ("future = [2021, 2099]", "future = [2031, 2099]", "protocol", "let future begin 2021"),
        ("historical = [1901, 2020]", "historical = [2020, 1901]", "protocol", "ends before"),
        ('members = ["A"]', 'members = ["E"]', "climate.members.0", "'A', 'B', 'C' or 'D'"),
        ('"hold"', '"held"', "model.active_layer_rule", "'hold', 'literal' or 'stefan'"),
        ("resolution = 0.5", "resolution = 0.3", "domain", "7 degrees must hold whole cells"),
        ("tile_cells = 22", "tile_cells = 0", "run.tile_cells", "greater than or equal to 1"),
        ('region = "qtp-synthetic"', "", "region", "missing"),
        ("[run]", "[parameters]\nalpine-medow = 'x.toml'\n[run]", "", "Did you mean alpine-meadow"),
    ],
)
def test_one_finding_names_key_and_mend(tmp_path, old, new, key, words):
    (finding,) = findings_of(tmp_path, old, new)
    assert finding.variable == key
    assert words in str(finding)
    assert finding.file.endswith("broken.toml")


def test_several_faults_come_in_one_pass(tmp_path):
    findings = findings_of(tmp_path, "stride = 3\noffset = [2, 0]", "strid = 3\noffset = [2]")
    assert len(findings) >= 2


def test_broken_toml_and_absent_file(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("name = [", encoding="utf-8")
    with pytest.raises(DataError, match="not valid TOML"):
        read_experiment(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_experiment(tmp_path / "absent.toml")


def test_paths_are_taken_from_the_file(tmp_path):
    text = (EXPERIMENTS / "toolik.toml").read_text(encoding="utf-8")
    path = tmp_path / "deep" / "toolik.toml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    assert read_experiment(path).domain.folder == tmp_path / "deep" / "toolik"


def test_hash_ignores_places_and_workers_but_no_choice(tmp_path):
    reference = read_experiment(EXPERIMENTS / "qtp-synthetic-demo.toml").hash
    for old, new, same in (
        ("tile_cells = 22", "tile_cells = 22\nworkers = 2", True),
        ("title =", "contact = 'someone'\ntitle =", True),
        ('"hold"', '"literal"', False),
        ("spin_up_length = 200", "spin_up_length = 160", False),
        ("stride = 3", "stride = 4", False),
    ):
        path = tmp_path / "other.toml"
        path.write_text(DEMO.replace(old, new), encoding="utf-8")
        assert (read_experiment(path).hash == reference) is same, new


@pytest.mark.usefixtures("restored_settings")
@pytest.mark.parametrize(
    ("words", "workers", "tile_cells"),
    [((), 1, 22), (("--workers", 3), 3, 22), (("--tile-cells", 5, "--workers", 0), 0, 5)],
)
def test_processes_and_tiles_of_the_command_replace_the_files(
    tmp_path, monkeypatch, capsys, words, workers, tile_cells
):
    seen = []
    monkeypatch.setattr(
        temjax.regional.report.pipeline,
        "run_projection",
        lambda settings, *_, **__: seen.append(settings),
    )
    file = EXPERIMENTS / "qtp-synthetic-demo.toml"
    code, error = ended(monkeypatch, capsys, "project", file, "--out", tmp_path, *words)
    assert code == 0, error
    assert (seen[0].run.workers, seen[0].run.tile_cells) == (workers, tile_cells)


@pytest.mark.usefixtures("restored_settings")
def test_a_repetition_takes_no_other_tiles(tmp_path, monkeypatch, capsys):
    words = ("project", "--from", tmp_path, "--out", tmp_path / "new", "--tile-cells", 5)
    code, error = ended(monkeypatch, capsys, *words)
    assert code == 2 and "--tile-cells" in error
