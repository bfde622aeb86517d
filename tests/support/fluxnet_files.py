"""Made FLUXNET files: monthly and shorter tables, archives and their companions."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from temjax.sites.readers.archive import MemberFile
from temjax.sites.readers.fluxnet import read_fluxnet_record
from temjax.sites.readers.record import Reading, TowerRecord

SEASON = np.cos(2 * np.pi * (np.arange(12) - 6.5) / 12)
NAME = "FLX_XX-Abc_FLUXNET2015_FULLSET_MM_2001-2003_1-4.csv"
BIF_HEADER = "SITE_ID,GROUP_ID,VARIABLE_GROUP,VARIABLE,DATAVALUE"


def monthly_columns(
    first: int = 2001, last: int = 2003, threshold: str = "VUT"
) -> dict[str, list[object]]:
    """Columns of a sound monthly file: values differ by month and year."""
    stamps = [f"{year}{month:02d}" for year in range(first, last + 1) for month in range(1, 13)]
    warmth = np.concatenate([SEASON + 0.1 * (year - 2001) for year in range(first, last + 1)])
    columns = {
        "TA_F": 12 * warmth - 2,
        "TA_F_QC": 1 + 0 * warmth,
        "P_F": 2 + warmth,
        "SW_IN_F": 150 + 60 * warmth,
        "TS_F_MDS_1": 10 * warmth,
        "TS_F_MDS_1_QC": 0.9 + 0 * warmth,
        f"NEE_{threshold}_REF": -2 * warmth,
        f"NEE_{threshold}_REF_QC": 0.8 + 0 * warmth,
        f"NEE_{threshold}_REF_JOINTUNC": 0.1 + 0.01 * warmth,
    }
    for offset, partition in enumerate(("DT", "NT")):
        for flux in ("GPP", "RECO"):
            name = f"{flux}_{partition}_{threshold}"
            columns[f"{name}_REF"] = 4 + 3 * warmth + offset
            columns[f"{name}_16"] = 3.5 + 3 * warmth + offset
            columns[f"{name}_84"] = 4.5 + 3 * warmth + offset
    rounded = {name: [round(float(v), 6) for v in values] for name, values in columns.items()}
    return {"TIMESTAMP": list(stamps)} | rounded


def csv_text(columns: Mapping[str, Sequence[object]], separator: str = ",") -> str:
    """Text of a table."""
    rows = zip(*columns.values(), strict=True)
    lines = [separator.join(columns), *(separator.join(map(str, row)) for row in rows)]
    return "\n".join(lines) + "\n"


def write_csv(path: Path, columns: Mapping[str, Sequence[object]]) -> Path:
    """Table as a CSV file."""
    path.write_text(csv_text(columns))
    return path


def write_zip(path: Path, members: Mapping[str, str]) -> Path:
    """Archive of texts by name."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def bif_text(groups: Sequence[Mapping[str, str]], site: str = "XX-Abc") -> str:
    """Text of a BIF file, each group a description of a variable or of the site."""
    lines = [
        f'{site},{number},GRP,{name},"{value}"'
        for number, group in enumerate(groups, 1)
        for name, value in group.items()
    ]
    return "\n".join([BIF_HEADER, *lines]) + "\n"


def read(path: Path, **choices) -> TowerRecord:
    """Record of a file without findings."""
    record, findings = read_fluxnet_record(Path(path), Reading(**choices))
    assert findings == []
    assert record is not None
    return record


def faults(path: Path, **choices) -> list[str]:
    """Findings of a file as text."""
    return [str(finding) for finding in read_fluxnet_record(Path(path), Reading(**choices))[1]]


def member(path: Path, text: str | bytes) -> MemberFile:
    """File of a content."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return MemberFile(path)
