"""Run sql/migrations/0019_areas.sql."""

from coagg.database.revisions import run_migration

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Apply."""
    run_migration("0019_areas.sql")
