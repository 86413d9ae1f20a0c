"""Alembic environment: the caller brings the connection, all revisions share one transaction."""

from alembic import context
from sqlalchemy import text

connection = context.config.attributes["connection"]
connection.execute(text("CREATE SCHEMA IF NOT EXISTS ops"))
context.configure(
    connection=connection, version_table_schema="ops", transaction_per_migration=False
)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
