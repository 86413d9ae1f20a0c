"""Tables on standard output: fitted to a terminal, whole in a pipe or a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def show(table: Table) -> None:
    """Print a table; where no terminal is, nothing of it is cut or stretched."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    table.expand = table.expand and terminal
    Console(width=None if terminal else 100_000).print(table)
