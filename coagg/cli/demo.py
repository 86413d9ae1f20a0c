"""`coagg demo`: the whole way on a made economy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coagg.cli.options import Draws, can_be_written
from coagg.console import progress, settings, stdout


def demo(
    out: Annotated[
        Path | None,
        typer.Option(
            callback=can_be_written,
            file_okay=False,
            help="Folder for the economy and the report. Default: demo in the data folder.",
        ),
    ] = None,
    draws: Draws = 1000,
) -> None:
    """Do the main job on a made economy: from raw files to tables, and what of the truth is found.

    Works in a data base of its own, beside the real one. Look into it with coagg --demo ...
    """
    from coagg.demo.run import run

    with progress("demo", "finished steps are kept; call again to go on"):
        run(settings(), out, draws, stdout())
