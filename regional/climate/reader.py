"""Reader of climate files, which tells a fault of several drivers or files once."""

from dataclasses import replace

from temjax.files.findings import Finding, raise_findings
from temjax.regional.inputs.grids.gridded import Reader


class ClimateReader(Reader):
    """Reader of the files of a climate."""

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
