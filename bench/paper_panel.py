"""A data base of the paper's size, for bench/panel, estimates and queries: made, then dropped."""

from __future__ import annotations

import json
import os
import resource
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from psycopg import sql

from coagg import database
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.index import IndexRequest
from coagg.database import server
from coagg.etl.reference import load as reference
from coagg.settings import Settings, read_settings

YEARS = (1998, 2001, 2004, 2007, 2010, 2013)
MEASUREMENT = 1
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def paper_world(
    name: str,
    years: Sequence[int],
    firms: int,
    patents: int,
    citations: int,
    industries: int = 163,
    further: Sequence[Path] = (),
    keep: bool = False,
) -> Iterator[Settings]:
    """Settings of a data base with an index of 21 agglomerations a year, and a UK index.

    `further` SQL files see the same settings and temporary tables. `keep`: it is not dropped.
    """
    settings = read_settings().for_database(name)
    database.drop(settings)
    database.upgrade(settings)
    try:
        with database.connect(settings) as connection:
            reference.load_reference(connection)
            connection.commit()
            for year in years:
                connection.execute(
                    sql.SQL("CREATE TABLE {} PARTITION OF clean.firm_cn FOR VALUES IN ({})").format(
                        sql.Identifier("clean", f"firm_cn_{year}_made"), sql.Literal(year)
                    )
                )
            index = IndexRequest(years[0], IndexSettings(), classification="gbt4754_2002")
            values: dict[str, object] = {"index": json.dumps(index.result_settings())}
            values |= {"years": ",".join(map(str, years)), "firms": firms, "industries": industries}
            values |= {"patents": patents, "citations": citations}
            for file in (Path(__file__).with_suffix(".sql"), *further):
                database.run_file(connection, file, values)
            connection.commit()
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE")
        yield settings
    finally:
        if not keep:
            database.drop(settings)


def peak_mb() -> float:
    """Peak memory of this process; ru_maxrss would begin with that of the process that began it."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


def _server_processes(cluster: Path) -> Iterator[Path]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == cluster:
                yield process
        except OSError:
            continue


class Use:
    """CPU seconds of this process, its children and the private server inside a `with`.

    `peak_mb`: the most private memory that one server process held, looked at every 50 ms.
    """

    def __init__(self, settings: Settings) -> None:
        self.cluster = server.private_server(settings).cluster
        self.peak_mb = 0.0

    def __enter__(self) -> Use:
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._began, self._wall = self._now(), time.perf_counter()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._wall
        self._stop.set()
        self._watch.join()
        self.cpu = self._now() - self._began

    def _look(self) -> None:
        while not self._stop.wait(0.05):
            for process in _server_processes(self.cluster):
                try:
                    text = (process / "status").read_text()
                except OSError:
                    continue
                kilobytes = int(text.split("RssAnon:")[1].split()[0]) if "RssAnon:" in text else 0
                self.peak_mb = max(self.peak_mb, kilobytes / 1024)

    def _now(self) -> float:
        used = sum(
            sum(resource.getrusage(who)[:2])
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        ticks = 0
        for process in _server_processes(self.cluster):
            try:
                fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            # a backend that ended was reaped by the postmaster, whose cutime has its time
            ticks += sum(map(int, fields[11:15]))
        return used + ticks / TICKS
