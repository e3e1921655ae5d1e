"""Alembic's entry: every model of the control plane, on the connection that the caller opened."""

from sqlalchemy import Connection

import control_plane.models  # noqa: F401  (fills the metadata)
from alembic import context
from control_plane.db.base import Base
from control_plane.db.migrations import of_the_models

connection: Connection | None = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Run migrations with: python -m control_plane migrate")

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    compare_server_default=True,
    include_name=of_the_models,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
