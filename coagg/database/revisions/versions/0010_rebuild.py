"""Run sql/migrations/0010_rebuild.sql."""

from coagg.database.revisions import run_migration

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply."""
    run_migration("0010_rebuild.sql")
