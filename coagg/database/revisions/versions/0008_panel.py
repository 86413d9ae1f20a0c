"""Run sql/migrations/0008_panel.sql."""

from coagg.database.revisions import run_migration

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply."""
    run_migration("0008_panel.sql")
