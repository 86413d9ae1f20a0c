"""Who may come into the data base, as what, and within which limits.

An analyst can switch off the time limit and the read-only default: PostgreSQL lets every role set
those for itself. What holds is that the role has few rights, few connections and little room for
temporary files; `coagg.database.activity` ends what runs for too long all the same.
"""

from __future__ import annotations

import pwd
import re
from dataclasses import dataclass

import psycopg
from psycopg import sql

from coagg.database import adoption, server
from coagg.database.connection import administer, connect, database_name
from coagg.errors import CoaggError
from coagg.settings import Settings

KINDS = ("analyst", "loader", "owner")
PROTECTED = re.compile(r"pg_.*|coagg.*|postgres|public|none")


@dataclass(frozen=True)
class Limits:
    """Limits of an analyst; times in seconds, `temp_file_mb` of room for sorts on disk."""

    statement_seconds: int = 300
    idle_seconds: int = 300
    lock_seconds: int = 10
    temp_file_mb: int = 2048
    work_memory_mb: int = 32
    connections: int = 5


@dataclass(frozen=True)
class Access:
    """What was granted, and what of it this server does not let us hold."""

    name: str
    kind: str
    names: bool
    os_user: str | None
    notes: tuple[str, ...] = ()


def grant(
    settings: Settings,
    name: str,
    kind: str = "analyst",
    *,
    names: bool = False,
    password: str | None = None,
    os_user: str | None = None,
    limits: Limits | None = None,
) -> Access:
    """Let a person into this data base, or change how it is let in.

    Parameters
    ----------
    settings
        The data base. Other data bases of the server stay closed to the person.
    name : str
        The login role; made if it is missing.
    kind : {"analyst", "loader", "owner"}
    names : bool
        Whether single firms with their names may be read (`publish.firm_map`).
    password : str, optional
        For connections over loopback; None leaves the one there is.
    os_user : str, optional
        User of this machine who comes in as the role through the private server's socket; default
        the user of the same name, where there is one.
    limits : Limits, optional
        Of an analyst.

    Raises
    ------
    CoaggError
        For an impossible name, a role that is not ours to change, an unknown user of the machine,
        or when this connection may not make roles.

    Examples
    --------
    >>> limits = Limits(statement_seconds=60)
    >>> grant(read_settings(), "anna", os_user="anna", limits=limits)  # doctest: +SKIP
    Access(name='anna', kind='analyst', names=False, os_user='anna', notes=())
    """
    limits = limits or Limits()
    _check_name(name)
    if kind not in KINDS:
        raise CoaggError(f"role {kind!r}: say one of {', '.join(KINDS)}")
    os_user = _os_user(settings, name, os_user)
    notes = []
    with adoption.explained(), administer(settings) as connection:
        if not adoption.make_groups(connection):
            raise CoaggError(
                "this connection may not make roles: let the server's administrator run "
                "coagg db grant, or GRANT it the attribute CREATEROLE"
            )
        _make_login(connection, name, password)
        connection.commit()
        connection.autocommit = True
        left = adoption.harden(connection)
        if left:
            notes.append(
                f"only a superuser can take from everybody: {', '.join(left)}; let one run "
                f"coagg db grant {name} once"
            )
        connection.autocommit = False
        _give(connection, name, kind, names)
        notes += _limit(connection, name, kind, limits)
        connection.execute(
            "UPDATE ops.access SET revoked_at = now() WHERE role_name = %s AND revoked_at IS NULL",
            (name,),
        )
        analyst = kind == "analyst"
        connection.execute(
            "INSERT INTO ops.access (role_name, kind, names, statement_seconds, idle_seconds) "
            "VALUES (%s, %s, %s, %s, %s)",
            (
                name, kind, names, limits.statement_seconds if analyst else None,
                limits.idle_seconds if analyst else None,
            ),
        )  # fmt: skip
        connection.commit()
        if os_user is not None:
            adoption.write_identities(
                connection, adoption.identities(connection) | {(os_user, name)}
            )
    return Access(name, kind, names, os_user, tuple(notes))


def revoke(settings: Settings, name: str) -> bool:
    """Let a person no longer into this data base, and end its connections.

    The role goes where no other data base knows it. Returns whether it went. Raises CoaggError for
    a role that was not let in.
    """
    _check_name(name)
    with adoption.explained(), administer(settings) as connection:
        known = connection.execute(
            "UPDATE ops.access SET revoked_at = now() WHERE role_name = %s AND revoked_at IS NULL",
            (name,),
        ).rowcount
        there = connection.execute("SELECT to_regrole(%s)", (name,)).fetchone() != (None,)
        if not known or not there:
            raise CoaggError(f"{name} has no access to this data base (coagg db who lists them)")
        role, here = sql.Identifier(name), sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(here, role))
        connection.commit()
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE usename = %s AND datname = current_database()",
            (name,),
        )
        elsewhere = connection.execute(
            "SELECT FROM pg_database AS d, aclexplode(d.datacl) AS a "
            "WHERE a.grantee = to_regrole(%s)::oid",
            (name,),
        ).fetchone()
        if elsewhere is not None:
            return False
        if settings.database_url is None:
            kept = {pair for pair in adoption.identities(connection) if pair[1] != name}
            adoption.write_identities(connection, kept)
        try:
            with connection.transaction():
                connection.execute(sql.SQL("DROP ROLE {}").format(role))
        except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.ObjectInUse):
            connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(role))
            return False
    return True


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name) or PROTECTED.fullmatch(name):
        raise CoaggError(
            f"{name!r} cannot be the name of a person's role: small letters, digits and _, and "
            "none of coagg..., pg_..., postgres"
        )


def _os_user(settings: Settings, name: str, asked: str | None) -> str | None:
    """The user of the machine who is to come in; None where there is none, or no private server."""
    if settings.database_url is not None:
        if asked is not None:
            raise CoaggError("--os-user is for the private server, not for COAGG_DATABASE_URL")
        return None
    try:
        user = pwd.getpwnam(asked or name)
    except KeyError:
        if asked is None:
            return None
        raise CoaggError(f"no user {asked!r} on this machine") from None
    if user.pw_uid == 0 or user.pw_name == server.private_server(settings).owner:
        raise CoaggError(f"user {user.pw_name} owns the server: it needs no role of its own")
    return user.pw_name


def _make_login(connection: psycopg.Connection, name: str, password: str | None) -> None:
    role = sql.Identifier(name)
    row = connection.execute(
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls "
        "OR NOT (rolcanlogin OR EXISTS (SELECT FROM ops.access WHERE role_name = rolname)) "
        "FROM pg_roles WHERE rolname = %s",
        (name,),
    ).fetchone()
    if row is None:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    elif row[0]:
        raise CoaggError(f"role {name} has rights of its own already: choose another name")
    else:
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(role))
    if password is not None:
        if not password:
            raise CoaggError("the password is empty")
        # scrambled here: the server's log never holds it in clear
        scrambled = connection.pgconn.encrypt_password(
            password.encode(), name.encode(), b"scram-sha-256"
        )
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, scrambled.decode()))


def _give(connection: psycopg.Connection, name: str, kind: str, names: bool) -> None:
    role, here = sql.Identifier(name), sql.Identifier(connection.info.dbname)
    connection.execute(
        sql.SQL("REVOKE coagg_analyst, coagg_loader, coagg_owner, coagg_names FROM {}").format(role)
    )
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(here, role))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(here, role))
    groups = [f"coagg_{kind}"] + ["coagg_names"] * names
    if kind == "loader":  # it works as the group
        connection.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO coagg_loader").format(here))
    if kind == "owner":
        groups.append(_owner(connection))
    for group in dict.fromkeys(groups):
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), role))


def _owner(connection: psycopg.Connection) -> str:
    """The role that owns the layers. Raises CoaggError where that is a superuser."""
    row = connection.execute(
        "SELECT r.rolname, r.rolsuper FROM pg_namespace AS n "
        "JOIN pg_roles AS r ON r.oid = n.nspowner WHERE n.nspname = 'ops'"
    ).fetchone()
    if row is None or row[1]:
        raise CoaggError(
            "the tables belong to a superuser: another owner would be one too; make a role that "
            "is none, give it the data base, and name it in COAGG_DATABASE_URL"
        )
    return str(row[0])


def _limit(connection: psycopg.Connection, name: str, kind: str, limits: Limits) -> list[str]:
    """Set the limits of a login; returns what could not be set."""
    role = sql.Identifier(name)
    connection.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(role))
    if kind != "analyst":
        works_as = "coagg_loader" if kind == "loader" else _owner(connection)
        # what it makes belongs to the group, not to a person who may leave
        connection.execute(sql.SQL("ALTER ROLE {} SET role = {}").format(role, works_as))
        connection.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT -1").format(role))
        return []
    own = {
        "default_transaction_read_only": "on",
        "statement_timeout": f"{limits.statement_seconds}s",
        "idle_in_transaction_session_timeout": f"{limits.idle_seconds}s",
        "lock_timeout": f"{limits.lock_seconds}s",
        "work_mem": f"{limits.work_memory_mb}MB",
    }
    for setting, value in own.items():
        connection.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(role, sql.Identifier(setting), value)
        )
    connection.execute(
        sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(role, sql.Literal(limits.connections))
    )
    try:
        with connection.transaction():
            connection.execute(
                sql.SQL("ALTER ROLE {} SET temp_file_limit = {}").format(
                    role, f"{limits.temp_file_mb}MB"
                )
            )
    except psycopg.errors.InsufficientPrivilege:
        return ["temp_file_limit is not set: only a superuser may"]
    return []


def accesses(settings: Settings) -> list[tuple[str, str, bool]]:
    """Who is let into this data base: role, kind, whether names may be read."""
    with adoption.explained(), connect(settings) as connection:
        return connection.execute(
            "SELECT role_name, kind, names FROM ops.access WHERE revoked_at IS NULL ORDER BY 1"
        ).fetchall()


def described(settings: Settings, access: Access) -> str:
    """How the person comes in, in a line."""
    here = database_name(settings)
    if settings.database_url is not None or access.os_user is None:
        return f"{access.name} may connect to {here} as {access.kind}"
    place = server.private_server(settings)
    return (
        f"{access.name} may connect to {here} as {access.kind}: user {access.os_user} runs "
        f'psql "host={place.socket_dir} port={place.port} user={access.name} dbname={here}"'
    )
