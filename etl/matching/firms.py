"""A firm over the years: rows of `clean.firm` into `clean.firm_panel`, with the evidence."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from coagg.database.fingerprint import Fingerprint, fingerprint, rows_hash
from coagg.errors import CoaggError
from coagg.etl.matching import MATCH_CODE
from coagg.etl.matching import runs as match_runs
from coagg.etl.matching.firm_links import IntArray, Key, Links, link_rows
from coagg.etl.matching.names import normalise
from coagg.etl.reference import countries
from coagg.settings import COUNTRY, Settings

ROWS = """
SELECT f.survey_year, f.row_number, upper(replace(f.firm_id, '-', '')),
    'shared_id' = ANY(f.flags), f.firm_name, f.legal_representative,
    nullif(regexp_replace(f.phone, '\\D', '', 'g'), ''),
    coalesce(f.own_prefecture_code, f.prefecture_code),
    coalesce(f.place_code, f.prefecture_code),
    coalesce(back.from_code, f.classification || f.industry), f.industry_code,
    f.main_product, f.established_year, 'establishment' = ANY(f.flags), f.lon, f.lat
FROM clean.firm AS f
LEFT JOIN (
    SELECT DISTINCT ON (to_classification, to_code) to_classification, to_code, from_code
    FROM reference.industry_concordance
    WHERE from_classification = {} AND length(from_code) = 3
    ORDER BY to_classification, to_code, weight DESC, from_code
) AS back ON back.to_classification = f.classification AND back.to_code = f.industry
WHERE f.country = {}
"""
IN_ORDER = ROWS + "ORDER BY f.survey_year, f.row_number"
COLUMNS = {
    "survey_year": pa.int64(), "row_number": pa.int64(), "firm_id": pa.string(),
    "shared_id": pa.bool_(), "firm_name": pa.string(), "representative": pa.string(),
    "phone": pa.string(), "place": pa.string(), "place_code": pa.string(),
    "industry": pa.string(), "industry_code": pa.string(), "product": pa.string(),
    "established_year": pa.int64(), "establishment": pa.bool_(), "lon": pa.float64(),
    "lat": pa.float64(),
}  # fmt: skip
NOT_CODED = ("survey_year", "row_number", "shared_id", "establishment", "lon", "lat")
STAGES = ("id_name", "id", "plant", "name", "representative", "phone", "founding")
OF_STAGE = {
    "id_name": ("firm_id", "firm_name"),
    "id": ("firm_id",),
    "plant": ("firm_id", "firm_name"),
    "name": ("firm_name",),
    "representative": ("representative", "place", "industry"),
    "phone": ("phone", "place", "industry"),
    "founding": ("established_year", "place_code", "industry_code", "product"),
}
YEAR_STEP = 10_000_000  # panel_id = survey year * this + row number


@dataclass
class PanelReport:
    """What `coagg match firms` tells at its end."""

    country: str
    rows: int = 0
    years: int = 0
    firms: int = 0
    links: dict[str, int] = field(default_factory=dict)
    ambiguous: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    in_one_year_only: int = 0
    max_gap: int = 2
    unchanged: bool = False
    seconds: float = 0.0

    def line(self) -> str:
        """One line: what was found, or that nothing had changed."""
        if self.unchanged:
            return f"{self.rows:,} rows are {self.firms:,} firms: unchanged, nothing to do"
        return (
            f"{self.rows:,} rows of {self.years} years are {self.firms:,} firms, by "
            f"{sum(self.links.values()):,} links; {self.refused:,} links refused that would have "
            "put two rows of a year into one firm"
        )


def match_firms(settings: Settings, country: str = COUNTRY, *, max_gap: int = 2) -> PanelReport:
    """Link the rows of all loaded years of a country into firms, in one transaction.

    `max_gap`: years that a firm may be missing between two linked rows. The same loads, settings
    and code change nothing. Raises CoaggError when no year is loaded.
    """
    began = time.monotonic()
    with match_runs.open_run(settings) as connection:
        made_from = inputs(connection, country, max_gap)
        if match_runs.why_of(connection, "firms", country, made_from, _is_there) is None:
            known = match_runs.counted(connection, "firms", country) or {}
            return PanelReport(**{**known, "unchanged": True})
        rows = match_runs.read(connection, IN_ORDER, COLUMNS, _values(country))
        if rows.num_rows == 0:
            raise CoaggError(
                f"no firms of {country} are loaded: coagg load firms FILE --survey-year YEAR first"
            )
        values = {name: coded(rows[name], names=name == "firm_name") for name in COLUMNS
                  if name not in NOT_CODED}  # fmt: skip
        years = rows["survey_year"].to_numpy()
        numbers = rows["row_number"].to_numpy()
        codes = {name: code for name, (code, _) in values.items()}
        keys = make_keys(
            codes,
            rows["shared_id"].to_numpy(zero_copy_only=False),
            rows["establishment"].to_numpy(zero_copy_only=False),
            (rows["lon"].to_numpy(), rows["lat"].to_numpy()),
        )
        firm, links = link_rows(years, keys, max_gap)
        panel_id = years[firm] * YEAR_STEP + numbers[firm]  # rows are sorted: the first is smallest
        report = _report(country, years, firm, links)
        report.max_gap = max_gap
        connection.execute("DELETE FROM clean.firm_panel_link WHERE country = %s", (country,))
        connection.execute("DELETE FROM clean.firm_panel WHERE country = %s", (country,))
        match_runs.write(
            connection,
            sql.Identifier("clean", "firm_panel"),
            pd.DataFrame(
                {
                    "country": country, "survey_year": years, "row_number": numbers,
                    "panel_id": panel_id,
                }
            ),
        )  # fmt: skip
        match_runs.write(
            connection,
            sql.Identifier("clean", "firm_panel_link"),
            _link_table(country, years, numbers, links, values),
        )
        report.seconds = time.monotonic() - began
        match_runs.record(connection, "firms", country, made_from, asdict(report), report.seconds)
        connection.commit()
    return report


def inputs(connection: psycopg.Connection, country: str, max_gap: int) -> Fingerprint:
    """What the links of a country's firms are made from; the rows as they are read."""
    firms = rows_hash(connection, sql.SQL(ROWS).format(*map(sql.Literal, _values(country))))
    return fingerprint({"firms": firms, "settings": max_gap, "code": MATCH_CODE})


def _values(country: str) -> tuple[str, str]:
    """Values of ROWS: the classification in which industries of all years are compared, country."""
    return countries.default_classification(country) or "", country


def why_match(
    connection: psycopg.Connection, country: str = COUNTRY, *, max_gap: int | None = 2
) -> str | None:
    """Why `match_firms` would link anew; None when it would find all unchanged.

    `max_gap` None: the one of the run that stands.
    """
    if max_gap is None:
        max_gap = (match_runs.counted(connection, "firms", country) or {}).get("max_gap", 2)
    made_from = inputs(connection, country, max_gap)
    return match_runs.why_of(connection, "firms", country, made_from, _is_there)


def _is_there(connection: psycopg.Connection, country: str, counts: Mapping[str, Any]) -> bool:
    row = connection.execute(
        "SELECT (SELECT count(*) FROM clean.firm_panel WHERE country = %s), "
        "(SELECT count(*) FROM clean.firm_panel_link WHERE country = %s)",
        (country, country),
    ).fetchone()
    return row == (counts["rows"], sum(counts["links"].values()))


def coded(column: pa.ChunkedArray, names: bool = False) -> tuple[IntArray, pd.Series]:
    """(codes, shape (rows,), -1 for missing; value of each code); `names` in one form."""
    encoded = pc.dictionary_encode(column.combine_chunks())
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = pc.fill_null(encoded.indices, -1).to_numpy().astype(np.int64)
    value = pd.Series(encoded.dictionary.to_pylist(), dtype=object)
    if not names or value.empty:
        return codes, value
    form, distinct = pd.factorize(np.array([normalise(v) for v in value], dtype=object))
    form = np.where(np.array(distinct, dtype=object)[form] == "", -1, form)
    return np.where(codes < 0, -1, form[codes]), pd.Series(distinct, dtype=object)


def make_keys(
    codes: dict[str, IntArray],
    shared_id: np.ndarray,
    plant: np.ndarray,
    points: tuple[np.ndarray, np.ndarray],
) -> list[Key]:
    """The sequence of keys from coded columns.

    `shared_id`: bool, rows not to link by id alone. `plant`: bool, rows of a firm that has several
    in the year: only their points (longitudes, latitudes) tell them apart.
    """
    made = []
    several = np.unique(_combine([codes[name] for name in OF_STAGE["plant"]])[plant])
    for stage in STAGES:
        combined = _combine([codes[name] for name in OF_STAGE[stage]])
        if stage == "plant":
            of_plants = np.where(np.isin(combined, several), combined, -1)
            made.append(Key(stage, of_plants, near=points))
            continue
        combined = np.where(plant, -1, combined)
        if stage == "id":
            combined = np.where(shared_id, -1, combined)
        # what identifies by likelihood only must not contradict the founding year
        agree = (codes["established_year"],) if stage in ("representative", "phone") else ()
        made.append(Key(stage, combined, agree))
    return made


def _combine(columns: list[IntArray]) -> IntArray:
    result = columns[0]
    for column in columns[1:]:
        missing = (result < 0) | (column < 0)
        joined = result * (int(column.max(initial=0)) + 1) + column
        result = np.asarray(pd.factorize(np.where(missing, -1, joined))[0], dtype=np.int64)
        result = np.where(missing, -1, result)
    return result


def _report(country: str, years: IntArray, firm: IntArray, links: Links) -> PanelReport:
    stage = links.arrays()[2]
    counts = np.bincount(stage, minlength=len(STAGES))
    sizes = np.bincount(firm)
    return PanelReport(
        country, years.size, np.unique(years).size, int((sizes > 0).sum()),
        {name: int(n) for name, n in zip(STAGES, counts, strict=True)}, links.ambiguous,
        links.refused, int((sizes == 1).sum()),
    )  # fmt: skip


def _link_table(
    country: str, years: IntArray, numbers: IntArray, links: Links,
    values: dict[str, tuple[IntArray, pd.Series]],
) -> pd.DataFrame:  # fmt: skip
    earlier, later, stage = links.arrays()
    evidence = np.empty(earlier.size, dtype=object)
    for number, name in enumerate(STAGES):
        at = np.flatnonzero(stage == number)
        parts: list[list[str]] = []
        for column in OF_STAGE[name]:
            code, value = values[column]
            parts.append(
                value.to_numpy()[code[earlier[at]]].astype(str).tolist() if at.size else []
            )
        evidence[at] = [", ".join(told) for told in zip(*parts, strict=True)]
    return pd.DataFrame(
        {
            "country": country,
            "from_year": years[earlier], "from_row": numbers[earlier],
            "to_year": years[later], "to_row": numbers[later],
            "stage": np.array(STAGES, dtype=object)[stage], "evidence": evidence,
        }
    )  # fmt: skip
