"""What only a superuser can do for a private server, or for another one that calls us superuser.

The program itself is never superuser: `make_owner` gives it the role it works as, `add_postgis`
and `harden` prepare a data base. All of it may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from coagg.errors import CoaggError

GROUPS = {
    "coagg_owner": "owns the data bases of coagg, or may do what their owner may",
    "coagg_loader": "loads data and computes results",
    "coagg_analyst": "reads published numbers",
    "coagg_names": "reads single firms with their names, on top of another role",
}
IDENTITY_MAP = "coagg"

# owned by the superuser, and by no extension; sequences of columns follow their table
STRANGERS = """
SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass::text
FROM pg_class AS c
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND c.relowner = {me}
    AND c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND (deptype = 'e' OR (c.relkind = 'S' AND deptype IN ('a', 'i'))))
UNION ALL
SELECT 'ROUTINE', p.oid::regprocedure::text
FROM pg_proc AS p
WHERE p.proowner = {me}
    AND p.pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
UNION ALL
SELECT 'SCHEMA', quote_ident(nspname)
FROM pg_namespace
WHERE nspowner = {me} AND nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
"""  # noqa: E501 (a query)

# open to every role of PostgreSQL 15: large objects and messages fill the disk even of a reader,
# advisory locks fill the table of locks of the whole server
LARGE = r"^(lo_.*|lowrite|loread|pg_logical_emit_message)$"
LOCKS = r"^pg_(try_)?advisory_(xact_)?lock.*"  # letting go of locks harms nobody; pools do it


@contextmanager
def explained() -> Iterator[None]:
    """What a server says to work on roles, in a line with the remedy."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as fault:
        raise CoaggError(
            f"{fault.diag.message_primary}: this connection may not; its role needs CREATEROLE, "
            "or let the server's administrator do it"
        ) from None
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as fault:
        raise CoaggError(
            f"{fault.diag.message_primary}: coagg db upgrade brings the data base up to date"
        ) from None


def make_owner(
    administrator: Callable[[str], psycopg.Connection], owner: str, users: Sequence[str]
) -> None:
    """Make the groups and the owner of a private server, and give it the data bases there are.

    `administrator` opens an autocommit connection of the superuser to a data base; `users` of the
    machine are let in as the owner. The right to log in comes last: who can log in as the owner
    finds all of it done.
    """
    with administrator("postgres") as connection:
        make_groups(connection)
        connection.execute(f"ALTER ROLE {owner} CREATEDB")
        connection.execute(f"GRANT coagg_loader, pg_read_all_stats, pg_signal_backend TO {owner}")
        for name in ("postgres", "template1"):
            connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
            connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {owner}")
        found = connection.execute(
            "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate "
            "AND datname <> 'postgres'"
        ).fetchall()
        for (name,) in found:
            _adopt(administrator, name, owner)
        write_identities(connection, identities(connection) | {(user, owner) for user in users})
        connection.execute(f"ALTER ROLE {owner} LOGIN")


def make_groups(connection: psycopg.Connection) -> bool:
    """Make the group roles that are missing; False when this role may not."""
    row = connection.execute(
        "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    for name, meaning in GROUPS.items():
        if connection.execute("SELECT to_regrole(%s)", (name,)).fetchone() != (None,):
            continue
        if row != (True,):
            return False
        with connection.transaction():
            connection.execute(f"CREATE ROLE {name} NOLOGIN")
            connection.execute(
                sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(name), meaning)
            )
    return True


def add_postgis(connection: psycopg.Connection, owner: str) -> None:
    """Add PostGIS to a data base as the owner's own, who can then restore a dump of it.

    PostGIS may be added by a superuser only. The owner is one inside this transaction alone, which
    nobody else ever sees.
    """
    with connection.transaction():
        # a shared table: two data bases made at once alter the role one after the other
        connection.execute("LOCK TABLE pg_catalog.pg_authid IN SHARE ROW EXCLUSIVE MODE")
        connection.execute(f"ALTER ROLE {owner} SUPERUSER")
        connection.execute(f"SET LOCAL ROLE {owner}")
        connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
        connection.execute("SET LOCAL ROLE NONE")
        connection.execute(f"ALTER ROLE {owner} NOSUPERUSER")


def harden(connection: psycopg.Connection) -> list[str]:
    """Take from PUBLIC what a reader could use against the others; returns what it may not take."""
    row = connection.execute("SELECT current_setting('is_superuser')").fetchone()
    superuser = row == ("on",)
    connection.execute(
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(
            sql.Identifier(connection.info.dbname)
        )
    )
    if not superuser:
        return ["code in plpgsql", "large objects", "advisory locks"]
    ours = "coagg_owner, coagg_loader"
    large, keys = _functions(connection, LARGE), _functions(connection, LOCKS)
    with connection.transaction():
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.execute("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC")
        connection.execute(f"GRANT USAGE ON LANGUAGE plpgsql TO {ours}")
        connection.execute(f"REVOKE EXECUTE ON FUNCTION {large}, {keys} FROM PUBLIC")
        connection.execute(f"GRANT EXECUTE ON FUNCTION {large}, {keys} TO {ours}")
    return []


def identities(connection: psycopg.Connection) -> set[tuple[str, str]]:
    """Which users of the machine may come in as which role."""
    return set(
        connection.execute(
            "SELECT sys_name, pg_username FROM pg_ident_file_mappings WHERE map_name = %s",
            (IDENTITY_MAP,),
        ).fetchall()
    )


def write_identities(connection: psycopg.Connection, wanted: Iterable[tuple[str, str]]) -> None:
    """Let in these users as these roles, and no others."""
    lines = [f'{IDENTITY_MAP} "{user}" "{role}"' for user, role in sorted(wanted)]
    write_configuration(connection, "ident_file", lines)


def write_configuration(connection: psycopg.Connection, setting: str, lines: Sequence[str]) -> None:
    """Replace a file of the server's configuration, whole or not at all, and have it read.

    The server writes it itself: its folder belongs to its user, and nobody else touches it.
    """
    row = connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
    assert row is not None
    quoted = "'" + str(row[0]).replace("'", "'\\''") + "'"
    program = f"umask 077; cat > {quoted}.new && mv {quoted}.new {quoted}"
    connection.execute(
        sql.SQL("COPY (SELECT unnest({}::text[])) TO PROGRAM {} (DELIMITER E'\\x01')").format(
            list(lines), program
        )
    )
    connection.execute("SELECT pg_reload_conf()")


def _adopt(administrator: Callable[[str], psycopg.Connection], name: str, owner: str) -> None:
    """Give a data base, and all in it that is the superuser's, to the owner."""
    with administrator(name) as connection:
        row = connection.execute("SELECT quote_literal(current_user) || '::regrole'").fetchone()
        assert row is not None
        with connection.transaction():
            for kind, what in connection.execute(STRANGERS.format(me=row[0])).fetchall():
                connection.execute(f"ALTER {kind} {what} OWNER TO {owner}")
            connection.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                    sql.Identifier(name), sql.Identifier(owner)
                )
            )
        harden(connection)


def _functions(connection: psycopg.Connection, pattern: str) -> str:
    row = connection.execute(
        "SELECT string_agg('pg_catalog.' || oid::regprocedure, ', ' ORDER BY oid) FROM pg_proc "
        "WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ %s",
        (pattern,),
    ).fetchone()
    assert row is not None
    return str(row[0])
