"""What a library does to a process that reads damaged bytes is done to another one.

Workbooks whose library cannot be held to a size from outside: read by a process of its own.

Old Excel files, xlsb and ods say where each cell stands, and the library lays out the rectangle
between the farthest ones: some bytes are enough for a hundred gigabytes. A process whose memory is
limited ends, and this one goes on. Of a damaged footer of
Parquet some versions of Arrow end the process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa

from coagg.errors import CoaggError
from coagg.etl.files import limits

_CHILD = Path(__file__).with_name("confined_child.py")
_OWN_BYTES = 1 << 30  # address space of the interpreter and its libraries
_SECONDS = 600


def sheets(path: Path, packed: int) -> list[tuple[str, pa.Table]]:
    """Name and rows of each sheet, all text. `packed`: bytes of the file as received.

    Raises CoaggError where it takes too much, and ValueError where it is damaged.
    """
    most = limits.limit(packed, whole=True)
    with tempfile.TemporaryDirectory(prefix="coagg-") as folder:
        command = [sys.executable, "-P", str(_CHILD), str(path), folder, str(_OWN_BYTES + most)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise CoaggError(
                f"{path}: takes more than {_SECONDS} seconds to read; save it as csv"
            ) from None
        told = done.stderr.decode(errors="replace").strip().splitlines() or [""]
        if done.returncode < 0 or "MemoryError" in told[-1]:
            raise limits.too_large(path, "would take at least", most, most)
        if done.returncode:
            raise ValueError(told[-1].partition(": ")[2] or told[-1])
        names = json.loads((Path(folder) / "names.json").read_text())
        found = []
        for number, name in enumerate(names):
            with pa.OSFile(str(Path(folder) / f"{number}.arrow")) as file:
                found.append((str(name), pa.ipc.open_file(file).read_all()))
        return found


def check_footer(parquet: Path) -> None:
    """Raise ValueError where the footer of a Parquet file is so damaged that reading it kills."""
    command = [sys.executable, "-P", str(_CHILD), str(parquet)]
    done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines()
        told = next((line for line in lines if "what():" in line), lines[-1] if lines else "")
        raise ValueError(told.partition(": ")[2] or "its footer cannot be read")
