"""The one way from Python to PostGIS: connections, schema, SQL files, the private server."""

from coagg.database.connection import (
    administer,
    connect,
    conninfo,
    create,
    database_name,
    demo_settings,
    drop,
    engine,
    exists,
    query_file,
    run_file,
    snapshot,
    without_secrets,
)
from coagg.database.faults import explained
from coagg.database.results import making, pinned
from coagg.database.schema import pending, upgrade

__all__ = [
    "administer",
    "connect",
    "conninfo",
    "create",
    "database_name",
    "demo_settings",
    "drop",
    "engine",
    "exists",
    "explained",
    "making",
    "pending",
    "pinned",
    "query_file",
    "run_file",
    "snapshot",
    "upgrade",
    "without_secrets",
]
