"""Run sql/migrations/0002_reference.sql."""

from coagg.database.revisions import run_migration

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    run_migration("0002_reference.sql")
