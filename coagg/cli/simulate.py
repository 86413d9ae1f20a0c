"""`coagg simulate`: a made economy whose truth is known, as raw files in the real layouts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from coagg import prepare
from coagg.console import console, settings
from coagg.simulation import write as simulation


def simulate(
    out: Annotated[Path, typer.Option(help="Folder for the files; inputs.toml lists them.")],
    size: Annotated[str, typer.Option(help="tiny, demo or paper.")] = "tiny",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.", min=0)] = 1998,
    truth: Annotated[
        str, typer.Option(help="Links that innovation follows: outward or inward.")
    ] = "outward",
) -> None:
    """Write a made economy: firms, patents, citations, UK companies, an input-output table.

    What was planted goes to truth/ beside the files; nothing reads it but tests and reports.
    """
    began = time.monotonic()
    prepare.prepare(settings())

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/]  {line}", soft_wrap=True)

    inputs = simulation.simulate(settings(), out, size, seed, truth, say)
    say(f"inputs: {inputs}")
    say(f"next: coagg rebuild --inputs {inputs}")
