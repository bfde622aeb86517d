"""Findings of a file whose tables have not the documented form, in our own words."""

from collections.abc import Iterable

from temjax.files.findings import Finding

_WORDS = {
    "extra_forbidden": ("unknown key", "Remove or rename this key (docs/sites.md lists the keys)."),
    "unexpected_keyword_argument": (
        "unknown key",
        "Remove or rename this key (docs/sites.md lists the keys).",
    ),
    "missing": ("this key is missing", "Add this key (docs/sites.md lists the keys)."),
    "finite_number": ("{input} is not a finite number", "Give the number, or leave the key out."),
    "string_pattern_mismatch": (
        "{input!r} is not a name",
        "Use letters, digits, '-', '_' and '.', a letter or digit first.",
    ),
    "string_too_long": ("{length} characters, more than {max_length}", "Give a shorter one."),
    "too_short": ("{actual_length} values, not {min_length}", "Give {min_length} values."),
    "too_long": ("{actual_length} values, not {max_length}", "Give {max_length} values."),
    "literal_error": ("{input!r} is not a choice", "Choose {expected}."),
    "string_too_short": ("{input!r} is too short", "Give a longer one."),
    "less_than_equal": ("{input} is above {le:g}", "Give at most {le:g}."),
    "greater_than_equal": ("{input} is below {ge:g}", "Give at least {ge:g}."),
    "greater_than": ("{input} is not above {gt:g}", "Give a number above {gt:g}."),
}
_KINDS = {
    "float": ("number", "Write a number without quotes."),
    "int": ("whole number", "Write a whole number without quotes."),
    "string": ("text", "Write text in quotes."),
    "bool": ("yes or no", "Write true or false."),
    "list": ("list", "Write a list, [a, b, …]."),
    "tuple": ("list", "Write a list, [first, last]."),
    "dict": ("table", "Write a table (docs/sites.md shows it)."),
    "model": ("table", "Write a table (docs/sites.md shows it)."),
    "dataclass": ("table", "Write a table (docs/sites.md shows it)."),
}
_PAGE = "docs/sites.md"
_MEND = f"See {_PAGE} for the form of the file."


def schema_findings(file: str, errors: Iterable, page: str = _PAGE) -> list[Finding]:
    """Findings of pydantic's errors; those of values of one list and one kind are one finding.

    Args:
        file: as findings name it.
        errors: ``ValidationError.errors()``.
        page: that shows the form of the file.
    """
    groups: dict[tuple, list] = {}
    for error in errors:
        location = error["loc"]
        in_list = len(location) > 1 and isinstance(location[-1], int)
        in_list = in_list and not isinstance(error["input"], dict)  # a table has its own fault
        groups.setdefault((error["type"], location[:-1] if in_list else location), []).append(error)
    findings = []
    for (_, location), group in groups.items():
        error, count = group[0], len(group)
        message, mend = _text(error)
        index = ""
        if error["loc"] != location:
            index = f"value {error['loc'][-1] + 1}"
            message += f" ({count} such values)" if count > 1 else ""
        findings.append(Finding(file, _key(location), index, message, mend.replace(_PAGE, page)))
    return findings


def _key(location: tuple) -> str:
    """Key of a fault; tables of a list are counted from 1."""
    named = (part for part in location if part != "[key]")  # pydantic's, of a table's own key
    parts = (f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in named)
    return "".join(parts).removeprefix(".") or "file"


def _text(error: dict) -> tuple[str, str]:
    """Message and mend of one error."""
    kind, given = error["type"], error["input"]
    if kind in _WORDS:
        values = {"input": given, "length": len(str(given)), **error.get("ctx", {})}
        message, mend = (text.format(**values) for text in _WORDS[kind])
        return message, mend
    for name, (noun, mend) in _KINDS.items():
        if kind.startswith(name):
            shown = repr(given) if isinstance(given, str | int | float) else type(given).__name__
            return f"{shown} is not a {noun}", mend
    return error["msg"].removeprefix("Value error, "), _MEND
