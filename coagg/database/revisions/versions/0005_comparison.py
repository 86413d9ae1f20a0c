"""Run sql/migrations/0005_comparison.sql."""

from coagg.database.revisions import run_migration

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    run_migration("0005_comparison.sql")
