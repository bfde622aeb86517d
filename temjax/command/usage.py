"""Wrong use of a command as one line: the option, what was given, what it takes."""

import math
import re
from typing import NoReturn

import typer
from typer.core import TyperGroup

_UsageError: type[Exception] = typer.BadParameter.__bases__[0]
_CHOICES = re.compile(r"(?:Value error, )?(?P<given>'.*') is not one of (?P<choices>.*?)\.?")
# pydantic's kinds of errors, of the values of options
_WORDS = {
    "float_parsing": "is not a number",
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "less_than_equal": "is above {le:g}, the most it can be",
    "greater_than_equal": "is below {ge:g}, the least it can be",
}


class OneLineGroup(TyperGroup):
    """Commands whose usage errors are one line each."""

    def make_context(self, *arguments, **named):
        """Context of the options before the command."""
        try:
            return super().make_context(*arguments, **named)
        except _UsageError as error:
            _reword(error)

    def invoke(self, ctx):
        """Result of the command."""
        try:
            return super().invoke(ctx)
        except _UsageError as error:
            _reword(error)


class _WrongUse(_UsageError):
    """Usage error that shows itself as one line."""

    def show(self, file=None) -> None:
        typer.echo(f"error: {self.message}", file=file, err=file is None)


def _reword(error: Exception) -> NoReturn:
    """Raise a usage error as one line; the help that a command without arguments shows stays."""
    if type(error).__name__ == "NoArgsIsHelpError":
        raise error
    context = getattr(error, "ctx", None)
    hint = f" (temjax {context.info_name} --help)" if context and context.parent else ""
    raise _WrongUse(f"{usage_text(error)}{hint}") from None


def usage_text(error: Exception) -> str:
    """A usage error in words, without a line break."""
    named = getattr(error, "param_hint", None)
    parameter = getattr(error, "param", None)
    if named is None and parameter is not None:
        options = [name for name in parameter.opts if name.startswith("--")]
        named = options[0] if options else (parameter.name or "").upper()
    if type(error).__name__ == "MissingParameter":
        choices = ", ".join(getattr(getattr(parameter, "type", None), "choices", ()) or ())
        return f"{named} is missing" + (f"; choose from {choices}" if choices else "")
    if not isinstance(error, typer.BadParameter):
        return " ".join(error.format_message().split())
    where = f"{named}: " if named else ""
    return " ".join(f"{where}{_value_text(error)}".split())


def _value_text(error: typer.BadParameter) -> str:
    """What is wrong with the value of an option."""
    faults = getattr(error.__cause__, "errors", lambda: [])()
    kind, given = (faults[0]["type"], faults[0]["input"]) if faults else ("", "")
    if kind in _WORDS:
        if not kind.endswith("parsing") and math.isnan(float(given)):
            kind = "float_parsing"
        return f"{given!r} {_WORDS[kind].format(**faults[0].get('ctx', {}))}"
    choices = _CHOICES.fullmatch(error.message)
    if choices:
        names = choices["choices"].replace("'", "")
        return f"{choices['given']} is none of its choices {names}"
    return error.message
