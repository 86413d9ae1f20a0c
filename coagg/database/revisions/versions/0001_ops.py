"""Run sql/migrations/0001_ops.sql."""

from coagg.database.revisions import run_migration

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    run_migration("0001_ops.sql")
