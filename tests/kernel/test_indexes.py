"""Indexes built beside the work: a half-built one is made anew, a whole one left alone, a gone one not missed."""

from __future__ import annotations

import pytest
from django.db import connection, models
from django.db.migrations.state import ModelState, ProjectState

from linli.kernel.indexes import BuildIndex, DropIndex, state_of

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "kernel_try_at"


def run(operation: BuildIndex | DropIndex, *, back: bool = False) -> None:
    held = models.Index(fields=["at"], name=NAME)
    with_index = ProjectState()
    fields = [("id", models.BigAutoField(primary_key=True)), ("at", models.DateTimeField())]
    options = {"db_table": "kernel_try", "indexes": [held]}
    with_index.add_model(ModelState("kernel", "Try", fields, options))  # type: ignore[arg-type]
    without = ProjectState()
    without.add_model(ModelState("kernel", "Try", fields, {**options, "indexes": []}))  # type: ignore[arg-type]
    before, after = (with_index, without) if isinstance(operation, DropIndex) else (without, with_index)
    with connection.schema_editor(atomic=False) as editor:
        if back:
            operation.database_backwards("kernel", editor, after, before)
        else:
            operation.database_forwards("kernel", editor, before, after)


def state() -> bool | None:
    with connection.schema_editor(atomic=False) as editor:
        return state_of(editor, NAME)


def test_an_index_is_built_once_and_anew_when_it_was_left_half_built() -> None:
    build = BuildIndex("Try", models.Index(fields=["at"], name=NAME))
    with connection.cursor() as db:
        db.execute("CREATE TABLE kernel_try (id bigserial PRIMARY KEY, at timestamptz)")
        try:
            assert state() is None
            run(build)
            run(build)  # a migration that is run again
            assert state() is True
            db.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [NAME])
            assert state() is False
            run(build)
            assert state() is True
            run(DropIndex("Try", NAME))
            run(DropIndex("Try", NAME))
            assert state() is None
            run(DropIndex("Try", NAME), back=True)
            run(DropIndex("Try", NAME), back=True)
            assert state() is True
        finally:
            db.execute("DROP TABLE kernel_try")
