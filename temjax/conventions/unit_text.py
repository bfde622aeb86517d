"""Text of a unit as a product of powers: UDUNITS' grammar with what people and files write beside.

Powers stand as ``-2``, ``**-2``, ``^-2``, ``⁻²`` or below ``/``; words may touch (``Wm-2``) and
brackets nest. Factors are fractions, so that conversions are exact. UDUNITS knows neither ``g C``
nor months of their own length: it takes a twelfth of a year.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from temjax.conventions.unit_words import (
    AMOUNT,
    ENDINGS,
    FOLDED,
    MASS,
    NONE,
    SUBSTANCES,
    WORDS,
    Powers,
)

_LONGEST = 80  # letters; longer texts are no units
_LARGEST_POWER = 12  # no unit has more: 0**99999999 and the like
_LARGEST = Fraction(10) ** 60
_SIGNS = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹−–₂µμ_·⋅×[]", "-+0123456789--2uu    ()")
_OF_WATER = re.compile(r"\(?\bof\s+(liquid\s+)?water(\s+equivalent)?\b\)?|\bwater\s+equivalent\b|"
                       r"\b(lwe|swe|w\.e\.|h2o)(?![A-Za-z])", re.IGNORECASE)  # fmt: skip
_GRAM = re.compile(r"\bgm\b(?!\s*[-^*\d])", re.IGNORECASE)  # gm-2 is g m-2
_HALF_HOUR = re.compile(r"\b(half[ -]*hour(ly)?|30[ -]*min(utes)?)\b", re.IGNORECASE)
_FACTOR = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2}(?!\d))?)|"
    r"(?P<word>[A-Za-z%]+(?:(?<=[Cc][Oo])2(?![\d-])|(?<=[Hh])2[Oo])?)"
)
_POWER = re.compile(
    r"\s*(?:\*\*|\^)\s*\(?\s*([+-]?\d+)\s*\)?|\s*([+-]\d+)|(\d+)|\s+([23])(?!\.?\d|[eE]\d)"
)


@dataclass(frozen=True)
class Product:
    """Product of powers of units.

    Attributes:
        factor: to SI units.
        powers: of m, kg, s, mol, calendar months and calendar years.
        substances: named in it.
        has_mass: whether any of its units is a mass, even where masses cancel.
    """

    factor: Fraction
    powers: Powers = NONE
    substances: frozenset[str] = frozenset()
    has_mass: bool = False

    def times(self, power: int, other: "Product") -> "Product":
        """Product with a power of another."""
        return Product(
            self.factor * other.factor**power,
            tuple(a + power * b for a, b in zip(self.powers, other.powers, strict=True)),
            self.substances | other.substances,
            self.has_mass or other.has_mass,
        )


_ONE = Product(Fraction(1))


def parse_product(text: str) -> Product | None:
    """Read the text of a unit; None where it is not understood."""
    if len(text) > _LONGEST:
        return None
    text = re.sub(r"[{}$\\]", "", text.translate(_SIGNS))
    text = _HALF_HOUR.sub("halfhour", _OF_WATER.sub(" H2O ", text))
    text = re.sub(r"(?<![A-Za-z])per\b", "/", _GRAM.sub("g", text), flags=re.IGNORECASE)
    text = text.replace("CO2-C", "C").replace("C-CO2", "C").strip()
    if not text:
        return None
    product, rest = _product(text)
    return None if product is None or rest else product


def _product(text: str) -> tuple[Product | None, str]:
    """Read factors up to the end or a closing bracket; a division takes the next factor only."""
    product, sign = _ONE, 1
    while text := text.lstrip():
        if text[0] == ")":
            break
        if text[0] in "*.":
            text = text[1:]
        elif text[0] == "/":
            sign, text = -1, text[1:]
        else:
            factor, text = _factor(text)
            if factor is None:
                return None, text
            product, sign = product.times(sign, factor), 1
            if not 1 / _LARGEST < product.factor < _LARGEST:
                return None, text
    return (product, text) if sign == 1 else (None, text)


def _factor(text: str) -> tuple[Product | None, str]:
    """Read one number, word or bracket with its power."""
    if text[0] == "(":
        factor, text = _product(text[1:])
        if factor is None or not text.startswith(")"):
            return None, text
        text = text[1:]
    else:
        match = _FACTOR.match(text)
        if match is None:
            return None, text
        text = text[match.end() :]
        if match["number"]:
            factor = Product(Fraction(match["number"]))
        else:
            word, joined = _split(match["word"])
            factor, text = _meaning(word), joined + text
        if factor is None or not factor.factor:
            return None, text
    power = _POWER.match(text)
    if power is None:
        return factor, text
    exponent = int(next(filter(None, power.groups())))
    if abs(exponent) > _LARGEST_POWER:
        return None, text
    return _ONE.times(exponent, factor), text[power.end() :]


def _meaning(word: str) -> Product | None:
    """Unit or substance of a word, or an amount of a substance such as ``kgC``."""
    if word.casefold() in SUBSTANCES:
        return Product(Fraction(1), substances=frozenset({SUBSTANCES[word.casefold()]}))
    for ending in ENDINGS:
        amount = _unit(word.removesuffix(ending)) if word.endswith(ending) else None
        if amount is not None and amount.powers in (MASS, AMOUNT, NONE):
            return amount.times(1, Product(Fraction(1), NONE, frozenset({SUBSTANCES[
                ending.casefold()]})))  # fmt: skip
    return _unit(word)


def _unit(word: str) -> Product | None:
    known = WORDS.get(word) or FOLDED.get(word.casefold())
    return None if known is None else Product(*known, has_mass=known[1] == MASS)


def _split(word: str) -> tuple[str, str]:
    """First unit of a word and the rest: two can be written together, as in ``Wm-2``."""
    if _meaning(word) is None:
        for cut in range(len(word) - 1, 0, -1):
            if _meaning(word[:cut]) and _meaning(word[cut:]):
                return word[:cut], word[cut:]
    return word, ""
