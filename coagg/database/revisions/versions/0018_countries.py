"""Run sql/migrations/0018_countries.sql."""

from coagg.database.revisions import run_migration

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Apply."""
    run_migration("0018_countries.sql")
