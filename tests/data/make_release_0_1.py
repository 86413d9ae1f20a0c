"""Makes release_0_1.dump.xz and its hashes: a data base as release 0.1 left it, all of it made up.

Run with the tree of that release (commit 6096a70, the last before the rooms) on the path, and with
a data folder of its own, whose private server is stopped afterwards:

    git worktree add /tmp/release 6096a70
    PYTHONPATH=/tmp/release COAGG_DATA_DIR=/tmp/release-data python tests/data/make_release_0_1.py

The economy is the tiny one made smaller; it is rebuilt before and after a person's decision on a
match, then an agglomeration is measured without a common classification and compared. The dump is
packed with xz, which sees that boundaries are held three times: 1.7 MB instead of 8.
"""

from __future__ import annotations

import lzma
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from coagg import database, server
from coagg.settings import read_settings
from coagg.simulation import simulate
from etl import simulated_world  # noqa: TID251  of the release, not of this tree

HERE = Path(__file__).parent
SMALLER = simulated_world.Size(
    ("CY", "GZ", "PRD", "SD"), (2010, 2013), 12, (1_600, 1_700), 3, 800, 1, 6.0
)


def coagg(*words: str) -> str:
    command = [sys.executable, "-c", "from coagg.cli import main; main()", *words]
    done = subprocess.run(command, text=True, capture_output=True)
    print("coagg", *words, done.stdout, done.stderr, sep="\n")
    done.check_returncode()
    return done.stdout


def decide(file: Path) -> None:
    """Store a decision on the first of the ambiguous matches; the next rebuild takes it."""
    coagg("match", "review", "--export", str(file))
    heading, first, *_ = file.read_text(encoding="utf-8-sig").splitlines()
    assert first.endswith(",")  # the column of the decision is the last
    file.write_text(f"{heading}\n{first}yes\n", encoding="utf-8")
    coagg("match", "review", "--import", str(file), "--by", "a person")


def main() -> None:
    """Make the economy, the data base, the dump and the hashes."""
    settings = read_settings()
    coagg("db", "upgrade")
    with tempfile.TemporaryDirectory() as folder:
        simulated_world.SIZES["tiny"] = SMALLER
        inputs = simulate(settings, Path(folder) / "economy")
        coagg("rebuild", "--inputs", str(inputs), "--workers", "1")
        decide(Path(folder) / "review.csv")
        coagg("rebuild", "--inputs", str(inputs), "--workers", "1")
        coagg("index", "--survey-year", "2013", "--agglomeration", "CY", "--draws", "200")
        coagg("compare", "--survey-year", "2013", "--agglomeration", "CY", "--draws", "99")
    target = database.conninfo(settings)
    dump = [str(server.binaries() / "pg_dump"), "--format=custom", "--compress=0", target]
    packed = lzma.compress(subprocess.check_output(dump), preset=9 | lzma.PRESET_EXTREME)
    (HERE / "release_0_1.dump.xz").write_bytes(packed)
    hashes = [sys.executable, str(HERE.parent / "support" / "table_hashes.py"), target]
    (HERE / "release_0_1.hashes").write_bytes(subprocess.check_output(hashes))
    with psycopg.connect(target) as connection:
        print(connection.execute("SELECT * FROM ops.checks").fetchall())
    server.stop(settings)


if __name__ == "__main__":
    main()
