"""Indexes of big tables, in migrations that run while the old version serves: built beside the work, never in its way.

A build that was cut short leaves an invalid index of that name; the next try would then find it "there". So it is
dropped first: a migration that failed half-way is simply run again.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

VALID = "SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = %s"


def state_of(editor: BaseDatabaseSchemaEditor, name: str) -> bool | None:
    """True: there and valid; False: left half-built; None: not there."""
    with editor.connection.cursor() as cursor:
        cursor.execute(VALID, [name])
        found = cursor.fetchone()
    return bool(found[0]) if found else None


class BuildIndex(AddIndexConcurrently):
    """Adds an index concurrently; a half-built one of an earlier try is dropped first, a whole one is kept."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        name = str(self.index.name)
        held = state_of(schema_editor, name)
        if held:
            return
        if held is False:
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(name)}")
        super().database_forwards(app_label, schema_editor, from_state, to_state)


class DropIndex(RemoveIndexConcurrently):
    """Removes an index concurrently; one that is gone already is no error, so that a migration can be run again."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if state_of(schema_editor, str(self.name)) is not None:
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> Any:
        if state_of(schema_editor, str(self.name)) is None:
            super().database_backwards(app_label, schema_editor, from_state, to_state)
