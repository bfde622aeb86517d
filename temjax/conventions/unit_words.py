"""Words of units: what each is in m, kg, s, mol, calendar months and calendar years."""

from fractions import Fraction

from temjax.units import SECONDS_PER_DAY, ZERO_CELSIUS

Powers = tuple[int, int, int, int, int, int]  # of m, kg, s, mol, month, year

NONE: Powers = (0, 0, 0, 0, 0, 0)
LENGTH: Powers = (1, 0, 0, 0, 0, 0)
MASS: Powers = (0, 1, 0, 0, 0, 0)
TIME: Powers = (0, 0, 1, 0, 0, 0)
AMOUNT: Powers = (0, 0, 0, 1, 0, 0)
ENERGY: Powers = (2, 1, -2, 0, 0, 0)
POWER: Powers = (2, 1, -3, 0, 0, 0)
_DAY = int(SECONDS_PER_DAY)
_PREFIXES = {
    "": "1", "n": "1e-9", "u": "1e-6", "micro": "1e-6", "m": "1e-3", "c": "1e-2", "d": "1e-1",
    "da": "10", "h": "100", "k": "1e3", "M": "1e6", "G": "1e9", "T": "1e12",
}  # fmt: skip


_SHORT = ("yr", "hr", "mo", "wk")  # words of two letters that have a plural


def _prefixed(unit: str, prefixes: str, factor: str | int = 1) -> dict[str, Fraction]:
    """A unit alone and with prefixes; the first is meant where a word has another case."""
    return {
        prefix + unit: Fraction(_PREFIXES[prefix]) * Fraction(factor)
        for prefix in ("", *prefixes.split())
    }


def _words() -> dict[str, tuple[Fraction, Powers]]:
    """Words, singular and plural: factor and powers of the base units."""
    rows: tuple[tuple[Powers, dict], ...] = (
        (MASS, _prefixed("g", "k m u M h da G T", "1e-3")),
        (MASS, {"gram": "1e-3", "kilogram": 1}),
        (MASS, {"t": 1000, "ton": 1000, "tonne": 1000}),
        (AMOUNT, _prefixed("mol", "k m u n micro") | _prefixed("mole", "u micro")),
        (LENGTH, _prefixed("m", "m c d k")),
        (LENGTH, _prefixed("meter", "") | _prefixed("metre", "")),
        (LENGTH, {"millimeter": "1e-3", "millimetre": "1e-3", "kilometer": 1000,
                  "kilometre": 1000, "in": "0.0254", "inch": "0.0254", "inches": "0.0254"}),
        (ENERGY, _prefixed("J", "k M G m") | {"joule": 1}),
        (ENERGY, _prefixed("Wh", "k M", 3600)),
        (ENERGY, {"cal": "4.184", "calorie": "4.184", "kcal": 4184}),
        (POWER, _prefixed("W", "m k M") | {"watt": 1}),
        ((2, 0, 0, 0, 0, 0), {"ha": 10**4, "hectare": 10**4}),
        ((3, 0, 0, 0, 0, 0), {"l": "1e-3", "litre": "1e-3", "liter": "1e-3"}),
        (TIME, {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "halfhour": 1800,
                "hh": 1800, "h": 3600, "hr": 3600, "hour": 3600, "d": _DAY, "day": _DAY,
                "wk": 7 * _DAY, "week": 7 * _DAY}),
        ((0, 0, 0, 0, 1, 0), dict.fromkeys(("month", "mon", "mo", "mth"), 1)),
        ((0, 0, 0, 0, 0, 1), dict.fromkeys(("yr", "year", "y", "a", "annum"), 1)),
        (NONE, {"%": "0.01", "percent": "0.01", "pct": "0.01", "ppm": "1e-6", "ppmv": "1e-6",
                "ppb": "1e-9", "ppbv": "1e-9", "fraction": 1}),
    )  # fmt: skip
    words = {
        word: (Fraction(factor), powers) for powers, row in rows for word, factor in row.items()
    }
    plurals = {f"{word}s": words[word] for word in words if len(word) > 2 or word in _SHORT}
    return plurals | words


WORDS = _words()
# another case than theirs, as in MM/DAY: of words that differ by it the first is meant
FOLDED = {word.casefold(): meaning for word, meaning in reversed(WORDS.items())}
SUBSTANCES = {"c": "C", "carbon": "C", "co2": "CO2", "h2o": "H2O", "water": "H2O", "n": "N",
               "nitrogen": "N"}  # fmt: skip
ENDINGS = ("CO2", "co2", "H2O", "C", "c", "N")  # of an amount: kgC
TEMPERATURES = {  # scale -> factor and offset to °C
    **dict.fromkeys(("c", "celsius", "celcius", "centigrade", "celsiusdegrees"), (1.0, 0.0)),
    **dict.fromkeys(("k", "kelvin", "kelvins"), (1.0, -ZERO_CELSIUS)),
    **dict.fromkeys(("f", "fahrenheit"), (1 / 1.8, -32 / 1.8)),
}
