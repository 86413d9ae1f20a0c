"""How the kernels of the index and its comparisons are compiled, and where that is kept.

Compiling all of them takes about half a minute, so the machine code is kept: in `NUMBA_CACHE_DIR`
if that is set, else in the user's cache folder (`$XDG_CACHE_HOME`, by default `~/.cache`), under a
hash of the kernels' sources. numba itself looks at one file only and would go on with the old code
of a kernel whose *callee* was changed in another. Where neither folder can be written, numba's own
places are tried; where nothing can, every start compiles, and a warning says so.
"""

from __future__ import annotations

import hashlib
import os
import threading
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

config: Any = numba.config  # type stubs do not know its names
DECORATING = threading.Lock()
ROOMS = ("coagglomeration", "comparison")


@cache
def cache_folder() -> Path:
    """The folder of the user's cache that holds the machine code of these sources."""
    digest = hashlib.sha256()
    for room in ROOMS:
        for file in sorted((Path(__file__).parents[1] / room).glob("*.py")):
            digest.update(file.name.encode() + file.read_bytes())
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    return home / "coagg" / f"kernels-{digest.hexdigest()[:12]}"


def compiled(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Decorate a function as a compiled kernel that is kept and lets other threads run.

    `options` go to `numba.njit`. Written `@compiled` or `@compiled(inline="always")`.
    """
    if function is None:
        return lambda decorated: compiled(decorated, **options)
    with DECORATING:
        chosen = config.CACHE_DIR
        config.CACHE_DIR = chosen or str(cache_folder())  # numba reads it when it decorates
        try:
            return numba.njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # numba found no place to write to
            _warn_once()
            return numba.njit(nogil=True, **options)(function)
        finally:
            config.CACHE_DIR = chosen


@cache
def _warn_once() -> None:
    warnings.warn(
        f"compiled kernels cannot be kept ({cache_folder()} cannot be written), so every start "
        "compiles for half a minute; name a folder in NUMBA_CACHE_DIR",
        stacklevel=3,
    )
