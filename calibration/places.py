"""Sites of a calibration from names, files, pairs of files and ``Site`` objects."""

import os
from collections.abc import Iterable, Sequence

from temjax.sites import Site, open_site

Source = str | os.PathLike | Site
Pair = tuple[str | os.PathLike, str | os.PathLike]


def open_sites(sites: Source | Sequence[Source | Pair]) -> tuple[Site, ...]:
    """Sites of names, paths, pairs of a tower's file and its site file, and ``Site`` objects.

    Raises:
        DataError: unknown name, or faults of a file.
        ValueError: no site, or something else.
    """
    several = isinstance(sites, Iterable) and not isinstance(sites, Source)
    sources = list(sites) if several else [sites]
    if not sources:
        raise ValueError("no site given")
    if not all(isinstance(one, Source) or _is_pair(one) for one in sources):
        raise ValueError(
            f"{sites!r}: give a catalog name, a file, a pair (file, site file) or a Site, or a "
            "list of them"
        )
    return tuple(_open(one) for one in sources)


def _is_pair(source: object) -> bool:
    """Whether a source is a pair of a tower's file and its site file."""
    parts = source if isinstance(source, tuple) else ()
    return len(parts) == 2 and all(isinstance(part, str | os.PathLike) for part in parts)


def _open(source: Source | Pair) -> Site:
    """Site of one source."""
    if isinstance(source, Site):
        return source
    file, site_file = source if isinstance(source, tuple) else (source, None)
    return open_site(file, site_file=site_file)


def source_text(source: Source | Pair) -> str:
    """Source of a site as Python writes it."""
    if isinstance(source, tuple):
        return repr(tuple(map(str, source)))
    return repr(source.name if isinstance(source, Site) else str(source))
