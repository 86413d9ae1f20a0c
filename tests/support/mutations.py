"""Files with bytes changed at random, of every format, and what a reader makes of them."""

from __future__ import annotations

import io
import random
import shutil
import zipfile
from pathlib import Path

import pandas as pd
from support import dresses

from coagg.errors import CoaggError
from coagg.etl.files.readers import open_table

STRANGERS = Path(__file__).parents[1] / "data" / "strangers"
_TELLING = (b"\0", b"\xff", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\n", b'"', b"{", b"[", b",", b"<")


def originals(folder: Path) -> dict[str, bytes]:
    """A small table in each format, by the name of its file."""
    frame = pd.read_csv(STRANGERS / "files_plain.csv", dtype=str).head(12)
    found = {}
    for name in dresses.WRITERS:
        if name == "shape.shp":
            continue  # its parts are in shape.zip
        file = dresses.write(folder, name, frame.rename(columns={"industry_code": "code"}))
        found[name] = file.read_bytes()
    shape = folder / "shape_parts" / "firms.dbf"
    found["table.dbf"] = shape.read_bytes()
    for name in ("files_plain.xls", "files_plain.ods"):
        found[name] = (STRANGERS / name).read_bytes()
    return found


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, dropped, doubled or cut; those inside a zip, or those of the zip."""
    if data.startswith(b"PK\3\4") and chance.random() < 0.7:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        name = chance.choice(list(files))
        files[name] = _mutated(files[name], chance)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for one, content in files.items():
                archive.writestr(one, content)
        return packed.getvalue()
    return _mutated(data, chance)


def _mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    # heads and feet say the most
    spread = chance.choice((len(changed), min(len(changed), 600), -600))
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        if not changed:
            break
        size = len(changed)
        place = (
            chance.randrange(abs(spread)) % size
            if spread > 0
            else size - 1 - (chance.randrange(600) % size)
        )
        kind = chance.random()
        if kind < 0.5:
            changed[place] = chance.randrange(256)
        elif kind < 0.65:
            changed[place] ^= 1 << chance.randrange(8)
        elif kind < 0.8:
            piece = chance.choice(_TELLING)
            changed[place : place + len(piece)] = piece
        elif kind < 0.88:
            del changed[place : place + chance.randrange(1, 40)]
        elif kind < 0.95:
            piece = changed[place : place + chance.randrange(1, 200)]
            changed[place:place] = piece * chance.choice((1, 2, 20))
        else:
            del changed[place:]
    return bytes(changed)


def outcome(path: Path) -> int | str:
    """Rows, each accounted for, or the line of the error; anything else is a fault."""
    try:
        table = open_table(path)
        expected = 1
        for batch in table.batches(rows=7):
            bad = [one.row_number for one in batch.malformed]
            numbers = sorted([*batch.row_numbers().tolist(), *bad])
            assert numbers == list(range(expected, expected + len(numbers)))
            expected += len(numbers)
            assert batch.table.column_names == table.headers
            for column in batch.table.columns:
                assert not any("\0" in value for value in column.to_pylist() if value)
        return expected - 1
    except CoaggError as error:
        told = str(error)
        assert "\n" not in told, told
        assert str(path) in told, told
        assert len(told) < 2_000, told
        return told


def run(folder: Path, files: int, seed: int) -> dict[str, tuple[int, int]]:
    """Read so many mutated files, in turn of each format: how many were read, how many refused.

    Formats that take a process of their own take their time: one in fifty of their turns.
    """
    chance = random.Random(seed)
    given = originals(folder)
    found = dict.fromkeys(given, (0, 0))
    for number in range(files):
        name = list(given)[number % len(given)]
        if name.endswith((".xls", ".ods", ".parquet")) and chance.random() > 0.02:
            name = chance.choice(["plain.csv", "lines.jsonl", "columns.arrow", "book.xlsx"])
        path = folder / ("file.dbf" if name == "table.dbf" else "file")
        path.write_bytes(mutated(given[name], chance))
        try:
            was = outcome(path)
        except BaseException:
            shutil.copy(path, folder / f"fault_{name}")
            print(f"fault: {folder / f'fault_{name}'}")
            raise
        read, refused = found[name]
        found[name] = (read + isinstance(was, int), refused + isinstance(was, str))
    return found
