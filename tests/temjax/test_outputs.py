"""The registry of outputs: complete, consistent with the arrays, by the rules of CF and ISIMIP."""

import dataclasses
import re
from typing import get_args

import pytest

from temjax.forcing import Forcing
from temjax.outputs import (
    ANNUAL_OUTPUTS,
    ANNUAL_SUMS,
    ANNUAL_VARIABLES,
    FLUX_OUTPUTS,
    FLUX_SYMBOLS,
    FLUXES,
    FORCING_VARIABLES,
    LAYER_OUTPUTS,
    LEDGERS,
    MONTHLY_OUTPUTS,
    POOL_OUTPUTS,
    AnnualOutput,
    LayerOutput,
    MonthlyOutput,
    flux_index,
)
from temjax.outputs.metadata import CellMethods
from temjax.parameters.cell import CellConstants
from temjax.state import POOLS
from temjax.units import typeset_unit
from tests.support.cf import (
    CANONICAL_UNITS,
    CELL_METHODS,
    ISIMIP_UNITS,
    conversion_factor,
    parse_unit,
)

OUTPUTS = MONTHLY_OUTPUTS | ANNUAL_OUTPUTS
OF_LAYERS = [variable.info for variable in LAYER_OUTPUTS.values()]
EVERYTHING = [
    *OUTPUTS.values(), *FORCING_VARIABLES.values(), *ANNUAL_VARIABLES.values(), *OF_LAYERS
]  # fmt: skip
ISIMIP = [info for info in OUTPUTS.values() if info.isimip]
PACKED = {"fluxes": FLUXES, "pools": POOLS, "ledgers": LEDGERS}


def attributes(kind: type) -> set[str]:
    """Names under which values of a class of outputs are read."""
    names = {field.name for field in dataclasses.fields(kind)}
    return (names - set(PACKED)).union(*(PACKED[name] for name in names & set(PACKED)))


@pytest.mark.parametrize("info", EVERYTHING, ids=lambda info: info.name)
def test_metadata_are_complete(info):
    assert re.fullmatch("[a-z][a-z0-9_]*", info.name)
    assert info.long_name and info.long_name == info.long_name.strip()
    assert info.cell_methods in CELL_METHODS == set(get_args(CellMethods))
    parse_unit(info.unit)
    assert bool(info.element) <= info.unit.startswith("g m-2")


@pytest.mark.parametrize("info", EVERYTHING, ids=lambda info: info.name)
def test_standard_names_fit_their_unit(info):
    if info.standard_name:
        (_, dimensions), (_, canonical) = map(
            parse_unit, (info.unit, CANONICAL_UNITS[info.standard_name])
        )
        assert dimensions == canonical


def test_every_value_of_a_run_has_metadata():
    assert attributes(MonthlyOutput) | {"ecosystem_respiration"} == set(MONTHLY_OUTPUTS)
    assert attributes(AnnualOutput) - set(FLUXES) == set(ANNUAL_OUTPUTS)
    assert attributes(LayerOutput) | {"soil_carbon_by_layer"} == set(LAYER_OUTPUTS)
    assert {field.name for field in dataclasses.fields(Forcing)} - {"years"} == set(
        FORCING_VARIABLES
    )


def test_packed_rows_follow_the_registry():
    assert tuple(info.name for info in POOL_OUTPUTS) == POOLS
    assert FLUXES == tuple(info.name for info in FLUX_OUTPUTS)
    assert len(set(FLUXES)) == len(FLUXES) == len(set(FLUX_SYMBOLS)) == 32
    assert (flux_index("gross_primary_production"), flux_index("leaf")) == (0, 31)
    assert len(LEDGERS) == 5


def test_variables_of_a_file_have_names_of_their_own():
    names = [*MONTHLY_OUTPUTS, *FORCING_VARIABLES, *LAYER_OUTPUTS]
    names += [info.name for info in ANNUAL_VARIABLES.values()]
    assert len(set(names)) == len(names)
    assert set(ANNUAL_VARIABLES) == set(ANNUAL_OUTPUTS) | set(ANNUAL_SUMS)
    assert ANNUAL_SUMS["net_primary_production"].unit == "g m-2 year-1"
    assert "leaf" not in ANNUAL_SUMS


def test_isimip_names_are_unique_and_have_isimip_units():
    names = {info.isimip.name: info.isimip.unit or info.unit for info in ISIMIP}
    assert len(names) == len({info.name for info in ISIMIP})
    assert names == ISIMIP_UNITS


@pytest.mark.parametrize("info", ISIMIP, ids=lambda info: info.isimip.name)
def test_conversions_follow_from_the_units(info):
    isimip = info.isimip
    unit = isimip.unit or info.unit
    amount = unit.removesuffix(" s-1") if info.is_sum else unit
    factor = conversion_factor(info.unit.removesuffix(" month-1"), amount)
    assert isimip.divisor == pytest.approx(1 / factor, rel=1e-15)
    assert isimip.offset == (273.15 if (info.unit, unit) == ("degC", "K") else 0.0)
    if isimip.cell_constant:
        assert isimip.cell_constant in CellConstants.__annotations__
    standard_name = isimip.standard_name or info.standard_name
    if standard_name:
        assert CANONICAL_UNITS[standard_name] == unit
    if isimip.annual_mean:
        assert info.name in MONTHLY_OUTPUTS and not info.is_sum


def test_units_with_the_element():
    assert OUTPUTS["net_primary_production"].unit_with_element == "g C m-2 month-1"
    assert OUTPUTS["soil_organic_nitrogen"].unit_with_element == "g N m-2"
    assert OUTPUTS["evapotranspiration"].unit_with_element == "mm month-1"


@pytest.mark.parametrize(
    ("unit", "text"),
    [("g C m-2 month-1", "g C m⁻² month⁻¹"), ("degC", "°C"), ("(K d)-1/2", "(K d)⁻½"), ("1", "1")],
)
def test_units_for_people(unit, text):
    assert typeset_unit(unit) == text


@pytest.mark.parametrize("unit", ["g/m2", "gC m-2", "g  m-2", ""])
def test_a_wrong_unit_is_refused(unit):
    with pytest.raises(ValueError, match="not understood"):
        parse_unit(unit)
