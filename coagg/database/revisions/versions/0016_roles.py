"""Run sql/migrations/0016_roles.sql."""

from coagg.database.revisions import run_migration

revision = "0016"
down_revision = "0013"


def upgrade() -> None:
    """Apply."""
    run_migration("0016_roles.sql")
