"""Of each side of the permission matrix: a thing model of the district's own, devices that move to its version, and
where a platform pushes readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linli.adapters.readings.services import entering
from linli.devices.models import Device, ModelDraft, ModelMigration, ModelVersion, ThingModel
from linli.kernel.actor import SYSTEM

if TYPE_CHECKING:
    from tests.identity.factories import Things

BODY = {
    "code": "matrix-own", "version": 1, "name": {"zh": "自建", "en": "Own"}, "subject": "place", "category": "water",
    "icon": "water", "interval_s": 60,
    "properties": [{"code": "level", "name": {"zh": "水位", "en": "level"}, "type": "number", "unit": "m"}],
}  # fmt: skip


def seed_models(things: Things) -> None:
    side = things.side
    own = _model(f"matrix-own-{side}", 1)
    moving = _model(f"matrix-moving-{side}", 2, "household")  # whose devices are in no count
    ModelVersion.objects.create(model=own, version=1, body=BODY, author="system:-")
    Device.objects.create(code=f"MV-{side}", name_zh="旧版", model=moving, model_version=1, area_path=things.leaf)
    at = {"model": own, "to": 1, "area_path": things.leaf, "author": "system:-"}
    busy = _model(f"matrix-busy-{side}", 1)  # one migration of a model at a time
    running = ModelMigration.objects.create(state="running", **at | {"model": busy})
    done = ModelMigration.objects.create(state="done", **at)
    draft = ModelDraft.objects.create(code=f"matrix-draft-{side}", body=BODY | {"code": f"matrix-draft-{side}"},
                                      author="system:-")  # fmt: skip
    things.ids |= {"own_model": own.code, "moving_model": moving.code, "migration_id": done.id,
                   "running_migration": running.id, "draft_id": draft.id, "version": 1}  # fmt: skip


def _model(code: str, version: int, subject: str = "place") -> ThingModel:
    return ThingModel.objects.create(
        code=code, version=version, name_zh="自建", name_en="Own", subject=subject, category="water", origin="local",
        properties=BODY["properties"],
    )  # fmt: skip


def seed_reading_hook(things: Things) -> None:
    mapping = {"device": {"path": "$.d"}, "time": {"path": "$.t"}, "readings": [{"path": "$.v", "property": "level"}]}
    given = {"name": f"Platform {things.side}", "area_path": things.leaf, "auth": {"way": "token"}, "mapping": mapping}
    things.ids["reading_hook_id"] = entering.create_hook(actor=SYSTEM, given=given)[0].id
