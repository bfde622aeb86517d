"""A fit to target values from the command line to its files, with algebra in the model's place."""

import json
import tomllib

import jax.numpy as jnp
import pytest

import temjax.calibration.communities.cli as community_cli
import temjax.calibration.communities.fit as community_fit
from temjax import read_parameters
from temjax.calibration.cli import _defaults
from temjax.calibration.communities.part import CommunityPart
from temjax.calibration.communities.targets_file import open_community
from temjax.parameters.posterior import read_posterior
from temjax.sites.place_state import read_place_state
from tests.support.command import called

pytestmark = pytest.mark.usefixtures("restored_settings")
FREE = ("cmax", "cfall", "kdc")


class Algebra(CommunityPart):
    """A steady state that can be written down: NPP is limited, and half of GPP without limit."""

    def outputs(self, free):
        values = dict(zip(self.free.names, self.free.values(free), strict=True))
        gross = 400.0 * values["cmax_scale"]
        net = 0.35 * gross
        carbon = net / (12 * values["litterfall_rate_carbon"])
        soil = 20000.0 * net / (140.0 * values["kdc_scale"])
        found = {
            "potential_gross_primary_production": gross,
            "potential_net_primary_production": 0.5 * gross,
            "gross_primary_production": 0.8 * gross,
            "net_primary_production": net,
            "nitrogen_uptake": net / 58.0,
            "vegetation_carbon": carbon,
            "structural_nitrogen": carbon / 58.0,
            "soil_organic_carbon": soil,
            "soil_organic_nitrogen": soil / 24.56,
            "available_nitrogen": 3.0 + 0.0 * net,
            "maximum_thaw_depth": 0.45 + 0.0 * net,
        }
        return found, jnp.ones(free.shape[1], bool)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit")
    words = ("--targets-file", "tussock-tundra", "--climate", "toolik-tundra", "--starts", 1)
    with pytest.MonkeyPatch.context() as patch:
        for module in (community_cli, community_fit):
            patch.setattr(module, "CommunityPart", Algebra)
        result = called("calibrate", *words, "--out", folder, "--tunable", ",".join(FREE))
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output, folder


def test_the_command_fits_and_says_why_a_target_is_missed(fitted):
    output, _ = fitted
    assert "steady state with the mean climate of 1986-2015 of Toolik Lake moist tundra" in output
    lines = {line.strip().split("  ")[0]: line for line in output.splitlines() if line}
    assert "-66.5%" in lines["available nitrogen"] and "+0.0%" in lines["thaw depth"]
    assert "warning: available_nitrogen -67% from its target: no free parameter moves it" in output
    assert "tussock-tundra-fitted.toml" in output


def test_files_of_a_fit_are_those_of_a_fit_to_towers(fitted):
    _, folder = fitted
    path = folder / "tussock-tundra-fitted.toml"
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    parameters = read_parameters(path)
    assert float(parameters.cmax_scale) == pytest.approx(1.0, rel=0.05)
    posterior = read_posterior(path)
    assert posterior.names == ("cmax_scale", "litterfall_rate_carbon", "kdc_scale")
    assert read_place_state(path) is None and "soil_matter_factor" not in document["place"]
    assert document["place"]["climate"] == "toolik-tundra"
    rows = {row["target"]: row for row in document["fit"]["target_values"]}
    assert rows["npp"]["fitted"] == pytest.approx(138.3, rel=0.05)
    low, high = rows["npp"]["interval_90"]
    assert low < rows["npp"]["fitted"] < high
    assert "MIT licence" in document["source"]
    record = json.loads((folder / "tussock-tundra-fit.json").read_text(encoding="utf-8"))
    assert len(record["targets"]) == 10 and record["losses"]
    page = (folder / "tussock-tundra-fit.html").read_text(encoding="utf-8")
    assert "no free parameter moves it" in page and "None" not in page.split("<img")[0]


def test_npp_beyond_growth_respiration_is_the_structure_of_the_model():
    sedge, tussock = (open_community(f"{name}-tundra") for name in ("wet-sedge", "tussock"))
    text = community_fit._growth_respiration(sedge, 1)
    assert "NPP over GPP of the targets is 0.91" in text and "leaves 0.80" in text
    assert community_fit._growth_respiration(sedge, 3) == ""
    assert community_fit._growth_respiration(tussock, 1) == ""


def test_every_option_of_the_command_is_used_or_refused():
    used = {"out", "targets_file", "climate", "site", "tunable", "method", "starts", "steps",
            "seed", "freezing_cutoff", "reading", "resume"}  # fmt: skip
    assert set(_defaults()) - {"return"} == used | set(community_cli.OF_TOWERS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--targets-file", "heath-tundra"), "give the place whose climate it is"),
        (("haibei-meadow", "--climate", "toolik-tundra"), "--targets-file with --climate"),
        ((), "give places, or --targets-file with --climate"),
        (("--targets-file", "heath-tundra", "--climate", "toolik-tundra", "--holdout", "2004"),
         "'--holdout': goes with towers, not with --targets-file"),
        (("--targets-file", "heath-tundra", "--climate", "toolik-tundra", "--points",
          "alt.csv", "--region", "region.toml"),
         "'--points, --stocks or --region': goes with towers"),
        (("haibei-meadow", "--targets-file", "heath-tundra", "--climate", "toolik-tundra"),
         "'places': goes with towers"),
        (("--targets-file", "heath-tundra", "--climate", "toolik-tundra", "--tunable", "cmox"),
         "unknown parameter 'cmox'"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(tmp_path, words, message):
    result = called("calibrate", *words, "--out", tmp_path)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split()), result.output
