"""Run sql/migrations/0014_roles.sql."""

from coagg.database.revisions import run_migration

revision = "0014"
down_revision = "0011"


def upgrade() -> None:
    """Apply."""
    run_migration("0014_roles.sql")
