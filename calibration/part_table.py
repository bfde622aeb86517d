"""Data of a part beside the model at the prior's centre and at the estimate, as a table."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PartTable:
    """Data of a part beside a fit.

    Attributes:
        name: of the part.
        rows: one of each datum: its label, where it is, observed, prior, fitted …
        lines: what they say together, as sentences.
        scores: numbers of these sentences.
    """

    name: str
    rows: tuple[Mapping[str, object], ...]
    lines: tuple[str, ...]
    scores: Mapping[str, object]

    def csv(self) -> str:
        """The rows as CSV."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()

    def record(self) -> dict:
        """Rows, sentences and scores as JSON values."""
        return {
            "rows": [dict(row) for row in self.rows],
            "lines": list(self.lines),
            "scores": dict(self.scores),
        }
