"""Run sql/migrations/0015_gate.sql."""

from coagg.database.revisions import run_migration

revision = "0015"
down_revision = "0012"


def upgrade() -> None:
    """Apply."""
    run_migration("0015_gate.sql")
