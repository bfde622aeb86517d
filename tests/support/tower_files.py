"""Files of towers made in a test: FLUXNET2015 monthly tables and site files."""

from pathlib import Path

import numpy as np

SEASON = np.cos(2 * np.pi * (np.arange(12) - 6.5) / 12)


def months(first=2001, last=2002) -> list[tuple[int, int]]:
    """Calendar months of whole years."""
    return [(year, month) for year in range(first, last + 1) for month in range(1, 13)]


def columns(records) -> dict[str, list[str]]:
    """Columns of a sound FLUXNET2015 monthly file: values differ by month and year."""
    table = {
        name: []
        for name in (
            "TIMESTAMP", "TA_F", "TA_F_QC", "P_F", "SW_IN_F", "CO2_F_MDS", "TS_F_MDS_1",
            "TS_F_MDS_1_QC", "NEE_VUT_REF", "NEE_VUT_REF_QC", "NEE_VUT_REF_JOINTUNC",
            "GPP_DT_VUT_REF", "GPP_DT_VUT_16", "GPP_DT_VUT_84", "RECO_DT_VUT_REF",
            "GPP_NT_VUT_REF", "RECO_NT_VUT_REF",
        )
    }  # fmt: skip
    for year, month in records:
        warmth = SEASON[month - 1] + 0.1 * (year - 2001)
        values = {
            "TIMESTAMP": f"{year}{month:02d}", "TA_F": 12 * warmth - 2, "TA_F_QC": 1,
            "P_F": 2 + warmth, "SW_IN_F": 200 + 60 * warmth, "CO2_F_MDS": -9999,
            "TS_F_MDS_1": 10 * warmth, "TS_F_MDS_1_QC": 0.9, "NEE_VUT_REF": -2 * warmth,
            "NEE_VUT_REF_QC": 0.8, "NEE_VUT_REF_JOINTUNC": 0.1, "GPP_DT_VUT_REF": 3 + 3 * warmth,
            "GPP_DT_VUT_16": 2 + 3 * warmth, "GPP_DT_VUT_84": 4 + 3 * warmth,
            "RECO_DT_VUT_REF": 3 + warmth, "GPP_NT_VUT_REF": 1 + warmth, "RECO_NT_VUT_REF": 1,
        }  # fmt: skip
        for name, value in values.items():
            table[name].append(str(value))
    return table


def write(path, table) -> None:
    """Write columns as a CSV table."""
    rows = zip(*table.values(), strict=True)
    path.write_text("\n".join([",".join(table), *map(",".join, rows)]) + "\n")


def tower_file(
    folder: Path, fluxnet_id: str = "XX-Abc", first: int = 2001, last: int = 2002
) -> Path:
    """A sound monthly file of a made-up tower."""
    path = folder / f"FLX_{fluxnet_id}_FLUXNET2015_FULLSET_MM_{first}-{last}_1-4.csv"
    write(path, columns(months(first, last)))
    return path


_SITE = """
name = "{name}"
title = "{title}"
{head}
[location]
{location}
source = "test"
[soil]
sand = {texture[0]}
silt = {texture[1]}
clay = {texture[2]}
source = "test"
[vegetation]
parameter_set = "{vegetation}"
source = "test"
"""


def site_text(
    name: str = "here",
    *,
    title: str = "",
    head: str = "",
    vegetation: str = "moist-tundra",
    texture: tuple[int, int, int] = (40, 40, 20),
    **location: float,
) -> str:
    """Site file of the fewest facts; ``head`` stands above its tables."""
    location = {"latitude": 40.0, "elevation": 100} | location
    return _SITE.format(
        name=name,
        title=title or name.capitalize(),
        head=head,
        location="\n".join(f"{key} = {value}" for key, value in location.items()),
        texture=texture,
        vegetation=vegetation,
    )


def site_file(
    folder: Path,
    name: str,
    *,
    fluxnet_id: str | None = None,
    vegetation: str = "alpine-meadow",
    more: str = "",
) -> Path:
    """A site file with the facts a tower's file lacks, called by the site's name."""
    identity = f'fluxnet_id = "{fluxnet_id}"' if fluxnet_id else ""
    path = folder / f"{name}.toml"
    text = site_text(name, head=identity, vegetation=vegetation, latitude=37.0, elevation=3200)
    path.write_text(text + more, encoding="utf-8")
    return path
