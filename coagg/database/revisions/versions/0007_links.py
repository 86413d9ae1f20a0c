"""Run sql/migrations/0007_links.sql."""

from coagg.database.revisions import run_migration

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
    run_migration("0007_links.sql")
