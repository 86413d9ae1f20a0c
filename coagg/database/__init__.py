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
    pending,
    query_file,
    run_file,
    snapshot,
    upgrade,
    without_secrets,
)
from coagg.database.faults import explained

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
    "pending",
    "query_file",
    "run_file",
    "snapshot",
    "upgrade",
    "without_secrets",
]
