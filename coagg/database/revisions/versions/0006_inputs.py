"""Run sql/migrations/0006_inputs.sql."""

from coagg.database.revisions import run_migration

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    run_migration("0006_inputs.sql")
