"""Run sql/migrations/0015_runs.sql."""

from coagg.database.revisions import run_migration

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply."""
    run_migration("0015_runs.sql")
