"""`coagg db grant|revoke|who|open|close|disclosure`: who may come in, and what is published."""

from __future__ import annotations

import getpass
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from coagg.cli.options import LARGEST_INTEGER, MOST_FIRMS, Json
from coagg.console import Answer, settings
from coagg.errors import CoaggError

MOST_SECONDS = 86_400
Restart = Annotated[
    bool, typer.Option("--restart", help="Although others are connected: they are cut off.")
]


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
        int,
        typer.Option(
            min=1, max=MOST_SECONDS, help="Longest statement of an analyst, and idle transaction."
        ),
    ] = 300,
    connections: Annotated[
        int, typer.Option(min=1, max=1000, help="Connections of an analyst at most.")
    ] = 5,
    temp_mb: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Temporary files of an analyst, MB.")
    ] = 2048,
    json: Json = False,
) -> None:
    """Let a person into this data base. Safe to repeat: rights and limits become those given."""
    from coagg.database import roles

    limits = roles.Limits(
        statement_seconds=seconds, idle_seconds=seconds, connections=connections,
        temp_file_mb=temp_mb,
    )  # fmt: skip
    here = settings()
    secret = _password(name) if password else None
    access = roles.grant(
        here, name, role, names=names, password=secret, os_user=os_user, limits=limits
    )
    with Answer(json) as answer:
        answer.say(
            roles.described(here, access),
            role=access.name, kind=access.kind, names=access.names, os_user=access.os_user,
        )  # fmt: skip
        for note in access.notes:
            answer.note(note)


def revoke(
    name: Annotated[str, typer.Argument(help="Login role of the person.")], json: Json = False
) -> None:
    """Let a person no longer into this data base, and end its connections."""
    from coagg.database import roles

    with Answer(json) as answer:
        gone = roles.revoke(settings(), name)
        said = "the role is gone" if gone else "the role stays"
        answer.say(f"{name} is let in no more; {said}", role=name, gone=gone)


def who(
    end: Annotated[
        int | None,
        typer.Option(min=1, max=LARGEST_INTEGER, help="End the connection of this number."),
    ] = None,
    end_over_limit: Annotated[
        bool,
        typer.Option("--end-over-limit", help="End what analysts run for longer than granted."),
    ] = False,
    json: Json = False,
) -> None:
    """Show who is connected to this data base, what they run and for whom they wait."""
    from coagg.database import activity, roles

    here = settings()
    with Answer(json) as answer:
        if end is not None or end_over_limit:
            ended = activity.end_over_limit(here) if end is None else [activity.end(here, end)]
            answer.document["ended"] = [asdict(session) for session in ended]
            for one in ended:
                answer.say(f"ended {one.pid} of {one.user}: {_short(one.query, 80)}")
            if not ended:
                answer.say("nothing runs over its limit")
            return
        answer.table(
            "connections",
            "Connections",
            (
                ("pid", "{pid:d}"), ("user", "{user}"), ("program", "{program}"),
                ("state", lambda s: s["state"] + (" over limit" if s["over_limit"] else "")),
                ("for", lambda s: _time(s["state_seconds"])),
                ("transaction", lambda s: _time(s["transaction_seconds"])),
                ("query began", lambda s: _moment(s["query_start"])),
                ("waits for", lambda s: ", ".join(map(str, s["waits_for"]))),
                ("query", lambda s: _short(s["query"], 60)),
            ),
            [asdict(session) for session in activity.sessions(here)],
        )  # fmt: skip
        answer.table(
            "let_in",
            "Let in",
            (
                ("role", "{role}"), ("as", "{kind}"),
                ("names", lambda row: "yes" if row["names"] else ""),
            ),
            [
                {"role": name, "kind": kind, "names": names}
                for name, kind, names in roles.accesses(here)
            ],
        )  # fmt: skip


def open_(
    socket: Annotated[
        bool, typer.Option("--socket", help="To users of this machine who were granted a role.")
    ] = False,
    loopback: Annotated[
        int | None,
        typer.Option(min=1024, max=65535, help="On 127.0.0.1 at this port, with passwords (QGIS)."),
    ] = None,
    restart: Restart = False,
    json: Json = False,
) -> None:
    """Open the private server to others. It starts again for that. Default: say what is open."""
    from coagg.database import doors

    here = settings()
    with Answer(json) as answer:
        if socket:
            place = doors.open_socket(here, restart=restart)
            answer.say(f"open to users of this machine: socket in {place}")
        if loopback is not None:
            doors.open_loopback(here, loopback, restart=restart)
            answer.say(f"open on 127.0.0.1:{loopback}, to roles with a password")
        state = doors.state(here)
        answer.document.update(state)
        if not socket and loopback is None:
            answer.say("socket: " + ("open" if state["socket"] else "its owner's alone"))
            port = f"port {state['port']}" if state["loopback"] else "closed"
            answer.say(f"loopback: {port}")


def close(restart: Restart = False, json: Json = False) -> None:
    """Close the private server to all but its owner. Roles and what they may do stay."""
    from coagg.database import doors

    with Answer(json) as answer:
        doors.close(settings(), restart=restart)
        answer.say("closed", **doors.state(settings()))


def disclosure(
    min_firms: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_FIRMS, help="Suppress numbers that rest on fewer firms."),
    ] = None,
    dominance: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=1,
            help="Suppress output and employment of which one firm has more, 0 to 1.",
        ),
    ] = None,
    confidential: Annotated[
        bool | None,
        typer.Option(
            "--confidential/--public",
            help="Whether the firms are confidential: then tables and coagg show obey the rule "
            "unasked.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show the rule of suppression in the published views, or change it."""
    from coagg.database.disclosure import rule

    found = rule(settings(), min_firms, dominance, confidential)
    whose = "confidential: tables and pairs shown too" if found.confidential else "public"
    with Answer(json) as answer:
        answer.say(f"{found}; the firms are {whose}", **asdict(found))


def _password(name: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"password of {name}: ")
    if getpass.getpass("again: ") != first:
        raise CoaggError("the two passwords differ: nothing was changed")
    return first


def _short(query: str, letters: int) -> str:
    return " ".join(query.split())[:letters]


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(max(int(seconds), 0), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
