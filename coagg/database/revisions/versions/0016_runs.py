"""Run sql/migrations/0016_runs.sql."""

from coagg.database.revisions import run_migration

revision = "0016"
down_revision = "0012"


def upgrade() -> None:
    """Apply."""
    run_migration("0016_runs.sql")
