"""Applicants of patents to firms: `clean.patent_match`, and what needs review kept apart.

Work is done on unique names; the rows of ten million applicants are only joined in the data base.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
from psycopg import sql

from coagg import database
from coagg.database import sql_text
from coagg.database.fingerprint import NEVER, Fingerprint, fingerprint, refreshed, rows_hash
from coagg.errors import CoaggError
from coagg.etl import ledger
from coagg.etl.matching import MATCH_CODE
from coagg.etl.matching import firms as firm_panel
from coagg.etl.matching import runs as match_runs
from coagg.etl.matching.names import PlaceWords, place_words
from coagg.etl.matching.stages import PICKS, MatchSettings, Outcome, match
from coagg.settings import COUNTRY, SQL, Settings

RULES = SQL / "transforms" / "match"
KEYS = """
SELECT key_id, name, organisation_code, place_code, address_head, applicants FROM applicant_key
"""
KEY_COLUMNS = {
    "key_id": pa.int64(), "name": pa.string(), "organisation_code": pa.string(),
    "place_code": pa.string(), "address_head": pa.string(), "applicants": pa.int64(),
}  # fmt: skip
FIRMS = """
SELECT DISTINCT p.panel_id, f.firm_name, f.firm_id, place.code
FROM clean.firm AS f
JOIN clean.firm_panel AS p USING (country, survey_year, row_number)
CROSS JOIN LATERAL (VALUES (f.prefecture_code), (f.own_prefecture_code)) AS place (code)
WHERE f.country = {} AND place.code IS NOT NULL
ORDER BY 1, 2, 3, 4
"""
# what FIRMS reads, without its sorting; links are told by the run that made them
FIRM_ROWS = """
SELECT survey_year, row_number, firm_name, firm_id, prefecture_code, own_prefecture_code
FROM clean.firm WHERE country = %s
"""
PLACES = """
SELECT name, prefecture_code FROM reference.prefecture WHERE country = %s
UNION
SELECT name, prefecture_code FROM reference.prefecture_code WHERE country = %s AND in_force
ORDER BY 1, 2
"""
PLACE_CODES = """
SELECT DISTINCT ON (place_code) place_code, prefecture_code
FROM reference.prefecture_code WHERE prefecture_code IS NOT NULL
ORDER BY place_code, survey_year DESC
"""
DECISIONS = "SELECT applicant_name, panel_id, decided_by FROM clean.match_decision ORDER BY 1"
FIRM_COLUMNS = {
    "panel_id": pa.int64(), "firm_name": pa.string(), "firm_id": pa.string(),
    "place": pa.string(),
}  # fmt: skip


@dataclass
class MatchReport:
    """What `coagg match patents` tells: applicants = matched + ambiguous + outside + unmatched."""

    applicants: int = 0
    stages: dict[str, int] = field(default_factory=dict)
    ambiguous: int = 0
    outside: int = 0
    unmatched: int = 0
    candidates: int = 0
    decisions_used: int = 0
    decisions_stale: int = 0
    keys: dict[str, int] = field(default_factory=dict)
    unchanged: bool = False
    seconds: float = 0.0

    @property
    def matched(self) -> int:
        """Applicants with a firm."""
        return sum(self.stages.values())

    def line(self) -> str:
        """One line: what was found, or that nothing had changed."""
        said = (
            f"{self.applicants:,} applicants = {self.matched:,} matched + {self.ambiguous:,} "
            f"ambiguous + {self.outside:,} outside the years + {self.unmatched:,} without a firm"
        )
        if self.unchanged:
            return f"{said}: unchanged, nothing to do"
        stale = f"; {self.decisions_stale:,} decisions name firms that are no more: decide again"
        return said + (stale if self.decisions_stale else "")


def match_patents(
    settings: Settings, *, country: str = COUNTRY, options: MatchSettings | None = None
) -> MatchReport:
    """Match all applicants to the firms of a country, in one transaction.

    The same loads, settings, decisions and code change nothing. Raises CoaggError when firms are
    not linked over the years yet, or were loaded again since.
    """
    options = options or MatchSettings()
    began = time.monotonic()
    with match_runs.open_run(settings) as connection:
        _check_panel(connection, country)
        decisions = pd.DataFrame(
            connection.execute(DECISIONS).fetchall(),
            columns=["name", "panel_id", "decided_by"],
            dtype=object,
        )
        made_from = inputs(connection, country, options)
        if match_runs.why_of(connection, "patents", country, made_from, _is_there) is None:
            known = match_runs.counted(connection, "patents", country) or {}
            return MatchReport(**{**known, "unchanged": True})
        values = {"country": country, "max_years": options.max_years}
        database.run_file(connection, RULES / "10_applicants.sql", values)
        words = read_place_words(connection, country)
        applicants = _applicants(connection, words)
        firms = match_runs.read(connection, FIRMS, FIRM_COLUMNS, (country,)).to_pandas()
        report = MatchReport()
        decided = applicants[applicants.name.isin(decisions.name)]
        reviewed = _reviewed(decided, decisions, firms, report)
        outcome = match(applicants.drop(decided.index), firms, words, options)
        match_runs.write(
            connection, sql.Identifier("pick"), _joined(reviewed, outcome)[list(PICKS)]
        )
        database.run_file(connection, RULES / "20_nearest_year.sql")
        database.run_file(connection, RULES / "30_publish.sql")
        report.keys = outcome.counts
        _count(connection, report)
        report.seconds = time.monotonic() - began
        told = {f.name: getattr(report, f.name) for f in fields(report)}
        match_runs.record(connection, "patents", country, made_from, told, report.seconds)
        connection.commit()
    return replace(report)


def read_place_words(connection: psycopg.Connection, country: str = COUNTRY) -> PlaceWords:
    """Place words from the prefectures of today and all place names of the survey years."""
    return place_words(connection.execute(PLACES, (country, country)).fetchall())


def inputs(connection: psycopg.Connection, country: str, options: MatchSettings) -> Fingerprint:
    """What the matches of all applicants to a country's firms are made from."""
    return fingerprint({"settings": asdict(options), **_data(connection, country)})


def _data(connection: psycopg.Connection, country: str) -> dict[str, object]:
    """What matches rest on beside their settings."""
    links = connection.execute(
        "SELECT input_sha256 FROM ops.match_run WHERE kind = 'firms' AND country = %s", (country,)
    ).fetchall()
    return {
        "firms": rows_hash(connection, FIRM_ROWS, (country,)),
        "firms over the years": links,
        "patents": ledger.current(connection, "patents"),
        "place names": rows_hash(connection, PLACES, (country, country)),
        "place codes": rows_hash(connection, PLACE_CODES),
        "decisions": connection.execute(DECISIONS).fetchall(),
        "rules": sql_text.rules(RULES),
        "code": MATCH_CODE,
    }


def why_match(
    connection: psycopg.Connection, country: str = COUNTRY, *, options: MatchSettings | None = None
) -> str | None:
    """Why `match_patents` would match anew; None when it would find all unchanged."""
    made_from = inputs(connection, country, options or MatchSettings())
    return match_runs.why_of(connection, "patents", country, made_from, _is_there)


def stale_runs(connection: psycopg.Connection) -> dict[str, str]:
    """Runs of both matchers that are older than what they are made from, by name, and why."""
    found: dict[str, str | None] = {}
    for kind, country, made_from in connection.execute(
        "SELECT kind, country, inputs FROM ops.match_run ORDER BY kind, country"
    ).fetchall():
        if kind == "firms":
            said = firm_panel.why_match(connection, country, max_gap=None)
        else:  # settings of a run are not kept: taken as they were
            now = refreshed(made_from, _data(connection, country))
            said = match_runs.why_of(connection, kind, country, now, _is_there)
        found[f"match {kind} {country}"] = said
    return {name: said for name, said in found.items() if said}


def _is_there(connection: psycopg.Connection, country: str, counts: Mapping[str, Any]) -> bool:
    row = connection.execute(
        "SELECT (SELECT count(*) FROM clean.patent_match), "
        "(SELECT count(*) FROM clean.match_candidate)"
    ).fetchone()
    return row == (sum(counts["stages"].values()), counts["candidates"])


def _check_panel(connection: psycopg.Connection, country: str) -> None:
    said = firm_panel.why_match(connection, country, max_gap=None)
    if said == NEVER:
        raise CoaggError(f"firms of {country} are not linked over the years: coagg match firms")
    if said:
        raise CoaggError(
            f"firms of {country} (or the code) changed since they were linked ({said}): "
            "coagg match firms"
        )


def _applicants(connection: psycopg.Connection, words: PlaceWords) -> pd.DataFrame:
    """Applicant keys with their place: by place code, else by the head of the address."""
    keys = match_runs.read(connection, KEYS, KEY_COLUMNS).to_pandas()
    known: dict[str, str] = dict(connection.execute(PLACE_CODES).fetchall())
    codes = {
        code: known.get(code[:6]) or known.get(code[:4])
        for code in keys.place_code.dropna().unique()
    }
    heads = {text: words.find(text) for text in keys.address_head.dropna().unique()}
    place = keys.place_code.map(codes).astype(object)
    keys["place"] = place.where(place.notna(), keys.address_head.map(heads).astype(object))
    keys["place"] = keys.place.where(keys.place.notna(), None)
    return keys


def _reviewed(
    keys: pd.DataFrame, decisions: pd.DataFrame, firms: pd.DataFrame, report: MatchReport
) -> pd.DataFrame:
    """Picks of the keys that people decided on; a decision for no firm makes none."""
    hits = keys[["key_id", "name"]].merge(decisions, on="name")
    hits = hits[hits.panel_id.notna()]
    names = firms.drop_duplicates("panel_id").set_index("panel_id").firm_name
    alive = hits.panel_id.isin(names.index)
    report.decisions_stale = int(hits.name[~alive].nunique())
    hits = hits[alive]
    report.decisions_used = int(keys.name.nunique()) - report.decisions_stale
    return pd.DataFrame(
        {
            "key_id": hits.key_id, "panel_id": hits.panel_id.astype("int64"),
            "firm_name": hits.panel_id.map(names), "stage": "review", "score": 1.0,
            "evidence": "decided by " + hits.decided_by.astype(str), "taken": True,
            "reason": "decided",
        }
    )  # fmt: skip


def _joined(reviewed: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    parts = [part for part in (reviewed, outcome.picks) if len(part)]
    made = pd.concat(parts, ignore_index=True) if parts else outcome.picks
    return made.assign(firm_name=made.firm_name.fillna(""))


def _count(connection: psycopg.Connection, report: MatchReport) -> None:
    stages = connection.execute(
        "SELECT stage, count(*) FROM clean.patent_match GROUP BY stage ORDER BY stage"
    ).fetchall()
    report.stages = dict(stages)
    row = connection.execute("SELECT applicants, ambiguous, outside FROM match_count").fetchone()
    found = connection.execute("SELECT count(*) FROM clean.match_candidate").fetchone()
    assert row is not None
    assert found is not None
    report.applicants, report.ambiguous, report.outside = row
    report.candidates = found[0]
    report.unmatched = report.applicants - report.matched - report.ambiguous - report.outside
