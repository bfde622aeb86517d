"""The timeline: which year is run when, with which CO2 and exposure, between which neighbours."""

import numpy as np
import pytest

from temjax.forcing import Forcing
from temjax.regional.experiment.settings import Protocol
from temjax.regional.inputs.climate import Segment
from temjax.regional.inputs.synthetic import SyntheticPlateauClimate, plateau
from temjax.regional.inputs.timeline import (
    block_forcing,
    build_timeline,
    equilibrium_forcing,
    year_blocks,
)
from temjax.runs.lagged_forcing import lagged_temperature

PROTOCOL = Protocol(
    equilibrium_years=(1861, 1863),
    spin_up_years=(1861, 1865),
    spin_up_length=12,
    historical=(1901, 1906),
    future=(1907, 1910),
    exposure_from=1903,
)


@pytest.fixture(scope="module")
def climate():
    years = np.arange(1861, 2100)
    return SyntheticPlateauClimate(
        cells=plateau(0.5).select(np.arange(2)),
        member="A",
        scenario="rcp85",
        years=years,
        co2=280.0 + 0.5 * np.arange(years.size),
        segments=(Segment("x", 1861, 2099),),
    )


@pytest.fixture(scope="module")
def timeline(climate):
    return build_timeline(PROTOCOL, climate, 40)


def test_spin_up_ends_with_a_whole_cycle(timeline):
    calendar = 1861 + timeline.rows
    assert calendar[:12].tolist() == [1864, 1865, *range(1861, 1866), *range(1861, 1866)]
    assert calendar[12:].tolist() == list(range(1901, 1911))
    assert timeline.years.tolist() == list(range(1889, 1911))
    assert (timeline.spin_up, timeline.historical, timeline.future) == ((0, 12), (12, 18), (18, 22))


def test_co2_is_constant_in_spin_up_and_interpolated_after(timeline, climate):
    assert np.all(timeline.co2[:12] == climate.co2[0])
    july = climate.co2[timeline.rows[12:]]
    assert timeline.co2[12:, 6] == pytest.approx(july)
    assert np.all(timeline.co2[12, :7] == july[0])  # first year constant up to its July
    assert timeline.co2[13, 0] == pytest.approx((july[0] + july[1]) / 2)


def test_exposure_starts_when_asked_and_ends_at_the_branch_in_the_reference(timeline):
    on = timeline.years[timeline.exposed]
    assert on.tolist() == list(range(1903, 1911))
    assert timeline.years[timeline.exposure_switch("S_T")].tolist() == on.tolist()
    reference = timeline.years[timeline.exposure_switch("S_R")]
    assert reference.tolist() == list(range(1903, 1907))


def test_spin_up_labels_never_switch_exposure_on(climate):
    early = PROTOCOL.model_copy(update={"exposure_from": 1800})
    timeline = build_timeline(early, climate, 40)
    assert not timeline.exposed[:12].any()
    assert timeline.exposed[12:].all()


def test_equilibrium_sees_the_first_co2(timeline, climate):
    forcing = equilibrium_forcing(timeline, climate.load(np.array([0, 1])))
    assert forcing.number_of_years == 3
    assert np.all(np.asarray(forcing.co2) == climate.co2[0])


def test_blocks_see_the_neighbours_of_the_whole_timeline(timeline, climate):
    data = climate.load(np.array([0, 1]))
    n = timeline.years.size
    rows = timeline.rows
    whole = Forcing(
        years=timeline.years,
        air_temperature=data["air_temperature"][rows],
        precipitation=data["precipitation"][rows],
        shortwave=data["shortwave"][rows],
        co2=timeline.co2,
    )
    for start, stop in year_blocks(0, n, 5):
        part, indices = block_forcing(timeline, data, (start, stop), "float64")
        assert part.number_of_years == stop - start + 2
        assert np.array_equal(indices[1:-1], np.arange(start, stop))
        for lag in (1, 2):
            assert np.array_equal(
                lagged_temperature(part, lag, cyclic=False)[1 : stop - start + 1],
                lagged_temperature(whole, lag, cyclic=False)[start:stop],
            )
        following = whole.air_temperature[min(stop, n - 1), 0]
        assert np.array_equal(part.air_temperature[-1, 0], following)


def test_a_block_may_reach_beyond_the_end(timeline, climate):
    data = climate.load(np.array([0]))
    part, indices = block_forcing(timeline, data, (20, 25), "float32")
    assert indices.tolist() == [19, 20, 21, 21, 21, 21, 21]
    assert part.air_temperature.dtype == np.float32
    assert year_blocks(18, 22, 3) == [(18, 21), (21, 22)]
