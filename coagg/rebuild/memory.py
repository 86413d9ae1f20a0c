"""What a rebuild found to be older at its end, for as long as nothing changes."""

from __future__ import annotations

import psycopg
from psycopg.types.json import Jsonb

from coagg import database
from coagg.settings import Settings
from coagg.version import VERSION

STATE = """
SELECT md5(concat_ws('|',
    (SELECT string_agg(concat(load_id, ' ', superseded_at), ',' ORDER BY load_id) FROM ops.load),
    (
        SELECT string_agg(concat(input_load_id, ' ', superseded_at), ',' ORDER BY input_load_id)
        FROM ops.input_load
    ),
    (SELECT string_agg(l::text, ',' ORDER BY l::text) FROM reference.load_report AS l),
    (SELECT max(set_id) FROM ops.result_set),
    (SELECT string_agg(m::text, ',' ORDER BY m::text) FROM ops.match_run AS m),
    (SELECT string_agg(c::text, ',' ORDER BY c::text) FROM coagglomeration.comparison_cell AS c),
    (SELECT sha256 FROM ops.definitions),
    %s::text
))
"""
REMEMBERED = "SELECT older FROM ops.run WHERE state_md5 = %s AND older IS NOT NULL LIMIT 1"


def remembered(connection: psycopg.Connection) -> dict[str, str] | None:
    """What a rebuild found when it ended, where nothing was loaded, made or installed since.

    `older_results` looks at every firm; at four million of them that takes minutes. Rows changed by
    hand are not seen here. None: something changed, or no rebuild has looked.
    """
    row = connection.execute(REMEMBERED, (_state(connection),)).fetchone()
    found: dict[str, str] | None = None if row is None else row[0]
    return found


def remember(settings: Settings, run_id: int) -> None:
    """Keep with a run what is older at its end; asked anew only where something changed."""
    with database.connect(settings) as connection:
        known = remembered(connection)
        if known is None:
            from coagg.rebuild.stale import older_results  # imports every engine

            known = older_results(settings)
        connection.execute(
            "UPDATE ops.run SET state_md5 = %s, older = %s WHERE run_id = %s",
            (_state(connection), Jsonb(known), run_id),
        )


def _state(connection: psycopg.Connection) -> str:
    row = connection.execute(STATE, (VERSION,)).fetchone()
    assert row is not None
    return str(row[0])
