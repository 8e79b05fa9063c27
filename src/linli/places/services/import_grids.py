"""Import of grids: new ones are added, known ones (by code) get new names or new dated boundaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from linli.kernel import audit, clock, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import FieldError, Invalid
from linli.places import geo, plans
from linli.places.contracts import DEDICATED, RESPONSIBILITY, AreaChange
from linli.places.models import Grid
from linli.places.services import rehoming, reshape, revision
from linli.places.services.import_rows import Reader, Report, Row


@dataclass
class Draft:
    row: Row
    code: str
    fields: dict[str, Any]
    parent_code: str
    shape: BaseGeometry


def load(*, actor: Actor, rows: list[Row], report: Report, apply: bool, system: str, update: bool,
         force: bool) -> None:  # fmt: skip
    known = {g.code: g for g in Grid.objects.filter(valid_to=None)}
    drafts = _read(rows, report, system)
    new = [d for d in drafts if d.code not in known]
    new = _resolve(actor, new, known, report)
    changed = _changed(actor, [d for d in drafts if d.code in known], known, report) if update else []
    report.created, report.updated = len(new), len(changed)
    report.unchanged = report.rows - report.rejected - len(new) - len(changed)
    if apply and (new or changed):
        with services.unit(actor):
            if new:
                _insert(actor, new, known)
            if changed:
                _apply_changed(actor, changed, known, force)


def _read(rows: list[Row], report: Report, system: str) -> list[Draft]:
    found, seen = [], set()
    for row in rows:
        reader = Reader(row)
        code = reader.text("code", most=20, need=True)
        level = int(reader.number("level", low=0, high=4))
        kind = reader.text("kind", most=16) or RESPONSIBILITY
        if kind not in (RESPONSIBILITY, DEDICATED):
            reader.refuse("kind", f"must be {RESPONSIBILITY} or {DEDICATED}")
        parent = reader.text("parent", most=20, need=level > 0)
        if code in seen:
            reader.refuse("code", "stands twice in this file")
        seen.add(code)
        fields = {
            "name_zh": reader.text("name_zh", most=80, need=True), "name_en": reader.text("name_en", most=120),
            "purpose": reader.text("purpose", most=24), "level": level, "kind": kind,
            "segment": reader.text("segment", most=20),
        }  # fmt: skip
        try:
            outline: BaseGeometry | None = geo.read_polygon(row.geometry, "geometry", system)
        except Invalid as error:
            reader.problems.extend(error.errors)
            outline = None
        if reader.problems or outline is None:
            report.refuse(row.number, reader.problems)
        else:
            found.append(Draft(row, code, fields, parent, outline))
    return found


def _resolve(actor: Actor, new: list[Draft], known: dict[str, Grid], report: Report) -> list[Draft]:
    """Find parents, in the file or in force; refuse orphans and what lies outside of the actor's areas."""
    made: dict[str, Grid] = {}
    kept = []
    for draft in sorted(new, key=lambda d: d.fields["level"]):
        parent = made.get(draft.parent_code) or known.get(draft.parent_code)
        problem = _parent_problem(actor, draft, parent)
        if problem:
            report.refuse(draft.row.number, [problem])
            continue
        segment = draft.fields["segment"] or _segment(draft.code, parent)
        path = f"{parent.area_path}.{segment}" if parent else segment
        grid = Grid(code=draft.code, parent_id=parent.id if parent else None, area_path=path,
                    **{**draft.fields, "segment": segment})  # fmt: skip
        made[draft.code] = plans.set_shape(grid, draft.shape)
        draft.fields["grid"] = grid
        kept.append(draft)
    paths: set[str] = {g.area_path for g in known.values()}
    unique = []
    for draft in kept:
        path = draft.fields["grid"].area_path
        if path in paths:
            report.refuse(draft.row.number, [FieldError("segment", f"the path {path} is taken")])
        else:
            paths.add(path)
            unique.append(draft)
    return unique


def _segment(code: str, parent: Grid | None) -> str:
    """The last part of a code below its parent's; finer codes keep the community's 12 digits in front."""
    if parent is None:
        return code
    head = parent.code if code.startswith(parent.code) else parent.code[:12]
    return code.removeprefix(head) or code


def _parent_problem(actor: Actor, draft: Draft, parent: Grid | None) -> FieldError | None:
    if draft.fields["level"] == 0:
        return None if actor.can(reshape.EDIT, "") else FieldError("level", "a district is made by the system only")
    if parent is None:
        return FieldError("parent", f"no grid has the code {draft.parent_code}")
    if parent.level >= draft.fields["level"]:
        return FieldError("parent", f"is of level {parent.level}, not above {draft.fields['level']}")
    if not actor.can(reshape.EDIT, parent.area_path):
        return FieldError("parent", "is outside of your area")
    return None


def _changed(actor: Actor, drafts: list[Draft], known: dict[str, Grid], report: Report) -> list[Draft]:
    found = []
    for draft in drafts:
        grid = known[draft.code]
        same_shape = geo.as_geojson(draft.shape) == grid.polygon or draft.shape.equals(shape(grid.polygon))
        names = {n: draft.fields[n] for n in ("name_zh", "name_en", "purpose")}
        draft.fields["redrawn"] = not same_shape
        draft.fields["renamed"] = any(getattr(grid, n) != v for n, v in names.items())
        if not (draft.fields["redrawn"] or draft.fields["renamed"]):
            continue
        if not actor.can(reshape.EDIT, grid.area_path):
            report.refuse(draft.row.number, [FieldError("code", "is outside of your area")])
        elif draft.fields["level"] != grid.level:
            report.refuse(draft.row.number, [FieldError("level", f"is {grid.level} in force; it cannot change")])
        else:
            found.append(draft)
    return found


def _insert(actor: Actor, new: list[Draft], known: dict[str, Grid]) -> None:
    number = revision.bump(revision.lock())
    grids: list[Grid] = [d.fields["grid"] for d in new]
    for grid in grids:
        grid.revision, grid.valid_from = number, clock.now()
    Grid.objects.bulk_create(grids, batch_size=500)
    top = min((g.area_path for g in grids), key=len)
    _relocate_into(grids)
    audit.record(actor=actor, action="places.grid.import", kind="grid", ref="import", area=top,
                 detail={"created": len(grids)})  # fmt: skip
    events.emit(type="grid.changed", kind="grid", ref=str(grids[0].id), area=top, permission="grids.view",
                data={"revision": number, "change": "import"})  # fmt: skip


def _relocate_into(grids: list[Grid]) -> None:
    """Rows of the grids above the new ones, when there are any, move down into them by their point."""
    parents: dict[UUID, Grid] = {g.id: g for g in Grid.objects.filter(id__in={g.parent_id for g in grids})}
    changes = []
    for parent in parents.values():
        mine = sorted((g for g in grids if g.parent_id == parent.id), key=lambda g: g.kind != DEDICATED)
        changes += [AreaChange(parent.area_path, g.area_path, g.id, g.polygon) for g in mine]
        changes.append(AreaChange(parent.area_path, parent.area_path, parent.id, parent.polygon))
    rehoming.relocate(changes)


def _apply_changed(actor: Actor, changed: list[Draft], known: dict[str, Grid], force: bool) -> None:
    redrawn = [d for d in changed if d.fields["redrawn"]]
    for draft in changed:
        if draft.fields["renamed"]:
            Grid.objects.filter(id=known[draft.code].id).update(
                **{n: draft.fields[n] for n in ("name_zh", "name_en", "purpose")}
            )
    if not redrawn:
        number = revision.bump(revision.lock())
        events.emit(type="grid.changed", kind="grid", ref=str(known[changed[0].code].id),
                    area=known[changed[0].code].area_path, permission="grids.view",
                    data={"revision": number, "change": "rename"})  # fmt: skip
        audit.record(actor=actor, action="places.grid.import", kind="grid", ref="import",
                     detail={"renamed": len(changed)})  # fmt: skip
        return
    plan = reshape.plan_redraw(actor, [(known[d.code].id, geo.as_geojson(d.shape)) for d in redrawn], trim=False)
    reshape.apply(actor, plan, revision=None, force=force)
