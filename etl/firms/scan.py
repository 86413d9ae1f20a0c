"""What a survey file says as a whole: its points' datum, its year, its classification, its ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coagg.errors import CoaggError
from coagg.etl import coordinates
from coagg.etl.files import values as firm_values
from coagg.etl.files.table_file import Batch, TableFile
from coagg.etl.firms import columns, industry_codes, industry_names, layouts, located
from coagg.etl.firms import ids as firm_ids
from coagg.etl.firms import points as firm_points
from coagg.etl.firms import spelling as spellings
from coagg.etl.firms import stated_codes as firm_codes
from coagg.etl.firms.spelling import Spelling
from coagg.etl.reference import countries
from coagg.settings import COUNTRY

SAMPLE_POINTS = 20_000
_FIRST_ROWS = 2_000
_NUMBERS = ("output", "employment")
LEAST_OF_A_YEAR = 0.1  # rows of a year among those of several, against the most
# Share of ids in the form of an organisation code above which all ids are taken for such.
ORGANISATION_CODES_SHARE = 0.9


@dataclass(frozen=True)
class CoordinateSample:
    """Points of a file in its own datum (float64, n), the place codes and numbers of their rows.

    `own` is the datum of a row whose point is in another than the file's, else None (object, n);
    `beside` is where the second pair of columns puts the rows, WGS-84 (NaN where it does not).
    """

    lon: np.ndarray
    lat: np.ndarray
    row_number: np.ndarray
    place_code: list[str | None]
    postal_code: list[str | None]
    own: np.ndarray
    beside: tuple[np.ndarray, np.ndarray]

    def wgs84(self, datum: str, *, turned: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The points as if the file were in a datum; `turned`: with its two axes exchanged.

        Rows in a datum of their own stay as they are. Infinite where a datum gives no point.
        """
        theirs = located.equal(self.own, None)
        datums = np.array([one or datum for one in self.own.tolist()], dtype=object)
        x, y = (self.lat, self.lon) if turned else (self.lon, self.lat)
        return located.wgs84(np.where(theirs, x, self.lon), np.where(theirs, y, self.lat), datums)


@dataclass(frozen=True)
class Scan:
    """What the rows of a file say together.

    `classification` is the one its codes belong to, None where that is not to be told; `shares`
    the share of coded rows each classification knows; `industries` the codes of the one found;
    `code_length` the digits of most codes; `industry_codes` counts repaired codes; `survey_years`
    counts the years rows state; `organisation_codes` whether firm ids are such; `ids_cut` whether
    its long ids went through a program that cannot hold them; `commas` what a comma is in each
    column of numbers; `day_numbers` whether founding years are days of a spreadsheet; `notes` what
    of it must be told; `named` codes by folded name, where the file names industries in words.
    """

    classification: str | None
    shares: dict[str, float]
    industries: frozenset[str] | None
    code_length: int | None
    industry_codes: dict[str, int]
    survey_years: dict[int, int]
    organisation_codes: bool
    ids_cut: bool = False
    commas: dict[str, columns.Comma] = field(default_factory=dict)
    day_numbers: bool = False
    notes: tuple[str, ...] = ()
    named: Mapping[str, str | None] = field(default_factory=dict)

    def unknown_codes(self, code_sets: Mapping[str, set[str]], most: int = 3) -> str:
        """The codes met most often that the best classification does not know, with their rows."""
        best = max(self.shares, key=lambda name: self.shares[name], default=None)
        known = code_sets[best] if best else set()
        counts = Counter({c: n for c, n in self.industry_codes.items() if c not in known})
        told = ", ".join(f"{code[:30]!r} in {n} rows" for code, n in counts.most_common(most))
        return f"codes that are not known: {told}" if told else "no row has an industry code"


def coordinate_sample(
    table: TableFile,
    mapping: layouts.Mapping,
    country: str,
    points: int = SAMPLE_POINTS,
    datum: str | None = None,
) -> CoordinateSample:
    """Points of rows drawn at random, the same ones at every call; only rows that would be kept."""
    lon, lat, numbers = np.empty(0), np.empty(0), np.empty(0, dtype=np.int64)
    own = np.empty(0, dtype=object)
    beside = (np.empty(0), np.empty(0))
    texts: dict[str, list[str | None]] = {"place_code": [], "postal_code": []}
    keys = np.empty(0, dtype=np.uint64)
    further = [header for name in texts if (header := mapping.columns[name]) is not None]
    headers = list(dict.fromkeys([*located.headers(mapping), *further]))
    for batch in table.batches(columns=headers):
        found = located.locate(batch, mapping, country, datum)
        read = found.points
        drawn = row_keys(batch.row_numbers())
        wanted = read.reason == firm_points.KEPT
        if len(keys) == points:
            wanted &= drawn < keys.max()
        rows = np.flatnonzero(wanted)
        keys = np.concatenate([keys, drawn[rows]])
        lon = np.concatenate([lon, read.lon[rows]])
        lat = np.concatenate([lat, read.lat[rows]])
        numbers = np.concatenate([numbers, batch.row_numbers()[rows]])
        other = [None if one == datum else one for one in found.datum[rows].tolist()]
        own = np.concatenate([own, np.array(other, dtype=object)])
        beside = (
            np.concatenate([beside[0], found.beside[0][rows]]),
            np.concatenate([beside[1], found.beside[1][rows]]),
        )
        for name, told in texts.items():
            told += mapped_text(batch, mapping, name).take(pa.array(rows)).to_pylist()
        if len(keys) > points:
            chosen = np.sort(np.argpartition(keys, points)[:points])
            keys, lon, lat = keys[chosen], lon[chosen], lat[chosen]
            numbers, own = numbers[chosen], own[chosen]
            beside = (beside[0][chosen], beside[1][chosen])
            texts = {name: [told[row] for row in chosen.tolist()] for name, told in texts.items()}
    codes = [
        None if text is None else firm_values.place_code_of(text) for text in texts["place_code"]
    ]
    return CoordinateSample(lon, lat, numbers, codes, texts["postal_code"], own, beside)


def row_keys(row_numbers: np.ndarray) -> np.ndarray:
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
    names: Callable[[], Mapping[str, Sequence[tuple[str, str]]]] | None = None,
) -> Scan:
    """Read year, industry codes and ids of the whole file.

    `code_sets` holds the codes of each classification; those of other countries are left out.
    `names` gives (code, name) of each; asked only where the column holds words.
    A file may hold several years: the rows of the others are refused one by one. Raises CoaggError
    for an unknown country, and when hardly a row that states a year states `survey_year`.
    """
    country = country or mapping.country or COUNTRY
    described = countries.of(country)
    codes: Counter[tuple[str | None, str | None]] = Counter()
    years: Counter[str] = Counter()
    ids = firm_ids.IdCounts()
    founded: Counter[str] = Counter()
    commas = {name: columns.Commas() for name in _NUMBERS}
    wanted = (
        *firm_codes.COLUMNS, "industry_division", "survey_year", "firm_id", "established_year",
        *_NUMBERS,
    )  # fmt: skip
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
        for name, counter in (("survey_year", years), ("established_year", founded)):
            told = pc.value_counts(mapped_text(batch, mapping, name).drop_null())
            for row in told.to_pylist():
                counter[row["values"]] += row["counts"]
        for name, counted_commas in commas.items():
            counted_commas.add(mapped_text(batch, mapping, name))
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
    found_commas = {name: one.found(mapping.spelling.comma) for name, one in commas.items()}
    day_numbers = columns.are_day_numbers(founded, survey_year)
    named: dict[str, str | None] = {}
    words = {text: count for text, count in received.items() if industry_names.is_name(text)}
    if names and words and sum(words.values()) > (1 - industry_names.MOST_CODES) * counts.total():
        every = {
            name: industry_names.by_name(rows) for name, rows in names().items() if name in own
        }
        by_words, word_shares = industry_names.choose(words, every, mapping.classification)
        named = every[by_words] if by_words else {}
    found, shares = industry_codes.detect_classification(counts, own, mapping.classification)
    notes = list(_notes(mapping, found_commas, day_numbers))
    if named:
        found, shares = by_words, word_shares
        notes.append(
            f"industries are named in words: {shares[by_words or '']:.1%} of them are names of "
            f"{by_words} that mean one industry, the others are unknown"
        )
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
        commas=found_commas,
        day_numbers=day_numbers,
        notes=tuple(notes),
        named=named,
    )


def _notes(
    mapping: layouts.Mapping, commas: Mapping[str, columns.Comma], day_numbers: bool
) -> Iterator[str]:
    """What is to be said of columns that are not read as they stand."""
    for name, comma in commas.items():
        if comma == "both":
            yield (
                f"{name} has decimal commas and decimal points: values such as 1,000 and 1.000 can "
                f"be either, are not used and flagged {name}_ambiguous"
            )
        elif (comma == "decimal") != mapping.spelling.comma:
            yield f"{name} is read with decimal {'commas' if comma == 'decimal' else 'points'}"
    if day_numbers:
        yield "founding years are day numbers of a spreadsheet (38717 is in 2005), read as such"


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


def spelling_of(
    table: TableFile, mapping: layouts.Mapping, country: str, datum: str | None
) -> Spelling:
    """How the file spells its coordinates; the first rows are looked at.

    A form that the layout states is taken.
    """
    lon, lat = mapping.columns["lon"], mapping.columns["lat"]
    assert lon is not None  # a layout without them maps no file
    assert lat is not None
    headers = list(dict.fromkeys([lon, lat]))
    texts = located.pair_texts(next(table.batches(rows=_FIRST_ROWS, columns=headers)), lon, lat)
    box = countries.box(country)
    found = spellings.found(texts.lon, texts.lat, box, coordinates.in_metres(datum))
    return replace(found, form=mapping.spelling.form) if mapping.spelling.form else found


def mapped_batches(
    table: TableFile, mapping: layouts.Mapping, names: Sequence[str]
) -> Iterator[Batch]:
    """Batches of the mapped ones of these columns."""
    headers = [mapping.columns[name] for name in names]
    return table.batches(columns=list(dict.fromkeys(h for h in headers if h is not None)))


def mapped_text(batch: Batch, mapping: layouts.Mapping, column: str) -> pa.Array:
    """A column's trimmed text; all null where the file does not have it."""
    header = mapping.columns[column]
    if header is None:
        return pa.nulls(batch.table.num_rows, pa.string())
    return firm_values.trimmed(batch.table[header].combine_chunks())
