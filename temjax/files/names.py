"""Names that become names of files, and lists of names."""

import re
from collections.abc import Sequence

# no path, no leading dot, nothing that a shell or a file system takes amiss
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
LONGEST_NAME = 64  # characters, of a site


def name_of(text: str) -> str:
    """Text as a name: other characters become hyphens, and the end is cut off."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip("._-")[:LONGEST_NAME]
    return name or "unnamed"


def split_names(
    names: str | Sequence[str] | None, default: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Names as a tuple, of a text those between its commas; the default for None."""
    if names is None:
        return default
    if isinstance(names, str):
        return tuple(name.strip() for name in names.split(",") if name.strip())
    return tuple(names)
