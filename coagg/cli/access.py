"""`coagg db grant|revoke|who|open|close|disclosure`: who may come in, and what is published."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from coagg.cli.screen import show
from coagg.console import settings, table
from coagg.errors import CoaggError


def grant(
    name: Annotated[str, typer.Argument(help="Login role of the person: small letters.")],
    role: Annotated[str, typer.Option(help="analyst, loader or owner.")] = "analyst",
    names: Annotated[
        bool, typer.Option("--names", help="Single firms with their names may be read.")
    ] = False,
    password: Annotated[
        bool,
        typer.Option("--password", help="Ask for a password (a pipe: its first line)."),
    ] = False,
    os_user: Annotated[
        str | None,
        typer.Option(help="User of this machine who comes in as this role. Default: NAME."),
    ] = None,
    seconds: Annotated[
        int, typer.Option(help="Longest statement of an analyst, and idle transaction.")
    ] = 300,
    connections: Annotated[int, typer.Option(help="Connections of an analyst at most.")] = 5,
    temp_mb: Annotated[int, typer.Option(help="Temporary files of an analyst, MB.")] = 2048,
) -> None:
    """Let a person into this data base. Safe to repeat: rights and limits become those given."""
    from coagg.database import roles

    if min(seconds, connections, temp_mb) < 1:
        raise CoaggError("limits are 1 or more")
    limits = roles.Limits(
        statement_seconds=seconds, idle_seconds=seconds, connections=connections,
        temp_file_mb=temp_mb,
    )  # fmt: skip
    here = settings()
    secret = _password(name) if password else None
    access = roles.grant(
        here, name, role, names=names, password=secret, os_user=os_user, limits=limits
    )
    print(roles.described(here, access))
    for note in access.notes:
        print(f"note: {note}", file=sys.stderr)


def revoke(name: Annotated[str, typer.Argument(help="Login role of the person.")]) -> None:
    """Let a person no longer into this data base, and end its connections."""
    from coagg.database import roles

    gone = roles.revoke(settings(), name)
    print(f"{name} is let in no more" + ("; the role is gone" if gone else "; the role stays"))


def who(
    end: Annotated[int | None, typer.Option(help="End the connection of this number.")] = None,
    end_over_limit: Annotated[
        bool,
        typer.Option("--end-over-limit", help="End what analysts run for longer than granted."),
    ] = False,
) -> None:
    """Show who is connected to this data base, what they run and for whom they wait."""
    from coagg.database import activity, roles

    here = settings()
    if end is not None:
        ended = [activity.end(here, end)]
    else:
        ended = activity.end_over_limit(here) if end_over_limit else []
    if end is not None or end_over_limit:
        for session in ended:
            print(f"ended {session.pid} of {session.user}: {' '.join(session.query.split())[:80]}")
        if not ended:
            print("nothing runs over its limit")
        return
    rows = [
        (
            s.pid, s.user, s.program, s.state + (" over limit" if s.over_limit else ""),
            _time(s.state_seconds), _time(s.transaction_seconds),
            f"{s.query_start:%Y-%m-%d %H:%M:%S}" if s.query_start else "",
            ", ".join(map(str, s.waits_for)), " ".join(s.query.split())[:60],
        )
        for s in activity.sessions(here)
    ]  # fmt: skip
    heads = ("pid", "user", "program", "state", "for", "transaction", "query began", "waits for")
    show(table("Connections", (*heads, "query"), rows, right=(0, 4, 5)))
    let_in = [(n, kind, "yes" if may else "") for n, kind, may in roles.accesses(here)]
    show(table("Let in", ("role", "as", "names"), let_in))


def open_(
    socket: Annotated[
        bool, typer.Option("--socket", help="To users of this machine who were granted a role.")
    ] = False,
    loopback: Annotated[
        int | None, typer.Option(help="On 127.0.0.1 at this port, with passwords (QGIS).")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Although others are connected: they are cut off.")
    ] = False,
) -> None:
    """Open the private server to others. It starts again for that. Default: say what is open."""
    from coagg.database import doors

    here = settings()
    if socket:
        print(
            f"open to users of this machine: socket in {doors.open_socket(here, restart=restart)}"
        )
    if loopback is not None:
        doors.open_loopback(here, loopback, restart=restart)
        print(f"open on 127.0.0.1:{loopback}, to roles with a password")
    if not socket and loopback is None:
        state = doors.state(here)
        print("socket: " + ("open" if state["socket"] else "its owner's alone"))
        print(f"loopback: port {state['port']}" if state["loopback"] else "loopback: closed")


def close(
    restart: Annotated[
        bool, typer.Option("--restart", help="Although others are connected: they are cut off.")
    ] = False,
) -> None:
    """Close the private server to all but its owner. Roles and what they may do stay."""
    from coagg.database import doors

    doors.close(settings(), restart=restart)
    print("closed")


def disclosure(
    min_firms: Annotated[
        int | None, typer.Option(help="Suppress numbers that rest on fewer firms.")
    ] = None,
    dominance: Annotated[
        float | None,
        typer.Option(help="Suppress output and employment of which one firm has more, 0 to 1."),
    ] = None,
) -> None:
    """Show the rule of suppression in the published views, or change it."""
    from coagg.database import roles

    firms, share = roles.rule(settings(), min_firms, dominance)
    print(f"fewer than {firms} firms, or one with more than {share:g} of the sum: suppressed")


def _password(name: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"password of {name}: ")
    if getpass.getpass("again: ") != first:
        raise CoaggError("the two passwords differ: nothing was changed")
    return first


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(max(int(seconds), 0), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
