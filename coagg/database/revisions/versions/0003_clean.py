"""Run sql/migrations/0003_clean.sql."""

from coagg.database.revisions import run_migration

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    run_migration("0003_clean.sql")
