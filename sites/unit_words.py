"""Words of units: what each stands for, in g, mol, m, J and days."""

from temjax.units import SECONDS_PER_DAY, ZERO_CELSIUS

MINUTES_PER_DAY = 24 * 60.0


def _prefixed(prefixes: dict[str, float], unit: str, dimension: str, size: float = 1.0) -> dict:
    return {prefix + unit: (dimension, scale * size) for prefix, scale in prefixes.items()}


# Word -> dimension and scale in g, mol, m, J and days. Metric prefixes need their own case; of
# words that differ by it, the first is meant where the case is another.
WORDS: dict[str, tuple[str, float | str]] = {
    **_prefixed(
        {"": 1, "k": 1e3, "m": 1e-3, "u": 1e-6, "M": 1e6, "h": 1e2, "da": 10, "G": 1e9, "T": 1e12},
        "g", "mass",
    ),
    **dict.fromkeys(("gram", "grams", "gm"), ("mass", 1.0)),
    **dict.fromkeys(("kilogram", "kilograms"), ("mass", 1e3)),
    **dict.fromkeys(("t", "ton", "tons", "tonne", "tonnes"), ("mass", 1e6)),
    **_prefixed(
        {"": 1, "k": 1e3, "m": 1e-3, "u": 1e-6, "n": 1e-9, "micro": 1e-6}, "mol", "mole"
    ),
    **_prefixed({"": 1, "u": 1e-6, "micro": 1e-6}, "moles", "mole"),
    **_prefixed({"": 1, "m": 1e-3, "c": 1e-2, "d": 0.1, "k": 1e3}, "m", "length"),
    **dict.fromkeys(("meter", "metre", "meters", "metres"), ("length", 1.0)),
    **dict.fromkeys(("in", "inch", "inches"), ("length", 0.0254)),
    **_prefixed({"": 1, "k": 1e3, "M": 1e6, "G": 1e9}, "J", "energy"),
    **_prefixed({"": 1, "k": 1e3, "M": 1e6}, "Wh", "energy", 3600.0),
    **dict.fromkeys(("cal", "calorie", "calories"), ("energy", 4.184)),
    **_prefixed({"": 1, "m": 1e-3, "k": 1e3}, "W", "power"),
    **dict.fromkeys(("watt", "watts"), ("power", 1.0)),
    **dict.fromkeys(("ha", "hectare", "hectares"), ("area", 1e4)),
    **dict.fromkeys(("l", "litre", "liter", "litres", "liters"), ("volume", 1e-3)),
    **dict.fromkeys(("s", "sec", "second", "seconds"), ("time", 1 / SECONDS_PER_DAY)),
    **dict.fromkeys(("min", "minute", "minutes"), ("time", 1 / MINUTES_PER_DAY)),
    **dict.fromkeys(("halfhour", "hh", "30min"), ("time", 1 / 48)),
    **dict.fromkeys(("h", "hr", "hour", "hours"), ("time", 1 / 24)),
    **dict.fromkeys(("d", "day", "days"), ("time", 1.0)),
    **dict.fromkeys(("wk", "week", "weeks"), ("time", 7.0)),
    **dict.fromkeys(("month", "months", "mon", "mo", "mth"), ("time", "month")),
    **dict.fromkeys(("yr", "year", "years", "y", "a", "annum"), ("time", "year")),
}  # fmt: skip
FOLDED = {word.casefold(): meaning for word, meaning in reversed(WORDS.items())}
SUBSTANCES = {"c": "C", "carbon": "C", "co2": "CO2", "h2o": "H2O", "water": "H2O", "n": "N",
               "nitrogen": "N"}  # fmt: skip
ENDINGS = ("CO2", "co2", "H2O", "C", "c", "N", "")  # of an amount: kgC
TEMPERATURES = {
    **{
        degree + scale: terms
        for scale, terms in {
            **dict.fromkeys(("c", "celsius"), (1.0, 0.0)),
            **dict.fromkeys(("k", "kelvin"), (1.0, -ZERO_CELSIUS)),
            **dict.fromkeys(("f", "fahrenheit"), (1 / 1.8, -32 / 1.8)),
        }.items()
        for degree in ("", "deg", "degree", "degrees")
    },
    "celsiusdegrees": (1.0, 0.0),
}
FRACTIONS = {  # to ppmv
    **dict.fromkeys(("ppm", "ppmv", "1e-6", "10-6", "umolmol-1"), 1.0),
    **dict.fromkeys(("1", "molmol-1"), 1e6),
    "mmolmol-1": 1e3,
}
