"""The ``temjax`` command: common options, ``check`` and the other packages' commands.

Commands come from the entry-point group ``temjax.commands`` (name of the command to its function),
file checks from ``temjax.checkers`` (functions ``(path) -> findings``, or None for a file that is
not theirs), so that the model itself imports nothing above it. Only the module of the command that
is asked for is imported: ``temjax --help`` reads the first line of each function's docstring from
its source and imports neither JAX nor any command.
"""

import ast
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib.metadata import EntryPoint, entry_points, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from temjax.runtime.configure import Precision, configure
from temjax.runtime.machine import collect_rarely, command_line

# exit codes; a usage error exits with 2
DATA_ERROR = 1
WRITE_ERROR = 3
INTERRUPTED = 130

_chosen: dict = {}  # common options of this process
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def names_of(text: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
    """A comma-separated option, or its default."""
    if text is None:
        return default
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _version(wanted: bool) -> None:
    if wanted:
        console.print(f"temjax {version('temjax')} (jax {version('jax')})")
        raise typer.Exit()


def common(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show version.")
    ] = False,
    cache: Annotated[
        bool,
        typer.Option(help="Keep compiled programs in ~/.cache/temjax/jax (or TEMJAX_CACHE)."),
    ] = True,
    precision: Annotated[
        Precision, typer.Option(help="auto: float64 on CPUs, float32 on accelerators.")
    ] = "auto",
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Nothing but errors and what --json asks for.")
    ] = False,
) -> None:
    """The Terrestrial Ecosystem Model in JAX. Options before the command hold for every command.

    Exit codes: 0 done; 1 faulty input, one line per fault; 2 wrong use; 3 the disk is full or a
    folder cannot be written to; 130 interrupted (Ctrl-C).

    Examples: temjax sites; temjax simulate haibei-meadow --out run.nc; temjax COMMAND --help
    """
    console.quiet = quiet
    _chosen.update(cache=cache, precision=precision)


def load_group(group: str) -> dict[str, Callable]:
    """Entry points of a group by name; one that cannot be imported is named on stderr."""
    loaded = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        try:
            loaded[point.name] = point.load()
        except ImportError as error:
            _unavailable(point, error)
    return loaded


def _unavailable(point: EntryPoint, error: ImportError) -> None:
    errors.print(f"{point.group}: {point.value} is not available ({error})", style="yellow")


def summary(point: EntryPoint) -> str:
    """First line of a command's docstring, read from its source without importing it."""
    try:
        spec = find_spec(point.module)
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    except (ImportError, AttributeError, TypeError, OSError, SyntaxError):
        return ""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == point.attr:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""


def of_few_cells(command: Callable) -> Callable:
    """Mark a command that works on a few cells at a time and compiles no reverse mode."""
    command.few_cells = True
    return command


def begun_by(early: Callable) -> Callable:
    """Mark a command: ``early``, given its options, is called before JAX is imported."""

    def mark(command: Callable) -> Callable:
        command.early = early
        return command

    return mark


def configured(command: Callable) -> Callable:
    """A command that sets JAX up as the common options say before it begins."""

    @wraps(command)
    def run(*arguments, **named):
        if early := getattr(command, "early", None):
            early(*arguments, **named)
        fault = configure(**_chosen, few_cells=getattr(command, "few_cells", False))
        if fault is not None:
            errors.print(f"no compilation cache: {fault.filename}: {fault.strerror}")
        return command(*arguments, **named)

    return run


def say(where: Console, text: str) -> None:
    """One line as it is: no wrapping, no markup."""
    where.print(text, soft_wrap=True, markup=False)


def build_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """The command; of what is installed, all is listed and what the arguments name is imported."""
    app = typer.Typer(
        name="temjax",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(common)
    for point in sorted(entry_points(group="temjax.commands"), key=lambda point: point.name):
        if point.name not in arguments:
            app.command(point.name, help=summary(point))(_listed)
            continue
        try:
            app.command(point.name)(configured(point.load()))
        except ImportError as error:
            _unavailable(point, error)
    return app


def _listed() -> None:
    """Stands for a command that was not asked for."""


def _words(arguments: list[str] | None) -> list[str]:
    """The arguments, or while a shell asks for completions the words typed so far."""
    if "_TEMJAX_COMPLETE" in os.environ:
        return os.environ.get("COMP_WORDS", os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()
    return sys.argv[1:] if arguments is None else arguments


@contextmanager
def resumable(out: Path) -> Iterator[None]:
    """Ctrl-C within ends with a line that says how to go on; full disks are told with it too."""
    command = command_line()
    again = command if "--resume" in command.split() else f"{command} --resume"
    stays = f"What is finished stays in {out}. To go on: {again}"
    try:
        yield
    except KeyboardInterrupt:
        say(errors, f"interrupted. {stays}")
        raise typer.Exit(INTERRUPTED) from None
    except OSError as error:
        error.add_note(stays)
        raise


def main(arguments: list[str] | None = None) -> None:
    """Run the command; faults of the input end with one line each, without a traceback.

    So do a folder that cannot be written to and a full disk, with an exit code of their own.

    Args:
        arguments: without the program's name; by default those of the process.
    """
    collect_rarely()
    try:
        build_app(_words(arguments))(args=arguments)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        say(errors, f"error: {where}{error.strerror or error}")
        for note in getattr(error, "__notes__", ()):
            say(errors, note)
        sys.exit(WRITE_ERROR)
    except ValueError as error:
        for line in _faults(error):
            say(errors, f"error: {line}")
        sys.exit(DATA_ERROR)


def _faults(error: ValueError) -> list[str]:
    """Faults of the input as lines; any other error is raised again."""
    from temjax.files.findings import DataError
    from temjax.parameters.files import ParameterError

    if isinstance(error, DataError):
        return [str(finding) for finding in error.findings]
    if isinstance(error, ParameterError):
        return [str(error)]
    raise error
