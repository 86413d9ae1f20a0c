"""Run sql/migrations/0017_results.sql."""

from coagg.database.revisions import run_migration

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Apply."""
    run_migration("0017_results.sql")
