"""Where things are: read once from the environment, never guessed twice.

| variable | meaning | default |
|---|---|---|
| `COAGG_DATABASE_URL` | an existing server with PostGIS, URL or keywords | the private server |
| `COAGG_DATA_DIR` | data folder: private server, received files | see below |
| `COAGG_SERVER_USER` | who runs the private server for root | `postgres`, else `nobody` |
| `COAGG_COUNTRY` | country that commands mean where none is named | `CN` |
| `COAGG_COUNTRIES` | folder of your own countries (docs/country.md) | `countries/` there |
| `COAGG_RESULTS` | the set of results that is read: a number, or `latest` | the active set |

The data folder of a checkout is `data/` beside `run`. An installed program takes
`$XDG_DATA_HOME/coagg`, else `~/.local/share/coagg`. PostgreSQL does not run as root: when root's
data folder is closed to the server's user, as one in `/root` is, the server's own files live in
`/var/lib/coagg`; `coagg db status` says where.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from coagg.errors import CoaggError

PROJECT = Path(__file__).resolve().parents[1]
CHECKOUT = (PROJECT / "run").is_file() and (PROJECT / "pyproject.toml").is_file()
PROGRAM = "./run coagg" if CHECKOUT else "coagg"  # what a message tells people to type
SQL = (Path(__file__).parent / "sql").resolve()
MAIN_DATABASE = "coagg"
DEMO_SUFFIX = "_demo"
# The country that is meant where none is named, and the one whose index is the instrument in the
# panels of others: its code and the agglomeration that is measured. They stand here alone.
COUNTRY = os.environ.get("COAGG_COUNTRY", "").strip().upper() or "CN"
INSTRUMENT_COUNTRY = "GB"
INSTRUMENT_AGGLOMERATION = "UK"
LATEST = "latest"  # the newest set of results, complete or not


@dataclass(frozen=True)
class Settings:
    """The place of the data base and of the data folder.

    `database_url` is None when the private server is meant. `database_name` overrides the name in
    the URL (the demo lives in a data base of its own, so that it can never touch real years).
    """

    data_dir: Path
    database_url: str | None = field(default=None, repr=False)  # may hold a password
    database_name: str | None = None
    server_user: str | None = None
    results: str | None = None  # number of the set of results, or LATEST; None: the active one
    countries: Path | None = None

    @property
    def countries_dir(self) -> Path:
        """The user's own folders of countries."""
        return self.countries or self.data_dir / "countries"

    @property
    def received_dir(self) -> Path:
        """Received files, each kept under its sha256."""
        return self.data_dir / "received"

    @property
    def cache_dir(self) -> Path:
        """What can be made again: pairs of panels as they are estimated from."""
        return self.data_dir / "cache"

    def for_database(self, name: str) -> Settings:
        """The same server, another data base."""
        return replace(self, database_name=name)


def read_settings() -> Settings:
    """Settings from the environment.

    Raises CoaggError when no data folder is named and there is no home folder to make one in, and
    for a set of results that is not a number.

    >>> read_settings().data_dir.is_absolute()
    True
    """
    named = os.environ.get("COAGG_DATA_DIR")
    countries = os.environ.get("COAGG_COUNTRIES")
    return Settings(
        data_dir=(Path(named) if named else default_data_dir()).resolve(),
        database_url=os.environ.get("COAGG_DATABASE_URL") or None,
        server_user=os.environ.get("COAGG_SERVER_USER") or None,
        results=named_results(os.environ.get("COAGG_RESULTS", "")),
        countries=Path(countries).resolve() if countries else None,
    )


def named_results(named: str) -> str | None:
    """The name of a set of results: a number, or latest; None for nothing.

    Raises CoaggError for anything else.

    >>> named_results(" 7 ")
    '7'
    """
    named = named.strip()
    if named and named != LATEST and not (named.isascii() and named.isdigit() and len(named) < 10):
        raise CoaggError(
            f"results {named!r}: write the number of a set (coagg results list), or {LATEST}"
        )
    return named or None


def default_data_dir(checkout: bool = CHECKOUT) -> Path:
    """The data folder when COAGG_DATA_DIR names none.

    In a checkout it is `data/` beside `run`. An installed program has no such place (its own
    folder may be read-only and goes with an uninstall), so it takes the user's own data folder.
    Raises CoaggError when there is no home folder.
    """
    if checkout:
        return PROJECT / "data"
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    if not base.is_absolute():  # the XDG rule: a relative path is not used
        try:
            base = Path.home() / ".local" / "share"
        except RuntimeError:
            raise CoaggError(
                "no home folder for this user: name a data folder in COAGG_DATA_DIR"
            ) from None
    return base / "coagg"
