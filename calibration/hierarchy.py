"""A type and its places in one fit: what was asked for, and what was found."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from temjax.calibration.joint import JointObjective
from temjax.calibration.multistart import FitResult
from temjax.calibration.pooling_strength import FIRST_STRENGTH, SMALLEST, StrengthEvidence
from temjax.files.names import NAME_PATTERN
from temjax.sites import Site

FITTED = "fitted"
WIDE = 1.0  # pooling strength above which places have little in common


class TypeRequest(NamedTuple):
    """Type whose parameters a fit is to find: name, and pooling strength (``None``: fitted)."""

    name: str
    strength: float | None = None

    @property
    def first_strength(self) -> float:
        """Strength of the first fit."""
        return FIRST_STRENGTH if self.strength is None else self.strength


def type_request(name: str | None, pooling: str | float | None) -> TypeRequest | None:
    """Request of a type; ``None`` without a name.

    Args:
        name: of the type.
        pooling: strength, or ``fitted`` (also ``None``).

    Raises:
        ValueError: a name that cannot be one of a file, a strength that is none or negative, or
            one without a type.
    """
    if name is None:
        if pooling is not None:
            raise ValueError("--pooling needs the type whose places are pooled: add --type NAME")
        return None
    if not re.match(NAME_PATTERN, name):
        raise ValueError(f"--type {name!r}: give a name of letters, digits, '.', '-' and '_'")
    if pooling is None or pooling == FITTED:
        return TypeRequest(name)
    try:
        strength = float(pooling)
    except ValueError as error:
        message = f"--pooling {pooling!r}: give {FITTED!r}, or a number from 0 on"
        raise ValueError(message) from error
    if not 0 <= strength < float("inf"):
        raise ValueError(f"--pooling {pooling}: give {FITTED!r}, or a number from 0 on")
    return TypeRequest(name, strength)


def of_one_base(
    sites: Sequence[Site], request: TypeRequest | None, bases: Sequence[str]
) -> tuple[Site, ...]:
    """Places of a type with one parameter set, that of the first, and a note where theirs differs.

    Args:
        sites: of the fit.
        request: the type; without one the places keep their sets.
        bases: sets that replace those of all places anyway.
    """
    if request is None or bases:
        return tuple(sites)
    base = sites[0].parameter_set
    return tuple(
        site
        if site.parameter_set == base
        else replace(
            site,
            parameter_set=base,
            notes=(
                *site.notes,
                f"fitted from the set {base} of {sites[0].name}, as a place of {request.name}; its "
                f"own is {site.parameter_set} (--base names another for all)",
            ),
        )
        for site in sites
    )


@dataclass(frozen=True)
class Hierarchy:
    """A type of vegetation and the places around it, as fitted.

    Attributes:
        name: of the type.
        places: names.
        base: parameter set of all of them.
        names: parameters of the type that were fitted.
        pooled: those of them around which the places have their own.
        strength: pooling strength τ; 0 where the places are tied.
        evidence: of other strengths, where τ was fitted.
    """

    name: str
    places: tuple[str, ...]
    base: str
    names: tuple[str, ...]
    pooled: tuple[str, ...]
    strength: float
    evidence: StrengthEvidence | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        request: TypeRequest,
        sites: Sequence[Site],
        result: FitResult,
        evidence: StrengthEvidence | None = None,
    ) -> "Hierarchy":
        """Hierarchy of a finished fit."""
        objective: JointObjective = result.objective
        shared = tuple(name for name in result.names if "@" not in name)
        pooling = objective.pooling
        around = set() if pooling is None else {result.names[i] for i in pooling.types}
        return cls(
            name=request.name,
            places=tuple(site.name for site in sites),
            base=sites[0].parameter_set,
            names=shared,
            pooled=tuple(name for name in shared if name in around),
            strength=0.0 if pooling is None else pooling.strength,
            evidence=evidence,
        )

    def lines(self) -> list[str]:
        """What was pooled and how strongly, as sentences."""
        start = f"{self.name}: {len(self.names)} parameters of the type"
        if not self.pooled:
            return [f"{start}, the same at all {len(self.places)} places (pooling strength 0)"]
        strength = f"pooling strength {self.strength:.2g} prior sd"
        if self.evidence is None:
            how = "as given"
        else:
            low, high = self.evidence.interval()
            how = f"by the evidence, about 90 % {low:.2g} … {high:.2g}"
        lines = [
            f"{start}, with {len(self.pooled)} of them places vary around it ({len(self.places)} "
            f"places); {strength}, {how}"
        ]
        if self.evidence is not None and self.strength < 1.5 * SMALLEST:
            lines.append(
                f"{self.name}: the data tell no difference among the places beyond their errors"
            )
        if self.evidence is not None and self.strength > WIDE:
            lines.append(
                f"{self.name}: the places differ by more than the prior allows the type itself: "
                "they may be of several types, or lack something that the model puts into their "
                "parameters; --pooling 0.5 keeps them together"
            )
        return lines

    def record(self) -> dict:
        """Numbers as values of JSON and TOML."""
        record = {
            "type": self.name,
            "places": list(self.places),
            "base": self.base,
            "pooled": list(self.pooled),
            "pooling_strength": self.strength,
            "strength_chosen": "given" if self.evidence is None else "evidence",
        }
        if self.evidence is not None:
            record["strength_90"] = list(self.evidence.interval())
        return record
