"""Wrong use of a command as one line: the option, what was given, what it takes."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

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


def help_groups(groups: Mapping[str, Sequence[str]]) -> Callable[[Callable], Callable]:
    """Decorator of a command whose help shows options under headings.

    Args:
        groups: parameters by heading, in the order of the help.
    """

    def mark(command: Callable) -> Callable:
        command.help_groups = groups
        return command

    return mark


class GroupedCommand(TyperCommand):
    """Command whose help has the headings of ``help_groups``; without them one list of options."""

    def format_options(self, ctx, formatter) -> None:
        """Write arguments and options, by heading."""
        groups = getattr(self.callback, "help_groups", {})
        heading_of = {name: heading for heading, names in groups.items() for name in names}
        sections = {heading: [] for heading in ("Arguments", *groups, "Options")}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                heading = heading_of.get(parameter.name, "Options")
                is_option = parameter.param_type_name == "option"
                sections[heading if is_option else "Arguments"].append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


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


@contextmanager
def choices_told() -> Iterator[None]:
    """Tell choices that cannot be as wrong use, and faults of files as they are.

    Raises:
        typer.BadParameter: a choice that cannot be, or a package that is missing for it.
        DataError: faults of a file.
    """
    from temjax.files.findings import DataError

    try:
        yield
    except DataError:
        raise
    except (ImportError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error


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
