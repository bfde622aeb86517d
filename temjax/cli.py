"""The ``temjax`` command: common options, ``check``, ``demo`` and the other packages' commands.

Commands come from the entry-point group ``temjax.commands`` (functions ``register(app)``), file
checks from ``temjax.checkers`` (functions ``(path) -> findings``, or None for a file that is not
theirs), so that the model itself imports nothing above it.
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Literal

import jax
import typer
from rich.console import Console

import temjax
from temjax.parameter_files import ParameterError, read_parameters
from temjax.validation import DataError, Finding

# exit codes; a usage error exits with 2
DATA_ERROR = 1
WRITE_ERROR = 3
INTERRUPTED = 130
Precision = Literal["auto", "float32", "float64"]
Checker = Callable[[Path], list[Finding] | None]

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def names_of(text: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
    """A comma-separated option, or its default."""
    if text is None:
        return default
    return tuple(name.strip() for name in text.split(",") if name.strip())


def command_line() -> str:
    """The command as it was typed, with the program's bare name."""
    program = sys.argv[0].rsplit("/", 1)[-1]
    return shlex.join([program, *sys.argv[1:]])


def cache_folder() -> Path:
    """Where compiled programs are kept: TEMJAX_CACHE, else ~/.cache/temjax/jax."""
    given = os.environ.get("TEMJAX_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "temjax" / "jax"


def configure(*, cache: bool = True, precision: Precision = "auto") -> None:
    """Set up JAX for the command line: number format and the cache of compiled programs.

    Args:
        precision: ``auto`` is float64 on CPUs and float32 on accelerators.
    """
    wide = jax.default_backend() == "cpu" if precision == "auto" else precision == "float64"
    jax.config.update("jax_enable_x64", wide)
    if not cache:
        return
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        errors.print(f"no compilation cache: {folder}: {error.strerror}")
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def _version(wanted: bool) -> None:
    if wanted:
        console.print(f"temjax {temjax.__version__} (jax {jax.__version__})")
        raise typer.Exit()


def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show version.")
    ] = False,
    cache: Annotated[
        bool,
        typer.Option(help="Keep compiled programs in ~/.cache/temjax/jax (or TEMJAX_CACHE)."),
    ] = True,
    precision: Annotated[
        Precision, typer.Option(help="auto: float64 on CPUs, float32 on accelerators.")
    ] = "auto",
) -> None:
    """Options before the command apply to every command."""
    configure(cache=cache, precision=precision)


def check_parameter_file(path: Path) -> list[Finding] | None:
    """Findings of a parameter file, None for any other file."""
    if path.suffix != ".toml":
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if not any(line.strip() == "[values]" for line in text.splitlines()):
        return None
    try:
        read_parameters(path)
    except ParameterError as error:
        message = str(error).removeprefix(f"{path}: ")
        return [Finding(str(path), "parameters", "", message, "Mend the file.")]
    return []


def check_path(path: Path, checkers: Sequence[Checker]) -> list[Finding]:
    """Findings of every checker that knows this kind of file or folder."""
    if not path.exists():
        return [Finding(str(path), "file", "", "no such file or folder", "Check the path.")]
    found = [result for checker in checkers if (result := checker(path)) is not None]
    if not found:
        message = "not a site, FLUXNET, parameter or experiment file, nor a forcing folder"
        return [Finding(str(path), "file", "", message, "See docs/forcing.md for the forms.")]
    return [finding for findings in found for finding in findings]


def check(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.", show_default=False)],
) -> None:
    """Look for faults in input files; exit code 1 on any finding."""
    checkers = [check_parameter_file, *load_group("temjax.checkers").values()]
    total = 0
    for path in paths:
        findings = check_path(path, checkers)
        total += len(findings)
        for finding in findings:
            _say(console, str(finding))
        if not findings:
            _say(console, f"{path}: no findings")
    if total:
        raise typer.Exit(DATA_ERROR)


def load_group(group: str) -> dict[str, Callable]:
    """Entry points of a group by name; one that cannot be imported is named on stderr."""
    loaded = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        try:
            loaded[point.name] = point.load()
        except ImportError as error:
            errors.print(f"{group}: {point.value} is not available ({error})", style="yellow")
    return loaded


def _say(where: Console, text: str) -> None:
    """One line as it is: no wrapping, no markup."""
    where.print(text, soft_wrap=True, markup=False)


def build_app() -> typer.Typer:
    """The command with everything that is installed."""
    app = typer.Typer(
        name="temjax",
        help="The Terrestrial Ecosystem Model in JAX.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(common)
    app.command()(check)
    for register in load_group("temjax.commands").values():
        register(app)
    return app


@contextmanager
def resumable(out: Path) -> Iterator[None]:
    """Ctrl-C within ends with a line that says how to go on; full disks are told with it too."""
    command = command_line()
    again = command if "--resume" in command.split() else f"{command} --resume"
    stays = f"What is finished stays in {out}. To go on: {again}"
    try:
        yield
    except KeyboardInterrupt:
        _say(errors, f"interrupted. {stays}")
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
    try:
        build_app()(args=arguments)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _say(errors, f"error: {where}{error.strerror or error}")
        for note in getattr(error, "__notes__", ()):
            _say(errors, note)
        sys.exit(WRITE_ERROR)
    except DataError as error:
        for finding in error.findings:
            _say(errors, f"error: {finding}")
        sys.exit(DATA_ERROR)
    except ParameterError as error:
        _say(errors, f"error: {error}")
        sys.exit(DATA_ERROR)
