"""A site file to fill in, from what the tower's file and the catalog say of the place.

Facts that nobody states are lines behind a ``#``: ``temjax check`` then names each missing key.
"""

import json
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

import tomli_w

from temjax.files.findings import DataError, Finding
from temjax.parameters.files import parameter_set_names
from temjax.sites.entry import CLIMATE, SiteEntry
from temjax.sites.observations import OBSERVED
from temjax.sites.readers.kinds import read_record
from temjax.sites.readers.record import Reading, TowerRecord
from temjax.sites.site import entry_of_fluxnet
from temjax.sites.table_template import is_unknown_table, table_lines

FILL_IN = "fill in"
# IGBP class or ABCflux biome -> parameter sets that come near, in words of the sets
VEGETATION = {
    "GRA": "grassland; on a cold plateau alpine-meadow or alpine-steppe",
    "WET": "moist-tundra; on a cold plateau alpine-meadow",
    "OSH": "moist-tundra in the Arctic, xeric-shrubland in dry climates, alpine-shrubland",
    "CSH": "alpine-shrubland, xeric-shrubland in dry climates",
    "ENF": "boreal-forest; in mountains alpine-forest",
    "DNF": "boreal-forest",
    "DBF": "boreal-forest",
    "MF": "boreal-forest",
    "SAV": "grassland, xeric-shrubland",
    "WSA": "grassland, xeric-shrubland",
    "BSV": "alpine-desert, alpine-cushion",
    "TUNDRA": "moist-tundra; in mountains alpine-tundra",
    "BOREAL": "boreal-forest; moist-tundra for wetlands without trees",
}
BARE_SETS = "boreal-forest, grassland, moist-tundra, xeric-shrubland"
CLIMATE_UNITS = {"air_temperature": "degC", "precipitation": "mm month-1", "shortwave": "W m-2"}


def site_file_text(
    path: Path, site_id: str | None = None, folder: Path = Path()
) -> tuple[str, list[Finding]]:
    """Text of a site file for a tower's file, and the findings of that file.

    Args:
        path: of the tower's file, archive or folder, or of a CSV table of no known product.
        site_id: of a table of many sites.
        folder: in which the site file will lie.

    Raises:
        DataError: a file from which no record can be formed.
    """
    if is_unknown_table(path):
        head = [
            f"# Site file for {path.name}, a table of no product that temjax knows.",
            *_how_to(path),
            f"name = {_quoted(slug(path.stem))}   # letters, digits, - and _; names output files",
            f"title = {_quoted(path.stem)}   # in texts and figures",
        ]
        return _joined(
            [head, *_fact_tables(None), table_lines(path, folder), _optional_tables()]
        ), []
    record, findings = read_record(path, Reading(site_id=site_id, fill_from_climatology=True))
    if record is None:
        raise DataError(findings)
    entry = entry_of_fluxnet(record.tower)
    head = [
        f"# Site file for {path.name}: {record.product}, {record.years[0]}-{record.years[-1]}.",
        *_how_to(path),
        *_contents(record),
    ]
    reading = _reading_lines(site_id)
    if entry is not None:
        blocks = [head, _catalog_lines(entry), reading, _optional_tables(entry)]
        return _joined(blocks), findings
    named = record.facts.get("title") or record.attributes.get("site_name")
    named = named or record.tower or path.stem
    head += ["", f"name = {_quoted(slug(record.tower or named))}   # names output files"]
    head.append(f"title = {_quoted(named)}   # in texts and figures")
    if record.tower:
        head.append(f"fluxnet_id = {_quoted(record.tower)}")
    lacking = [name for name in CLIMATE if name not in record.climate]
    blocks = [head, *_fact_tables(record), reading, _optional_tables()]
    blocks.append(_climate_lines(record, lacking))
    return _joined(blocks), findings


def slug(text: str) -> str:
    """Name of a site from any text: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-") or "my-site"


def _quoted(text: str) -> str:
    """TOML string."""
    return json.dumps(text, ensure_ascii=False)


def _joined(blocks: Iterable[list[str]]) -> str:
    """Blocks of lines, one empty line between them."""
    return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n"


def _how_to(path: Path) -> list[str]:
    """What to do with the file."""
    return [
        f'# Remove the "# " before each line marked "{FILL_IN}" and write your value; the others',
        "# behind a # are optional. docs/sites.md explains every key. Then run",
        f"#   temjax check {shlex.quote(path.name)} --site THIS_FILE",
    ]


def _contents(record: TowerRecord) -> list[str]:
    """What the file has and what it lacks, as comments."""
    lines = ["#", "# The file has"]
    for name, series in {**record.climate, **record.observed}.items():
        count = int((series.values == series.values).sum())
        lines.append(f"#   {name}: {series.source}, {count} months")
    has = {*record.climate, *record.observed}
    lacking = {
        name: record.absent.get(name, "not in the file")
        for name in (*CLIMATE, *OBSERVED)
        if name not in has
    }
    if lacking:
        lines += ["# It lacks", *(f"#   {name}: {reason}" for name, reason in lacking.items())]
    lines += [f"# {name}: {text}" for name, text in record.attributes.items()]
    return [line.replace("\n", " ") for line in lines]


def _fact_tables(record: TowerRecord | None) -> list[list[str]]:
    """``[location]``, ``[soil]`` and ``[vegetation]``, filled where the record says so."""
    known = record.location if record else {}
    hints = {
        "latitude": "degrees north, negative in the south",
        "longitude": "degrees east, negative in the west; optional",
        "elevation": "m above sea level",
    }
    location = ["[location]"]
    for name, hint in hints.items():
        if name in known:
            location.append(f"{name} = {known[name]:.9g}   # {hint}")
        elif name == "longitude":
            location.append(f"# {name} = 0.0   # {hint}")
        else:
            location.append(f"# {name} = 0.0   # {hint}: {FILL_IN}")
    location.append("# permafrost = true   # optional")
    source = f"{Path(record.file).name} ({record.product})" if record and known else None
    location.append(
        f"source = {_quoted(source)}" if source else f'# source = ""   # of these: {FILL_IN}'
    )
    soil = [
        "[soil]   # texture of the fine earth, percent by mass, sum 100",
        *(f"# {name} = 0   # {FILL_IN}" for name in ("sand", "silt", "clay")),
        f'# source = ""   # description of the site, SoilGrids, HWSD: {FILL_IN}',
    ]
    return [location, soil, _vegetation_lines(record)]


def _vegetation_lines(record: TowerRecord | None) -> list[str]:
    """``[vegetation]`` with the parameter sets that come near what the file says."""
    told = record.attributes if record else {}
    igbp = record.facts.get("igbp", "") if record else ""
    igbp = igbp or next((v for k, v in told.items() if k.casefold() == "igbp"), "")
    kind = igbp or told.get("biome", "")
    near = VEGETATION.get(kind.strip().upper())
    lines = ["[vegetation]"]
    if kind:
        lines.append(f"# {'IGBP' if igbp else 'biome'} {kind}: {near or 'no set is made for it'}")
    return [
        *lines,
        f"# one of: {', '.join(parameter_set_names())}",
        f'# parameter_set = ""   # {FILL_IN}',
        f'# source = ""   # description of the site: {FILL_IN}',
        "",
        f"# The default fit frees surface_resistance, which is 0 in {BARE_SETS}:",
        "# with one of those remove the # of these three lines.",
        "# [vegetation.overrides.surface_resistance]   # m2 K W-1",
        "# value = 0.05",
        '# source = "assumed"',
    ]


def _optional_tables(entry: SiteEntry | None = None) -> list[str]:
    """``[history]``, ``[stocks]`` and ``[[traps]]`` behind a #, those that the entry lacks."""
    history = [
        "# [history]   # climate before the record; optional",
        "# first_year = 1901",
        '# warming = "none"   # or "plateau": of the Qinghai-Tibetan Plateau',
        '# source = ""',
        "",
    ]
    stocks = [
        "# [stocks.soil_organic_carbon]   # optional; a target of fits",
        "# value = 0",
        "# sd = 0",
        '# unit = "g C m-2"   # soil_organic_nitrogen: "g N m-2"',
        '# depth = "0-1 m"',
        '# source = ""',
        "#    # [type_stocks.soil_organic_carbon]: the same of the vegetation type, not this place",
        "",
        "# [thaw_depth]   # optional: largest of a year, mean of recent ones; a target of fits",
        "# value = 0",
        "# sd = 0",
        '# unit = "m"',
        '# source = ""',
        "",
    ]
    sensors = [
        "# [sensors]   # optional",
        "# soil_temperature = {depth = 0.05}   # m; of FLUXNET also its column",
        '# precipitation = {column = "P_ERA"}   # of FLUXNET, where the gauge catches rain alone',
        "",
    ]
    traps = [
        "# [[traps]]   # months that a fit must not use; optional",
        '# variable = "net_ecosystem_production"',
        "# years = [2002]   # all years if left out; likewise months",
        "# suspect = true",
        '# text = ""',
        '# source = ""',
    ]
    has_history = entry is not None and entry.history is not None
    has_stocks = entry is not None and bool(entry.stocks)
    return [*([] if has_history else history), *([] if has_stocks else stocks), *sensors, *traps]


def _reading_lines(site_id: str | None) -> list[str]:
    """``[reading]``, its optional keys behind a #."""
    keys = [
        '# partition = "NT"   # or "DT"; else DT where the file has it',
        "# quality = 0.5",
    ]
    if site_id is None:
        return ["# [reading]   # how the tower's file is read; optional", *keys]
    return ["[reading]", f"site_id = {_quoted(site_id)}   # rows of the table", *keys]


def _climate_lines(record: TowerRecord, lacking: list[str]) -> list[str]:
    """Tables of a mean year behind a #, where the record lacks climate."""
    if not lacking:
        return []
    lines = [
        f"# The file has no {', '.join(lacking)}. Give a reanalysis or gridded climate with",
        "# --history PATH, or a mean year here (12 values, January first).",
    ]
    for name in lacking:
        lines += [
            f"# [climatology.{name}]",
            f'# unit = "{CLIMATE_UNITS[name]}"',
            "# mean = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]",
            '# source = ""',
        ]
    return lines


def _catalog_lines(entry: SiteEntry) -> list[str]:
    """The catalog's facts of a tower; its mean year and annual values stay in the catalog."""
    left = {"climatology", "annual", "published", "period"}
    facts = entry.model_dump(mode="json", exclude_none=True, exclude_defaults=True, exclude=left)
    return [f"# Facts of the catalog entry {entry.name}.", tomli_w.dumps(facts).rstrip()]
