"""Faults of many cells told once each."""

import re
from collections.abc import Mapping
from dataclasses import replace

from temjax.files.findings import Finding

_COUNT = re.compile(r" \((\d+) such values\)$")
_NUMBER = re.compile(r"[-+−]?\b\d[\d.,]*(?:e[-+]?\d+)?|\bnan\b|[-+]?\binf\b", re.IGNORECASE)


def one_a_fault(by_cell: Mapping[int, list[Finding]]) -> list[Finding]:
    """One finding for each fault of a variable, whatever the values, with the number of cells.

    The first cell is named.

    Args:
        by_cell: findings by cell.
    """
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for findings in by_cell.values():
        for fault in findings:
            kind = _NUMBER.sub("#", _COUNT.sub("", fault.message))
            groups.setdefault((fault.file, fault.variable, kind, fault.mend), []).append(fault)
    return [_joined(faults) for faults in groups.values()]


def _joined(faults: list[Finding]) -> Finding:
    """The first of a fault's findings with the number of values and cells of all."""
    first = faults[0]
    if len(faults) == 1:
        return first
    counts = [_COUNT.search(fault.message) for fault in faults]
    text = f"{len(faults)} such cells"
    if any(counts):
        values = sum(int(count[1]) if count else 1 for count in counts)
        text = f"{values} such values in {len(faults)} cells"
    return replace(first, message=f"{_COUNT.sub('', first.message)} ({text})")
