"""`coagg simulate`: a made economy whose truth is known, as raw files in the real layouts."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from coagg.cli.options import DEFAULT_SEED, Seed, can_be_written
from coagg.console import Answer, prepared, progress


class Size(StrEnum):
    """Sizes of a made economy."""

    tiny = "tiny"
    demo = "demo"
    paper = "paper"


class Truth(StrEnum):
    """Links that innovation follows in a made economy."""

    outward = "outward"
    inward = "inward"


def simulate(
    out: Annotated[
        Path,
        typer.Option(
            callback=can_be_written,
            file_okay=False,
            help="Folder to write. Its inputs.toml lists the files.",
        ),
    ],
    size: Annotated[Size, typer.Option(help="How large the economy is.")] = Size.tiny,
    seed: Seed = DEFAULT_SEED,
    truth: Annotated[
        Truth,
        typer.Option(help="Which links innovation follows: from an industry, or toward it."),
    ] = Truth.outward,
) -> None:
    """Write a made economy: firms, patents, citations, UK companies, an input-output table.

    What was planted is written to truth/ beside the files. Only tests and reports read it.
    """
    from coagg.simulation import write

    began = time.monotonic()
    answer = Answer()

    def say(line: str) -> None:
        answer.say(f"{time.monotonic() - began:5.1f} s  {line}")

    configured = prepared()
    with progress("simulate", "the files in the folder are not complete; call again"):
        inputs = write.simulate(configured, out, size.value, seed, truth.value, say)
    say(f"inputs: {inputs}")
    say(f"next: coagg rebuild --inputs {inputs}")
