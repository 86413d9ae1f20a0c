"""Run sql/migrations/0014_gate.sql."""

from coagg.database.revisions import run_migration

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Apply."""
    run_migration("0014_gate.sql")
