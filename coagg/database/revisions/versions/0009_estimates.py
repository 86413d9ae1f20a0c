"""Run sql/migrations/0009_estimates.sql."""

from coagg.database.revisions import run_migration

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Apply."""
    run_migration("0009_estimates.sql")
