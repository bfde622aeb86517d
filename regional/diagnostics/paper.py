"""Numbers of Liu et al. 2022 (doi:10.1029/2021GB007068) for comparison, never for tuning.

Table 1: (total Tg C yr⁻¹, density g C m⁻² yr⁻¹) of NPP, RH, NEP; Tables 2 and 3: (mean, SD) over
four climate models, Pg C and Tg N.
"""

DOI = "10.1029/2021GB007068"

Pair = tuple[float | None, float | None]
MeanAndSD = tuple[float, float]

# period and scenario -> NPP, RH, NEP
TABLE_1: dict[str, tuple[Pair, Pair, Pair]] = {
    "2006–2011 rcp45": ((188.3, 194.2), (171.4, 179.2), (16.8, 17.4)),
    "2090s rcp45": ((237.0, 241.3), (219.6, 226.4), (17.2, 15.0)),
    "2090s rcp85": ((319.3, 317.4), (264.9, 269.9), (55.9, 50.1)),
}
_NONE: Pair = (None, None)
# other studies listed in the paper's Table 1: model, period, source, NPP, RH, NEP
OTHER_STUDIES: tuple[tuple[str, str, str, Pair, Pair, Pair], ...] = (
    ("CENTURY", "1901–2010", "Lin et al. 2017", (344.0, 244.7), (336.5, 239.0), (7.5, 5.3)),
    ("TEM", "1961–2010", "Yan et al. 2015", (193.0, 193.7), (182.9, 183.7), (10.1, 10.0)),
    ("ORCHIDEE", "1961–2009", "Piao et al. 2012", (219.8, 158.1), (208.2, 149.8), (11.6, 8.3)),
    ("CASA", "1982–2009", "Zhang et al. 2014", (177.2, 120.8), _NONE, _NONE),
    ("ORCHIDEE", "1980–2010", "Tan et al. 2010", (323.9, 233.0), _NONE, _NONE),
    ("DOS-TEM", "1981–2012", "Yi et al. 2014", (None, 199.0), (None, 195.0), (None, 4.0)),
    ("TEM", "1990s", "Zhuang et al. 2010", (451.6, 329.6), (415.8, 303.5), (35.8, 26.1)),
    ("TEM", "2006–2011", "Z. Jin et al. 2015", (None, 170.9), (None, 160.5), (None, 10.4)),
    ("LPJ-WHyMe", "2000–2018", "Wei et al. 2021", _NONE, _NONE, (152.4, None)),
)

# scenario -> column -> (mean, SD)
TABLE_2: dict[str, dict[str, MeanAndSD]] = {
    "rcp45": {
        "ΔSOC": (0.61, 0.26), "ΣΔLTRC": (0.33, 0.27), "ΣΔRH": (0.56, 0.44), "SOC_PF": (0.84, 0.41),
        "decomposed fraction": (0.24, 0.15), "ΔSON": (60.24, 32.37), "ΣΔLTRN": (8.11, 6.72),
        "ΣΔNetNMin": (8.70, 7.23), "SON_PF": (60.83, 28.27), "N-use fraction": (0.12, 0.10),
    },
    "rcp85": {
        "ΔSOC": (1.50, 0.15), "ΣΔLTRC": (0.81, 0.43), "ΣΔRH": (1.24, 0.62), "SOC_PF": (1.93, 0.31),
        "decomposed fraction": (0.22, 0.07), "ΔSON": (127.68, 17.72), "ΣΔLTRN": (19.60, 11.06),
        "ΣΔNetNMin": (21.47, 11.87), "SON_PF": (129.55, 16.06), "N-use fraction": (0.15, 0.06),
    },
}  # fmt: skip

# vegetation -> scenario -> column -> (mean, SD)
TABLE_3: dict[str, dict[str, dict[str, MeanAndSD]]] = {
    "alpine-meadow": {
        "rcp45": {"SOC_PF": (0.48, 0.16), "ΣΔRH": (0.33, 0.28), "SON_PF": (30.34, 11.64),
                  "ΣΔVegNup": (6.99, 6.13)},
        "rcp85": {"SOC_PF": (1.21, 0.16), "ΣΔRH": (0.85, 0.48), "SON_PF": (73.14, 8.80),
                  "ΣΔVegNup": (18.36, 10.30)},
    },
    "alpine-steppe": {
        "rcp45": {"SOC_PF": (0.36, 0.18), "ΣΔRH": (0.19, 0.18), "SON_PF": (29.91, 16.94),
                  "ΣΔVegNup": (1.19, 0.92)},
        "rcp85": {"SOC_PF": (0.69, 0.11), "ΣΔRH": (0.31, 0.14), "SON_PF": (55.60, 10.60),
                  "ΣΔVegNup": (2.26, 1.34)},
    },
}  # fmt: skip

# text of the paper: quantity -> scenario -> (mean, SD)
TEXT: dict[str, dict[str, MeanAndSD]] = {
    "ΔNPP last": {"rcp45": (6.76, 4.78), "rcp85": (24.73, 9.56)},
    "ΔRH last": {"rcp45": (8.56, 5.28), "rcp85": (33.22, 14.30)},
    "ΣΔNEP": {"rcp45": (-203.55, 156.39), "rcp85": (-325.67, 132.76)},
    "ΔEcoC_NET": {"rcp45": (-209.44, 158.76), "rcp85": (-371.06, 175.17)},
}
ALT_NOW = {"region": (2.68, 0.09), "alpine-meadow": (2.15, 0.02), "alpine-steppe": (2.89, 0.07)}
ALT_END = {"rcp45": (2.9, 0.1), "rcp85": (3.2, 0.1)}
SOC_NOW: MeanAndSD = (13.75, 0.98)  # Pg C in active layers, 2006–2015
CONTRIBUTION = {"rcp45": (13, 23), "rcp85": (17, 35)}  # % of the change of the carbon balance
