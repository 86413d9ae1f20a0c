"""Where things are: read once from the environment, never guessed twice.

| variable | meaning | default |
|---|---|---|
| `COAGG_DATABASE_URL` | an existing server with PostGIS, URL or keywords | the private server |
| `COAGG_DATA_DIR` | data folder: private server, received files | `data/` beside `run` |
| `COAGG_SERVER_USER` | who runs the private server for root | `postgres`, else `nobody` |
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SQL = (Path(__file__).parent / "sql").resolve()
MAIN_DATABASE = "coagg"
DEMO_SUFFIX = "_demo"


@dataclass(frozen=True)
class Settings:
    """The place of the data base and of the data folder.

    `database_url` is None when the private server is meant. `database_name` overrides the name in
    the URL (the demo lives in a data base of its own, so that it can never touch real years).
    """

    data_dir: Path
    database_url: str | None = None
    database_name: str | None = None
    server_user: str | None = None

    @property
    def received_dir(self) -> Path:
        """Received files, each kept under its sha256."""
        return self.data_dir / "received"

    def for_database(self, name: str) -> Settings:
        """The same server, another data base."""
        return replace(self, database_name=name)


def read_settings() -> Settings:
    """Settings from the environment."""
    return Settings(
        data_dir=Path(os.environ.get("COAGG_DATA_DIR") or PROJECT / "data").resolve(),
        database_url=os.environ.get("COAGG_DATABASE_URL") or None,
        server_user=os.environ.get("COAGG_SERVER_USER") or None,
    )
