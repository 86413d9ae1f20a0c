"""What a survey file says as a whole: its points' datum, its year, its classification, its ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.errors import CoaggError
from coagg.etl.files import values as firm_values
from coagg.etl.files.table_file import Batch, TableFile
from coagg.etl.firms import degrees as firm_degrees
from coagg.etl.firms import ids as firm_ids
from coagg.etl.firms import industry_codes, layouts
from coagg.etl.firms import points as firm_points
from coagg.etl.firms import stated_codes as firm_codes
from coagg.etl.reference import countries
from coagg.settings import COUNTRY

SAMPLE_POINTS = 20_000
_FIRST_ROWS = 2_000
_NUMBERS = (
    "output",
    "employment",
)  # whose commas the file decides; coordinates tell for themselves
LEAST_OF_A_YEAR = 0.1  # rows of a year among those of several, against the most
# Share of ids in the form of an organisation code above which all ids are taken for such.
ORGANISATION_CODES_SHARE = 0.9


@dataclass(frozen=True)
class CoordinateSample:
    """Points of a file in its own datum (float64, n), the place codes and numbers of their rows."""

    lon: np.ndarray
    lat: np.ndarray
    row_number: np.ndarray
    place_code: list[str | None]


@dataclass(frozen=True)
class Scan:
    """What the rows of a file say together.

    `classification` is the one its codes belong to, None where that is not to be told; `shares`
    the share of coded rows each classification knows; `industries` the codes of the one found;
    `code_length` the digits of most codes; `industry_codes` counts repaired codes; `survey_years`
    counts the years rows state; `organisation_codes` whether firm ids are such; `ids_cut` whether
    its long ids went through a program that cannot hold them.
    """

    classification: str | None
    shares: dict[str, float]
    industries: frozenset[str] | None
    code_length: int | None
    industry_codes: dict[str, int]
    survey_years: dict[int, int]
    organisation_codes: bool
    ids_cut: bool = False


def coordinate_sample(
    table: TableFile,
    mapping: layouts.Mapping,
    country: str,
    points: int = SAMPLE_POINTS,
    datum: str | None = None,
) -> CoordinateSample:
    """Points of rows drawn at random, the same ones at every call; only rows that would be kept."""
    lon, lat, numbers = np.empty(0), np.empty(0), np.empty(0, dtype=np.int64)
    place: list[str | None] = []
    keys = np.empty(0, dtype=np.uint64)
    for batch in mapped_batches(table, mapping, ("lon", "lat", "place_code")):
        read = firm_points.read_points(*point_texts(batch, mapping), country, datum)
        drawn = _random_keys(batch.row_numbers())
        wanted = read.reason == firm_points.KEPT
        if len(keys) == points:
            wanted &= drawn < keys.max()
        rows = np.flatnonzero(wanted)
        keys = np.concatenate([keys, drawn[rows]])
        lon = np.concatenate([lon, read.lon[rows]])
        lat = np.concatenate([lat, read.lat[rows]])
        numbers = np.concatenate([numbers, batch.row_numbers()[rows]])
        place += mapped_text(batch, mapping, "place_code").take(pa.array(rows)).to_pylist()
        if len(keys) > points:
            chosen = np.sort(np.argpartition(keys, points)[:points])
            keys, lon, lat, numbers = keys[chosen], lon[chosen], lat[chosen], numbers[chosen]
            place = [place[row] for row in chosen.tolist()]
    codes = [None if text is None else firm_values.place_code_of(text) for text in place]
    return CoordinateSample(lon, lat, numbers, codes)


def _random_keys(row_numbers: np.ndarray) -> np.ndarray:
    """A pseudo-random number for each row number (splitmix64), so that no order matters."""
    with np.errstate(over="ignore"):
        mixed = row_numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        return mixed ^ (mixed >> np.uint64(31))


def scan(
    table: TableFile,
    mapping: layouts.Mapping,
    survey_year: int,
    code_sets: Mapping[str, set[str]],
    country: str | None = None,
) -> Scan:
    """Read year, industry codes and ids of the whole file.

    `code_sets` holds the codes of each classification; those of other countries are left out.
    A file may hold several years: the rows of the others are refused one by one. Raises CoaggError
    for an unknown country, and when hardly a row that states a year states `survey_year`.
    """
    country = country or mapping.country or COUNTRY
    described = countries.of(country)
    codes: Counter[tuple[str | None, str | None]] = Counter()
    years: Counter[str] = Counter()
    ids = firm_ids.IdCounts()
    wanted = (*firm_codes.COLUMNS, "industry_division", "survey_year", "firm_id")
    for batch in mapped_batches(table, mapping, wanted):
        pairs = pa.table(
            {
                "code": firm_codes.stated_codes(batch, mapping, country)[0],
                "division": mapped_text(batch, mapping, "industry_division"),
            }
        )
        counted = pairs.group_by(["code", "division"]).aggregate([([], "count_all")])
        for row in counted.to_pylist():
            codes[row["code"], row["division"]] += row["count_all"]
        for row in pc.value_counts(
            mapped_text(batch, mapping, "survey_year").drop_null()
        ).to_pylist():
            years[row["values"]] += row["counts"]
        ids.add(mapped_text(batch, mapping, "firm_id"))

    stated = _stated_years(years)
    unreadable = {text: count for text, count in years.items() if firm_values.year_of(text) is None}
    _check_years(table, mapping, survey_year, stated, unreadable)
    received: Counter[str] = Counter()
    for (code, _), count in codes.items():
        if code is not None:
            received[code] += count
    length = industry_codes.code_length(received)
    repaired, _ = industry_codes.repair_codes(
        pa.array([code for code, _ in codes], pa.string()),
        pa.array([division for _, division in codes], pa.string()),
        length=length,
        divisions=described.divisions,
    )
    counts: Counter[str] = Counter()
    for code, count in zip(repaired.to_pylist(), codes.values(), strict=True):
        if code is not None:
            counts[code] += count
    own = {
        name: known for name, known in code_sets.items() if name in described.classification_names
    }
    found, shares = industry_codes.detect_classification(counts, own, mapping.classification)
    return Scan(
        classification=found,
        shares=shares,
        industries=frozenset(own[found]) if found is not None else None,
        code_length=length,
        industry_codes=dict(counts),
        survey_years=stated,
        organisation_codes=described.firm_ids == "organisation_code"
        and ids.organisation_codes > ORGANISATION_CODES_SHARE * ids.stated,
        ids_cut=ids.cut,
    )


def _stated_years(years: Mapping[str, int]) -> dict[int, int]:
    stated: Counter[int] = Counter()
    for text, count in years.items():
        year = firm_values.year_of(text)
        if year is not None:
            stated[year] += count
    return dict(stated)


def _check_years(
    table: TableFile,
    mapping: layouts.Mapping,
    survey_year: int,
    stated: Mapping[int, int],
    unreadable: Mapping[str, int],
) -> None:
    """Refuse a file of other years, or of none that can be read.

    In a file of several years each has about as many rows, or at least LEAST_OF_A_YEAR of the most;
    fewer rows of a year are slips in a file of another.
    """
    if not stated and not unreadable:
        return
    most = max(stated.values(), default=0)
    own = stated.get(survey_year, 0)
    header = mapping.columns["survey_year"]
    if sum(unreadable.values()) > most:
        texts = sorted(unreadable.items(), key=lambda item: -item[1])
        told = ", ".join(f"{text[:20]!r} in {count} rows" for text, count in texts[:5])
        raise CoaggError(
            f"{table.path}: its column {header} says {told}, which is no year; "
            f"write years of four digits, such as {survey_year}"
        )
    if own and own >= LEAST_OF_A_YEAR * most:
        return
    told = ", ".join(f"{year} in {count} rows" for year, count in sorted(stated.items())[:20])
    held = [str(year) for year, count in sorted(stated.items()) if count >= LEAST_OF_A_YEAR * most]
    raise CoaggError(
        f"{table.path}: is no file of {survey_year}: its column {header} says {told}; "
        f"load it with --survey-year {' or '.join(held)}"
    )


def has_decimal_commas(table: TableFile, mapping: layouts.Mapping) -> bool:
    """Whether coordinates are written 120,128605: then 1,000 of the file is one, and 1.000 is not.

    Coordinates decide, as none is as large as a thousand; the first rows are looked at.
    """
    named = [header for name in ("lon", "lat") if (header := mapping.columns[name])]
    headers = list(dict.fromkeys(named))  # one column may hold both
    batch = next(table.batches(rows=_FIRST_ROWS, columns=headers))
    stated = commas = 0
    for header in headers:
        text = firm_values.trimmed(batch.table[header].combine_chunks()).drop_null()
        stated += len(text)
        commas += int(firm_values.as_mask(firm_values.has_decimal_comma(text)).sum())
    return 2 * commas > stated


def mapped_batches(
    table: TableFile, mapping: layouts.Mapping, columns: Sequence[str]
) -> Iterator[Batch]:
    """Batches of the mapped ones of these columns."""
    headers = [mapping.columns[column] for column in columns]
    return table.batches(columns=list(dict.fromkeys(h for h in headers if h is not None)))


def mapped_text(batch: Batch, mapping: layouts.Mapping, column: str) -> pa.Array:
    """A column's trimmed text; all null where the file does not have it."""
    header = mapping.columns[column]
    if header is None:
        return pa.nulls(batch.table.num_rows, pa.string())
    text = firm_values.trimmed(batch.table[header].combine_chunks())
    if mapping.decimal_comma and column in _NUMBERS:
        text = firm_values.with_points(text, thousands=True)
    return text


def point_texts(batch: Batch, mapping: layouts.Mapping) -> tuple[pa.Array, pa.Array]:
    """Trimmed text of longitude and of latitude; of one column where the file has both in one."""
    lon, lat = mapping.columns["lon"], mapping.columns["lat"]
    assert lon is not None  # a layout without them maps no file
    assert lat is not None
    return pair_texts(batch, lon, lat)


def pair_texts(batch: Batch, lon: str, lat: str) -> tuple[pa.Array, pa.Array]:
    """Trimmed text of two headers of coordinates, which may be one and the same."""
    first = firm_values.trimmed(batch.table[lon].combine_chunks())
    if lon == lat:
        return firm_degrees.both_of_one(first)
    return first, firm_values.trimmed(batch.table[lat].combine_chunks())
