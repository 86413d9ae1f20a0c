"""Run sql/migrations/0004_coagglomeration.sql."""

from coagg.database.revisions import run_migration

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    run_migration("0004_coagglomeration.sql")
