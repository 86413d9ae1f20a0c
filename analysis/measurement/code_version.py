"""Version of the arithmetic behind the index: changes when any of its source changes."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

from coagg.version import VERSION

ROOMS = Path(__file__).parents[1]
ALONE = ("cells/points.py", "cells/projection.py", "cells/read.py")


def _sources() -> list[Path]:
    rooms = sorted((ROOMS / "coagglomeration").glob("*.py"))
    return [*rooms, *(ROOMS / name for name in ALONE)]


def _digest() -> str:
    digest = hashlib.sha256(version("pot").encode())
    for file in _sources():
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]


CODE_VERSION = f"{VERSION}+{_digest()}"
