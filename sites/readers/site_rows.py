"""Rows of one site in a table of many."""

import re
from collections.abc import Sequence
from dataclasses import replace

from temjax.files.findings import Finding, nearest
from temjax.sites.readers.csv_table import CsvTable

SHOWN_SITES = 6  # in a message


def rows_of_site(
    table: CsvTable, site_id: str | None, columns: Sequence[str]
) -> tuple[CsvTable | None, list[Finding]]:
    """Rows of a site; None with a finding that lists sites.

    Args:
        table: of many sites.
        site_id: name of the site in any of the columns, in any case, 23 for 23.0; or a part
            between underscores of only one name, such as a tower's id. None: the only site.
        columns: that name sites, the most telling first. A running number of the rows is none.
    """
    frame = table.frame
    columns = [n for n in columns if n in frame and (n != "id" or frame[n].duplicated().any())]
    if not columns:
        return table, []
    names = frame[columns].where(frame[columns] != "").bfill(axis=1).iloc[:, 0].dropna()
    labels = list(dict.fromkeys(names))

    def fault(message: str, mend: str) -> tuple[None, list[Finding]]:
        return None, [Finding(table.where, columns[0], "", message, mend)]

    if site_id is None:
        if len(labels) <= 1:
            return table, []
        more = f" and {len(labels) - SHOWN_SITES} more" if len(labels) > SHOWN_SITES else ""
        return fault(
            f"the table holds {len(labels)} sites: {', '.join(labels[:SHOWN_SITES])}{more}",
            "Name one with --site-id (site_id=…), by its reference, name or id.",
        )
    wanted = _comparable(site_id)
    every = {name: frame[name].map(_comparable) for name in columns}
    same = next((of == wanted for of in every.values() if (of == wanted).any()), None)
    if same is None:
        parts = every[columns[0]].str.split("_").map(lambda words: wanted in words)
        if every[columns[0]][parts].nunique() == 1:
            same = parts
    if same is not None:
        chosen = same.to_numpy()
        rows = replace(table, frame=frame[chosen].reset_index(drop=True), lines=table.lines[chosen])
        return rows, []
    texts = sorted({text for name in columns for text in frame[name] if text})
    close = [text for text in texts if wanted in text.casefold()]
    hint = nearest(site_id, texts)
    if hint.startswith("Known:"):
        shown = ", ".join((close or labels)[:SHOWN_SITES])
        hint = f"{'Such names' if close else 'Some names'}: {shown}."
    return fault(f"no site {site_id!r} in {', '.join(columns)}", hint)


def _comparable(text: str) -> str:
    """Name of a site without its case; numbers without zeros behind the point."""
    return re.sub(r"^(\d+)\.0*$", r"\1", text.strip().casefold())
