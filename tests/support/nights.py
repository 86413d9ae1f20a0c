"""Nights of a small made economy: what its tables say, who reads meanwhile, who is disturbed."""

from __future__ import annotations

import json
import math
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
from support import command_line
from support.rebuilt import chain
from support.table_hashes import _plain, table_hashes

from coagg import database
from coagg.errors import CoaggError
from coagg.rebuild.report import RebuildReport
from coagg.rebuild.whole import rebuild_all
from coagg.settings import LATEST, Settings
from coagg.simulation import world as simulated

NIGHT = simulated.Size(("CY", "GZ", "SD"), (2010, 2013), 12, (1_200, 1_300), 3, 800, 1)
DRAWS, SEED = 20, 1
WATCHER = "watcher"  # the name of connections that no night ends
RESULTS = ("coagglomeration.unit", "coagglomeration.pair_result", "panel.build",
           "panel.industry_cell", "panel.industry_pair")  # fmt: skip
ESTIMATES = {
    "coefficient": "column_number, stage, part.place, name",
    "column_result": "column_number",
    "descriptive": "part.place, level, name, statistic",
    "equality": "test_number",
}
# the books (which differ with every night) and what estimates.latest says as one
BOOKS = ("ops.", "estimates.")
LOADED = """
SELECT concat_ws(' ', country, survey_year), file_sha256, rows_clean, rows_refused FROM ops.load
WHERE superseded_at IS NULL
UNION ALL
SELECT concat_ws(' ', kind, dataset), file_sha256, rows_clean, rows_refused FROM ops.input_load
WHERE superseded_at IS NULL ORDER BY 1
"""


@dataclass(frozen=True)
class World:
    """A data base that is up to date with the list of inputs beside its files."""

    settings: Settings
    inputs: Path

    @property
    def newest(self) -> Settings:
        """Settings that see the set that is being made."""
        return replace(self.settings, results=LATEST)

    def rebuild(self, prune: bool = False) -> RebuildReport:
        """A rebuild that nothing disturbs; it must end well."""
        wish = replace(chain(self.settings, self.inputs, draws=DRAWS, seed=SEED), prune=prune)
        report = rebuild_all(wish)
        assert not report.unfinished, report.unfinished
        return report

    def call(self, *words: object) -> command_line.Call:
        """Begin a call of the command line."""
        command_line.start()
        here = {
            **os.environ, "COAGG_DATA_DIR": str(self.settings.data_dir), "COLUMNS": "160",
        }  # fmt: skip
        here.pop("COAGG_DATABASE_URL", None)
        if self.settings.database_url is not None:  # else the private server, which it may start
            here["COAGG_DATABASE_URL"] = database.conninfo(self.settings)
        return command_line.Call(words, here)

    def night(self, *words: object) -> command_line.Call:
        """Begin a rebuild."""
        return self.call("rebuild", "--inputs", self.inputs, "--workers", "1", *words)

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a query; of what the newest set says."""
        with database.connect(self.newest, application_name=WATCHER) as connection:
            return connection.execute(statement, values).fetchall()  # type: ignore[arg-type]

    def beside(self, folder: Path, settings: Settings) -> World:
        """The same files in a folder of their own, for a copy of the data base."""
        shutil.copytree(self.inputs.parent, folder)
        return World(settings, folder / self.inputs.name)

    def correct(self, year: int = 2013) -> None:
        """Put a corrected file in the place of a year's: one row of forty is gone."""
        file = self.inputs.with_name(f"survey_{year}.csv")
        lines = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(line for n, line in enumerate(lines) if n % 40 != 20))

    def state(self) -> dict[str, Any]:
        """What all tables and views say, but for the books."""
        with database.snapshot(self.settings) as connection:
            hashes = table_hashes(connection)
            kept = {n: str(one) for n, one in hashes.items() if not n.startswith(BOOKS)}
            checks = connection.execute("SELECT * FROM ops.checks ORDER BY 1").fetchall()
            loaded = connection.execute(LOADED).fetchall()
            return {**kept, "checks": checks, "loads": loaded, "estimates": _estimates(connection)}

    def published(self) -> dict[str, Any]:
        """What readers see of the results, at one moment."""
        with database.connect(self.settings, application_name=WATCHER) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            return published(connection)


def published(connection: psycopg.Connection) -> dict[str, Any]:
    """What a connection sees of the results."""
    like = {name: LIKE[name] for name in RESULTS} if LIKE else None
    hashes = table_hashes(connection, like)
    if not LIKE:
        LIKE.update({name: hashes[name] for name in RESULTS})
    said: dict[str, Any] = {name: str(hashes[name]) for name in RESULTS}
    return {**said, "estimates": _estimates(connection)}


LIKE: dict[str, Any] = {}  # tables and columns of the results, found once


def _estimates(connection: psycopg.Connection) -> dict[str, list[Any]]:
    """The tables that are read, with all their numbers, without the numbers of runs and sets."""
    found = {}
    for name, key in ESTIMATES.items():
        rows = connection.execute(
            "SELECT to_jsonb(l) - '{run_id,results}'::text[], to_jsonb(part) - 'run_id' "
            f"FROM estimates.latest AS l JOIN estimates.{name} AS part USING (run_id) "
            f"ORDER BY measurement_id, country, table_name, options::text, {key}"  # type: ignore[arg-type]
        )
        found[name] = [[_plain(one, None) for one in row] for row in rows]
    return found


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Where two states differ; numbers of estimates are compared to ten digits.

    >>> differences({"a": [1.0, 2]}, {"a": [1.0 + 1e-14, 3]})
    ['/a/1: 2 and 3']
    """
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(set(one) | set(other))
        return [d for k in keys for d in differences(one.get(k), other.get(k), f"{where}/{k}")]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [d for n, (a, b) in pairs for d in differences(a, b, f"{where}/{n}")]
    if isinstance(one, float) and isinstance(other, float):
        if math.isclose(one, other, rel_tol=1e-10, abs_tol=1e-12):
            return []
    elif one == other:
        return []
    return [f"{where}: {str(one)[:200]} and {str(other)[:200]}"]


class Reader:
    """Reads the results again and again; what it sees must be one of the states that it may see.

    As a context manager. `seen` are the numbers of those it saw, in order, without repetitions.
    """

    def __init__(self, world: World, *allowed: dict[str, Any]) -> None:
        self._world, self._allowed = world, allowed
        self.seen: list[int] = []
        self.strange: list[list[str]] = []
        self.looks = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._end.set()
        self._thread.join()
        if fault is None:
            self._look()  # what is seen at the end
            assert self.looks > 1
            assert not self.strange, self.strange[0][:10]

    def _read(self) -> None:
        while not self._end.wait(0.1):
            with suppress(CoaggError, psycopg.Error):  # the server is away
                self._look()

    def _look(self) -> None:
        now = self._world.published()
        self.looks += 1
        found = [differences(now, one) for one in self._allowed]
        which = next((n for n, d in enumerate(found) if not d), None)
        if which is None:
            self.strange.append(min(found, key=len))
        elif self.seen[-1:] != [which]:
            self.seen.append(which)


def wait_for(condition: Callable[[], Any], call: command_line.Call, seconds: float = 120) -> Any:
    """Wait until something is true while a call goes on; returns it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(CoaggError, psycopg.Error):
            if found := condition():
                return found
        if not call.process.is_alive():
            raise AssertionError(f"the call ended before: {call.wait()}")
        time.sleep(0.01)
    raise AssertionError("not seen in time")


def at_work(world: World, call: command_line.Call) -> str | None:
    """Name of the step that a rebuild is at."""
    rows = world.ask(
        "SELECT step FROM ops.run_step JOIN ops.run USING (run_id) "
        "WHERE outcome IS NULL AND state = 'running' AND pid = %s", call.process.pid,
    )  # fmt: skip
    return rows[0][0] if rows else None


def end_backends(world: World) -> int:
    """pg_terminate_backend of all connections but the watcher's; returns how many."""
    ((ended,),) = world.ask(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name <> %s", WATCHER,
    )  # fmt: skip
    return int(ended)


def statuses(world: World) -> tuple[int, dict[str, Any], list[dict[str, Any]]]:
    """Exit code and document of `coagg status`, and what `coagg results list` says."""
    code, out, _ = world.call("status", "--json").wait()
    listed = json.loads(world.call("results", "list", "--json").wait()[1])
    return code, json.loads(out), listed
