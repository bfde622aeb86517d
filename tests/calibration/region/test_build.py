"""Data within a region become a part: cells, years, parameters, and what is said of them."""

import dataclasses

import numpy as np
import pytest

from temjax.calibration import JointObjective, Objective
from temjax.calibration.hierarchy import type_request
from temjax.calibration.region.build import RegionData
from temjax.calibration.region.points import place_points
from temjax.calibration.region.stocks import sample_of_type
from temjax.calibration.region.study import Study
from temjax.calibration.run import make_objective
from temjax.calibration.targets import ErrorModel
from temjax.files.findings import DataError
from temjax.parameters.files import load_parameters
from temjax.parameters.registry import REGISTRY
from temjax.sites.stock_table import StockDatum
from temjax.sites.thaw_points import ThawPoint
from tests.support.short_site import short_site
from tests.support.small_region import small_experiment, write_experiment

EAST = 210.4  # of the first of five cells, 0.02 degrees apart; moist-tundra and alpine-tundra


def point(name="a", cell=0, observed=0.5, years=(1994,), **more):
    return ThawPoint(name, 68.6, EAST + 0.02 * cell, observed, years=years, **more)


def stock(vegetation="moist-tundra", **more):
    given = {
        "variable": "soil_organic_carbon", "value": 9000.0, "sd": 500.0, "depths": (0.0, 1.0),
        "latitude": np.nan, "longitude": np.nan, "years": (), "source": "a map",
    } | more  # fmt: skip
    return StockDatum(vegetation=vegetation, **given)


def tundra_site(name="tower", parameter_set="moist-tundra"):
    return dataclasses.replace(short_site(), name=name, parameter_set=parameter_set)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    return small_experiment(tmp_path_factory.mktemp("region"))


@pytest.fixture(scope="module")
def study(experiment):
    return Study.of(experiment)


def part_of(experiment, sites=None, free=("thermal", "cmax"), errors=None, **data):
    sites = (tundra_site(),) if sites is None else sites
    objective = make_objective(sites, free=free, targets=("soc",))
    return RegionData(experiment, **data).part(sites, objective, errors or ErrorModel())


def test_points_outside_without_climate_or_of_other_years_are_left_out_and_counted(study):
    faulty = dataclasses.replace(study, domain=dataclasses.replace(study.domain, findings={2: []}))
    placed, notes = place_points(
        [
            point(), point("b", 1, years=()), point("c", 2), point("far", 400), point("new", 3,
            years=(2015,)), point("d", 4, elevation=700.0), point("e", 4),
        ],
        faulty,
    )  # fmt: skip
    assert [(one.point.name, one.cell) for one in placed] == [
        ("a", 0),
        ("b", 1),
        ("d", 4),
        ("e", 4),
    ]
    assert placed[1].years == tuple(range(1986, 1996))  # last ten of the history
    text = "\n".join(notes)
    for part in (
        "1 of 7 thaw depths left out: outside the region (far)",
        "1 of 7 thaw depths left out: in a cell without valid maps or climate (c)",
        "1 of 7 thaw depths left out: of years outside the run (1990–1999) (new)",
        "1 thaw depths name no year",
        "cell less point +60 m of elevation at most (d); 3 of 4 rows give no elevation",
        "2 thaw depths share 1 cell",
    ):
        assert part in text


def test_cells_of_a_type_stand_for_equal_areas_in_order_of_temperature(study):
    (cells, weights), note = sample_of_type(study, "moist-tundra", 2)
    every = np.flatnonzero(study.domain.vegetation == "moist-tundra")
    ordered = every[np.argsort(study.temperature(every))]
    assert len(ordered) == 3 and cells == (ordered[0], ordered[2]) and weights == (0.5, 0.5)
    assert "2 of its 3 cells stand for it" in note
    (all_cells, shares), _ = sample_of_type(study, "moist-tundra", 9)
    assert sorted(all_cells) == sorted(every) and shares == pytest.approx([1 / 3] * 3)


def test_a_type_has_the_numbers_of_the_first_place_with_its_set(experiment):
    sites = (tundra_site(), tundra_site("second"), short_site())
    part = part_of(experiment, sites, points=[point(), point("b", 1)])
    own = "surface_resistance@tower"
    assert part.heat_suffices and own in part.free.names
    assert "cmax_scale@tower" not in part.free.names  # carbon does not act on heat
    assert all(name.endswith("@tower") for name in part.free.names)
    assert not part.types[0].rows  # alpine-tundra keeps its set
    assert list(np.asarray(part.targets[0].used)) == [1, 0]
    text = "\n".join(part.notes)
    assert "moist-tundra those of tower" in text
    assert "alpine-tundra: no place of the fit has this set" in text
    assert "moist-tundra: second has this set too" in text


def test_tied_numbers_are_shared_and_the_factor_on_soil_matter_stays_with_the_place(experiment):
    sites = (tundra_site(), short_site())
    names = ("krb", "cmax", "disequilibrium_factor")
    objective = make_objective(sites, free=names, tied=("krb",), targets=("soc",))
    part = RegionData(experiment, stocks=[stock()]).part(sites, objective)
    assert part.free.names == ("respiration_rate_log", "cmax_scale@tower")
    joint = JointObjective.joined(objective, (part,))
    assert joint.free.names == objective.free.names
    names = [joint.free.names[column] for column in joint.columns[2]]
    assert names == list(part.free.names) and joint.site_parts == objective.parts


def test_a_type_with_places_around_it_gives_the_region_its_own_number(experiment):
    sites = (tundra_site(), tundra_site("second"))
    joint = make_objective(
        sites, free=("conductivity_scale",), targets=("soc",),
        of_type=type_request("tundra", 0.3), also=(RegionData(experiment, points=[point()]),),
    )  # fmt: skip
    assert joint.parts[2].free.names == ("conductivity_scale",)
    assert joint.reported.names == (
        "conductivity_scale", "conductivity_scale@tower", "conductivity_scale@second",
    )  # fmt: skip
    at = np.array([0.5, 1.0, -1.0])[:, None]
    of_region, of_place = (np.asarray(joint.part_point(i, at)) for i in (2, 0))
    assert of_region[0, 0] == 0.5 and of_place[0, 0] > 0.5


def test_a_kept_ground_surface_is_the_regions_own(tmp_path):
    path = write_experiment(tmp_path)
    text = path.read_text(encoding="utf-8").replace(
        "[domain]\n", "keep_ground_surface = true\n[domain]\n"
    )
    path.write_text(text, encoding="utf-8")
    sites = (dataclasses.replace(tundra_site(), parameter_overrides={
        "surface_shortwave_coefficient": 0.03, "surface_resistance": 0.2}),)  # fmt: skip
    part = part_of(path, sites, points=[point()])
    bundled = load_parameters("moist-tundra")
    assert "surface_resistance" not in part.free.names
    own = [name for name in part.free.names if "@" in name]
    text = "\n".join(part.notes)
    for name in ("surface_shortwave_coefficient", "surface_resistance"):
        low, high = REGISTRY[name].bounds
        value = float(getattr(bundled, name))
        assert float(getattr(part.types[0].parameters, name)) == value
        assert (f"{name}@moist-tundra" in own) == (low < value < high)
        assert (f"{name} of the region is not fitted" in text) == (not low < value < high)
    assert "keep_ground_surface" in text
    sets = part.own_sets(np.ones(len(part.free.names)))
    assert bool(sets) == bool(own)
    for one in sets.values():
        values = np.asarray(part.free.values(np.ones(len(part.free.names))))
        assert float(one.parameters.conductivity_scale) == pytest.approx(
            values[part.free.names.index("conductivity_scale")]
        )
        assert len(one.rows) == len(part.free.names)


def test_errors_bounds_and_labels(experiment):
    errors = ErrorModel(thaw_depth=0.4, stock=0.1, weights={"alt": 2.0})
    points = [point(sd=0.3, source="CALM"), point("b", 2, 0.4, bound=">", years=(1992, 1993))]
    part = part_of(experiment, errors=errors, points=points, stocks=[stock()])
    thaw, carbon = part.targets
    np.testing.assert_allclose(thaw.sd, [0.5, 0.4])
    np.testing.assert_allclose(carbon.sd, [np.hypot(500, 900)])
    assert thaw.bounds == (0, 1) and thaw.weight == 2.0 and not part.heat_suffices
    assert part.labels(thaw) == ["a (1994)", "b (1992–1993)"]
    assert part.labels(carbon) == ["moist-tundra, 0–1 m"]
    assert dict(part.data[0])["source"] == "CALM" and dict(part.data[1])["used"] == 1
    assert dict(part.table[0][0])["distance_km"] == "0.0"
    assert "also a target of tower (soil_organic_carbon): where both" in part.notes[-1]


def test_a_weight_of_the_regions_data_is_none_of_the_towers(experiment):
    data = RegionData(experiment, points=[point()])
    errors = ErrorModel(weights={"alt": 2.0})
    joint = make_objective((tundra_site(),), free=("thermal",), errors=errors, also=(data,))
    assert joint.parts[1].targets[0].weight == 2.0
    assert isinstance(joint.parts[0], Objective)


def test_what_cannot_be_fitted_is_said(experiment, tmp_path):
    with pytest.raises(ValueError, match=r"nothing to fit: 1 of 1 thaw depths left out: outside"):
        part_of(experiment, points=[point("far", 900)])
    with pytest.raises(
        ValueError, match=r"no free parameter acts on its cells .* --tunable thermal"
    ):
        part_of(experiment, free=("cmax",), points=[point()])
    with pytest.raises(ValueError, match="of a type of which no place is fitted"):
        part_of(experiment, stocks=[stock("alpine-tundra")])
    reference = small_experiment(tmp_path, '[model]\nroot_zone_nitrogen = "const2020"')
    with pytest.raises(ValueError, match="const2020"):
        part_of(reference, stocks=[stock()])
    with pytest.raises(DataError, match="cannot be read"):
        part_of(experiment, points=tmp_path / "none.csv")
