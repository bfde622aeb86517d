"""Faults of input: where each shows, what mends it, and the error that carries them."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One fault of one variable: where it first shows and what mends it."""

    file: str
    variable: str
    index: str
    message: str
    mend: str

    def __str__(self) -> str:
        place = f" at {self.index}" if self.index else ""
        return f"{self.file}: {self.variable}{place}: {self.message}. {self.mend}"


class DataError(ValueError):
    """Input that cannot be run, with every finding of the pass that found it."""

    def __init__(self, findings: Iterable[Finding]):
        self.findings = list(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))

    def __reduce__(self):
        """Findings, not the message: one raised by a worker says the same here."""
        return DataError, (self.findings,)


def raise_findings(findings: Iterable[Finding]) -> None:
    """Raise :class:`DataError` when there is any finding."""
    found = list(findings)
    if found:
        raise DataError(found)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint naming the closest known names, or all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"Known: {', '.join(known)}."
