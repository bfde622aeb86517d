"""Reader of climate files: faults are collected as findings, choices as notes."""

from dataclasses import replace
from pathlib import Path

from temjax.files.findings import Finding, raise_findings
from temjax.regional.inputs.gridded import Reader


class ClimateReader(Reader):
    """Reader whose ``notes`` tell what was chosen, left out or repaired."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.notes: list[str] = []

    def add_note(self, file: str, variable: str, text: str) -> None:
        """Add what was chosen for a variable, once."""
        note = f"{file}: {variable}: {text}"
        if note not in self.notes:
            self.notes.append(note)

    def raise_faults(self) -> None:
        """Raise every finding once, however many drivers and files it concerns.

        Raises:
            DataError: there is a finding.
        """
        of_file: dict[tuple[str, ...], list[Finding]] = {}
        for finding in self.findings:
            key = (finding.file, finding.index, finding.message, finding.mend)
            of_file.setdefault(key, []).append(finding)
        merged: dict[tuple[str, ...], list[Finding]] = {}
        for same in of_file.values():
            names = ", ".join(dict.fromkeys(finding.variable for finding in same))
            first = replace(same[0], variable=names)
            merged.setdefault((names, first.message, first.mend), []).append(first)
        raise_findings(
            replace(same[0], message=f"{same[0].message} ({len(same)} such files)")
            if len(same) > 1
            else same[0]
            for same in merged.values()
        )
