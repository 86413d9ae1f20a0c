"""Run sql/migrations/0013_fingerprints.sql."""

from coagg.database.revisions import run_migration

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Apply."""
    run_migration("0013_fingerprints.sql")
