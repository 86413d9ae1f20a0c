"""Run sql/migrations/0011_panel_keys.sql."""

from coagg.database.revisions import run_migration

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply."""
    run_migration("0011_panel_keys.sql")
