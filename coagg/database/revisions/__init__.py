"""Alembic's side of sql/migrations: each revision runs one plain SQL file of the same number."""

from alembic import op

from coagg.settings import SQL


def run_migration(name: str) -> None:
    """Run sql/migrations/`name` in the revision's transaction."""
    # to psycopg itself: SQLAlchemy would take a percent sign for a parameter
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute((SQL / "migrations" / name).read_bytes())
