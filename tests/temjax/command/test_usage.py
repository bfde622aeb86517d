"""Wrong use of a command: one line that names the option, what was given and what it takes."""

import pytest

from temjax.calibration.option_groups import OPTION_GROUPS
from temjax.files.names import split_names
from tests.support.command import called

pytestmark = pytest.mark.usefixtures("restored_settings")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["check", "x.csv", "--partition", "XT"],
            "--partition: 'XT' is none of its choices DT, NT (temjax check --help)",
        ),
        (["check", "x.csv", "--quality", "nan"], "--quality: 'nan' is not a number"),
        (["check", "x.csv", "--quality", "some"], "--quality: 'some' is not a number"),
        (["check", "x.csv", "--quality", "2"], "--quality: '2' is above 1, the most it can be"),
        (["simulate", "x", "--out", "y", "--start", "1.5"], "--start: '1.5' is not a whole number"),
        (["simulate", "x"], "--out is missing"),
        (["check"], "PATHS is missing"),
        (["check", "x.csv", "--nope"], "No such option: --nope"),
        (["--precision", "f16", "sites"], "--precision: 'f16' is none of its choices auto,"),
    ],
)
def test_wrong_use_is_one_line(words, line):
    result = called(*words)
    assert result.exit_code == 2
    assert result.output.startswith(f"error: {line}")
    assert result.output.count("\n") == 1


def test_help_has_every_option_under_a_heading():
    result = called("calibrate", "--help")
    shown = result.output[result.output.index("The fit:") :]
    under = {part.split(":\n")[0]: part for part in shown.split("\n\n")}
    assert list(under) == [*OPTION_GROUPS, "Options"]
    assert "--leave-one-out" in under["Several places, a type"]
    assert under["Options"].split()[1:2] == ["--help"]


def test_names_are_split_at_commas():
    assert split_names(" nep, gpp,,") == ("nep", "gpp")
    assert split_names(["a", "b,c"]) == ("a", "b,c")
    assert split_names(None, ("all",)) == ("all",)
    assert split_names("", ("all",)) == ()
