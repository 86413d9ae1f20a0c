"""Run sql/migrations/0012_measurement_classification.sql."""

from coagg.database.revisions import run_migration

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Apply."""
    run_migration("0012_measurement_classification.sql")
