"""`coagg backup` and `coagg restore`: the data base in a file, and back, proved equal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coagg.cli.options import Json
from coagg.console import Answer, settings


def backup(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="File to write. It must be new.")],
    json: Json = False,
) -> None:
    """Write the data base to FILE (pg_dump's custom format), and its hashes to FILE.json.

    Readers and loads go on meanwhile: the file holds one moment. Received files are in the data
    folder, not in the data base: keep a copy of data/received too.
    """
    import dataclasses

    from coagg.database import backup as engine
    from coagg.database.space import readable

    configured = settings()
    with Answer(json) as answer:
        made = engine.backup(configured, file.absolute())
        rows = sum(count for count, _ in made.tables.values())
        answer.say(
            f"{file}: {readable(made.dump_bytes)}, {len(made.tables)} tables, {rows:,} rows, "
            f"schema {made.revision}; keep {file.name}.json with it, and a copy of "
            f"{configured.received_dir}",
            file=str(file.absolute()), **dataclasses.asdict(made),
        )  # fmt: skip


def restore(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="File of coagg backup.")],
    name: Annotated[
        str | None,
        typer.Option("--database", help="Data base to make. Default: the configured one."),
    ] = None,
) -> None:
    """Bring a backup back as a new data base, compared table by table. Nothing is overwritten."""
    from coagg.database import backup as engine

    configured = settings()
    target = configured.for_database(name) if name else configured
    engine.restore(target, file.absolute(), print)
    print(f"restored as data base {name or 'of the settings'}")
