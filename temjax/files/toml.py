"""TOML from users: any file gives a table or one error with its reason."""

import tomllib
from pathlib import Path

LARGEST = 10_000_000  # bytes; a fitted set has some ten thousand


class TomlError(ValueError):
    """File that is not a TOML document; the message says why."""


def read_toml(path: Path) -> dict:
    """Read a TOML file.

    Raises:
        TomlError: the file cannot be read, is not UTF-8, too large, nested too deep, or not TOML.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise TomlError(f"is larger than {LARGEST // 1_000_000} MB, too large for TOML")
        return parse_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TomlError(f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise TomlError(f"is not text in UTF-8 (byte {error.start})") from error


def parse_toml(text: str) -> dict:
    """Parse a TOML document.

    Raises:
        TomlError: not TOML, or nested too deep.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise TomlError("is nested too deep") from None
    except ValueError as error:  # the parser's own, and numbers beyond Python's limit of digits
        raise TomlError(f"not valid TOML: {error}") from error
