"""The ``temjax`` command: common options and the commands of all packages.

Commands come from the entry-point group ``temjax.commands`` (name of the command to its function),
file checks from ``temjax.checkers`` (functions ``(path) -> findings``, or None for a file of
another kind), so that the model imports nothing above it. Only the module of the requested command
is imported: ``temjax --help`` reads the first line of each function's docstring from its source
and imports neither JAX nor any command.
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

from temjax.command.usage import GroupedCommand, OneLineGroup
from temjax.runtime.machine import Precision, command_line, reduce_garbage_collection

# exit codes; a usage error exits with 2
DATA_ERROR = 1
WRITE_ERROR = 3
INTERRUPTED = 130

_common_options: dict = {}  # of this process
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def _show_version(requested: bool) -> None:
    if requested:
        console.print(f"temjax {version('temjax')} (jax {version('jax')})")
        raise typer.Exit()


def common(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show version.")
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
    _common_options.update(cache=cache, precision=precision)


def load_group(group: str) -> dict[str, Callable]:
    """Entry points of a group by name; those that cannot be imported are reported on stderr."""
    loaded = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        try:
            loaded[point.name] = point.load()
        except ImportError as error:
            _report_unavailable(point, error)
    return loaded


def _report_unavailable(point: EntryPoint, error: ImportError) -> None:
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


def few_cells_command(command: Callable) -> Callable:
    """Mark a command that computes a few cells at a time and compiles no reverse mode."""
    command.few_cells = True
    return command


def cpu_command(command: Callable) -> Callable:
    """Mark a command that computes next to nothing: it runs on CPUs and needs no other device."""
    command.on_cpu = True
    return command


def before_jax(prepare: Callable) -> Callable:
    """Mark a command: ``prepare`` is called with its options before JAX is imported."""

    def mark(command: Callable) -> Callable:
        command.prepare = prepare
        return command

    return mark


def configured(command: Callable) -> Callable:
    """A command that configures JAX by the common options before it runs."""

    @wraps(command)
    def run(*arguments, **named):
        if prepare := getattr(command, "prepare", None):
            prepare(*arguments, **named)
        import jax

        from temjax.runtime.configure import configure

        if getattr(command, "on_cpu", False):
            jax.config.update("jax_platforms", "cpu")
        fault = configure(**_common_options, few_cells=getattr(command, "few_cells", False))
        if fault is not None:
            errors.print(f"no compilation cache: {fault.filename}: {fault.strerror}")
        return command(*arguments, **named)

    return run


def print_line(to: Console, text: str) -> None:
    """Print a line without wrapping or markup."""
    to.print(text, soft_wrap=True, markup=False)


def build_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """Application with all installed commands listed, and those in the arguments imported."""
    app = typer.Typer(
        name="temjax",
        cls=OneLineGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(common)
    for point in sorted(entry_points(group="temjax.commands"), key=lambda point: point.name):
        if point.name not in arguments:
            app.command(point.name, help=summary(point))(_placeholder)
            continue
        try:
            app.command(point.name, cls=GroupedCommand)(configured(point.load()))
        except ImportError as error:
            _report_unavailable(point, error)
    return app


def _placeholder() -> None:
    """Body of a command that is listed but not imported."""


def _words(arguments: list[str] | None) -> list[str]:
    """Arguments of the process, or the words of a shell that requests completions."""
    if "_TEMJAX_COMPLETE" in os.environ:
        return os.environ.get("COMP_WORDS", os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()
    return sys.argv[1:] if arguments is None else arguments


@contextmanager
def resumable(out: Path) -> Iterator[None]:
    """Report how to resume after Ctrl-C or a full disk within the block."""
    command = command_line()
    resume = command if "--resume" in command.split() else f"{command} --resume"
    hint = f"What is finished stays in {out}. To go on: {resume}"
    try:
        yield
    except KeyboardInterrupt:
        print_line(errors, f"interrupted. {hint}")
        raise typer.Exit(INTERRUPTED) from None
    except OSError as error:
        error.add_note(hint)
        raise


def main(arguments: list[str] | None = None) -> None:
    """Run the command line: one line for each fault of the input, without a traceback.

    A folder that cannot be written to and a full disk have an exit code of their own.

    Args:
        arguments: without the program's name; by default those of the process.
    """
    reduce_garbage_collection()
    try:
        build_app(_words(arguments))(args=arguments)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        print_line(errors, f"error: {file}{error.strerror or error}")
        for note in getattr(error, "__notes__", ()):
            print_line(errors, note)
        sys.exit(WRITE_ERROR)
    except ValueError as error:
        for line in _faults(error):
            print_line(errors, f"error: {line}")
        sys.exit(DATA_ERROR)


def _faults(error: ValueError) -> list[str]:
    """Lines of an error in the input; any other error is raised again."""
    from temjax.files.findings import DataError
    from temjax.parameters.files import ParameterError

    if isinstance(error, DataError):
        return [str(finding) for finding in error.findings]
    if isinstance(error, ParameterError):
        return [str(error)]
    raise error
