"""What a result was made from: a hash for each input by its name, by one rule for all engines.

An engine says its inputs as a `Fingerprint` and stores the mapping beside the result (column
`inputs`). It skips what was made from the same, and can say which input differs. `coagg rebuild`
and `coagg check` ask the same functions. Inputs are of four kinds:

- data: rows as they are in the tables (`rows_hash`), or the file as received;
- settings, as given;
- rules in SQL, by what they say (`coagg.database.sql_text`): no comment, no blank counts;
- rules in Python, by a number of the room that is raised by hand (FIRM_READER_CODE, INDEX_CODE).
  A test of each room holds it: it fails when results change and the number does not. SQL needs
  no number, as its text is small, close to the data, and easily brought to one form.

Versions of libraries count where results come from inside them: pot (index), pyfixest (estimates).
Others, numpy among them, are held by the same tests.
"""

from __future__ import annotations

import datetime
import decimal
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString
from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql

NEVER = "never done"
OLDER = "made by an older version"
MISSING = "not there in full"
_DIGITS = 32  # hexadecimal digits of the hash of a part


@dataclass(frozen=True)
class Fingerprint:
    """What a result is made from: (name, hash) of each input, ordered by name."""

    parts: tuple[tuple[str, str], ...]

    @property
    def sha256(self) -> str:
        """One hash over all parts and their names."""
        return hashlib.sha256(canonical(self.as_json()).encode()).hexdigest()

    def only(self, *names: str) -> Fingerprint:
        """Those of its parts."""
        return Fingerprint(tuple(part for part in self.parts if part[0] in names))

    def as_json(self) -> dict[str, str]:
        """The mapping, as it is stored."""
        return dict(self.parts)


def fingerprint(parts: Mapping[str, object]) -> Fingerprint:
    """The fingerprint of inputs by name; a value is anything that `canonical` takes.

    >>> fingerprint({"file": None}) == fingerprint({"file": ""})
    False
    """
    return Fingerprint(tuple((name, digest(parts[name])) for name in sorted(parts)))


def digest(value: object) -> str:
    """Hash of a value in its canonical form; None, "" and 0 are three values."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:_DIGITS]


def canonical(value: object) -> str:
    """JSON with sorted keys and no blanks; of dates, decimals and sets too.

    Raises TypeError for what has no one form, ValueError for NaN.
    """
    return json.dumps(
        value,
        sort_keys=True,
        ensure_ascii=False,
        separators=(",", ":"),
        allow_nan=False,
        default=_plain,
    )


def _plain(value: object) -> object:
    if isinstance(value, Fingerprint):
        return value.as_json()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")


def difference(before: Mapping[str, str], after: Fingerprint) -> list[str]:
    """Names of the parts that differ, were not there before, or are no more; sorted."""
    now = after.as_json()
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def why(before: Mapping[str, str] | None, after: Fingerprint) -> str | None:
    """Why a result is not what would be made now, in words; None when it is.

    `before` is the stored mapping; None of results that are older than the column.
    """
    if before is None:
        return OLDER
    changed = difference(before, after)
    return f"changed: {', '.join(changed)}" if changed else None


def refreshed(before: Mapping[str, str] | None, parts: Mapping[str, object]) -> Fingerprint:
    """The stored mapping with some parts as they are now: for a result whose file is not at hand.

    Parts that are not asked again, because the file or the caller says them, stay as they were.
    """
    return Fingerprint(tuple(sorted({**(before or {}), **fingerprint(parts).as_json()}.items())))


def together(reasons: Iterable[str]) -> str | None:
    """Reasons of several results as one: the parts of all, each once."""
    changed: set[str] = set()
    others: dict[str, None] = {}
    for reason in reasons:
        head, _, names = reason.partition("changed: ")
        if head:
            others[reason] = None
        else:
            changed.update(names.split(", "))
    said = list(others)
    if changed:
        said.append(f"changed: {', '.join(sorted(changed))}")
    return "; ".join(said) or None


def rows_hash(
    connection: psycopg.Connection,
    query: LiteralString | sql.Composable,
    values: Sequence[object] = (),
) -> list[str]:
    """Count and hash of the rows of a query, whatever their order; a NULL is a value.

    Columns must be of types that PostgreSQL can hash (no geometry: ask for md5 of ST_AsBinary).
    """
    whole = query if isinstance(query, sql.Composable) else sql.SQL(query)
    counted = (
        sql.SQL("SELECT count(*), coalesce(sum(hash_record_extended(q, 0)), 0) FROM (")
        + whole
        + sql.SQL(") AS q")
    )
    known = _known_of(connection)
    key = (counted.as_string(connection), *values)
    if key not in known:
        row = connection.execute(counted, values or None).fetchone()
        assert row is not None
        known[key] = [str(value) for value in row]
    return list(known[key])


# of the connections that see one state of the data base: which one, and hashes found there
_KNOWN: WeakKeyDictionary[psycopg.Connection, tuple[str, dict[tuple, list[str]]]] = (
    WeakKeyDictionary()
)


def _known_of(connection: psycopg.Connection) -> dict[tuple, list[str]]:
    """Hashes that hold as long as this snapshot; nothing where rows may change meanwhile."""
    if not (
        connection.read_only
        and connection.isolation_level == psycopg.IsolationLevel.REPEATABLE_READ
        and not connection.autocommit
    ):
        return {}
    row = connection.execute("SELECT pg_current_snapshot()::text").fetchone()
    assert row is not None
    state, known = _KNOWN.get(connection, ("", {}))
    if state != row[0]:
        known = {}
        _KNOWN[connection] = (row[0], known)
    return known
