"""Faults of input data, and the error that carries them."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

IndexText = Callable[[tuple[int, ...]], str]  # position of an array in the source's own words


@dataclass(frozen=True)
class Finding:
    """Fault of a variable of the input.

    Attributes:
        file: or option, table, source.
        variable: of the file.
        index: position of the first offending value, in words; may be empty.
        message: the fault.
        mend: the remedy, a sentence.
    """

    file: str
    variable: str
    index: str
    message: str
    mend: str

    def __str__(self) -> str:
        place = self.variable + (f" at {self.index}" if self.index else "")
        return f"{': '.join(filter(None, (self.file, place, self.message)))}. {self.mend}"


class DataError(ValueError):
    """Input that cannot be run, with all findings of a check."""

    def __init__(self, findings: Iterable[Finding]):
        self.findings = list(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))

    def __reduce__(self):
        """Pickle the findings, not the message: an error from a worker process reads the same."""
        return DataError, (self.findings,)


def raise_findings(findings: Iterable[Finding]) -> None:
    """Raise :class:`DataError` when there is any finding."""
    findings = list(findings)
    if findings:
        raise DataError(findings)


def nearest(name: str, known: Iterable[str]) -> str:
    """Hint with the closest known names, or all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"Known: {', '.join(known)}."


def finding_of_mask(
    wrong: np.ndarray | np.bool_,
    values: np.ndarray,
    file: str,
    variable: str,
    index_text: IndexText,
    message: Callable[[float], str],
    mend: str,
) -> list[Finding]:
    """One finding for all offending positions: the first is named, the rest counted.

    Args:
        wrong: True at the offending positions of ``values``.
        message: the fault, of the first offending value.
    """
    if not wrong.any():
        return []
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    count = int(wrong.sum())
    text = message(float(values[at])) + (f" ({count} such values)" if count > 1 else "")
    return [Finding(file, variable, index_text(at), text, mend)]
