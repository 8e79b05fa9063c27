"""Changing boundaries: preview, apply in one transaction with everything that lives in the grids, undo within a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shapely.geometry import shape

from linli.kernel import audit, clock, events, jobs, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from linli.places import checks, geo, plans, selectors
from linli.places.contracts import DEDICATED, RESPONSIBILITY, AreaChange
from linli.places.jobs import sweep as sweep_task
from linli.places.models import Grid, GridChange
from linli.places.plans import Family, Plan
from linli.places.services import rehoming
from linli.places.services.revision import bump, lock

EDIT = "grids.manage"
UNDO_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a plan would do. Give `revision` back when applying it."""

    revision: int
    retired: list[Grid]
    created: list[Grid]
    counts: list[dict[str, Any]]
    problems: list[checks.Problem]


def family_of(*grids: Grid) -> Family:
    """The grids in force below the parents concerned, and the segments ever used there."""
    tops = {g.area_path.rpartition(".")[0] or g.area_path for g in grids}
    around: dict[UUID, Grid] = {}
    used: dict[UUID | None, set[str]] = {}
    now_at = dict(Grid.objects.filter(valid_to=None).values_list("area_path", "id"))
    for top in tops:
        for grid in Grid.objects.filter(area_path__startswith=top + "."):
            if grid.valid_to is None:
                around[grid.id] = grid
            parent = now_at.get(grid.area_path.rpartition(".")[0])
            used.setdefault(parent, set()).add(grid.segment)
    return Family(list(around.values()), {k: v for k, v in used.items() if k is not None})


def plan_split(actor: Actor, grid_id: UUID, line: Any, names: Sequence[tuple[str, str]] = ()) -> Plan:
    grid = _editable(actor, grid_id)
    if grid.level == 0:
        raise Invalid("grid_id", "is the district itself; its boundary is redrawn, not split")
    plan = plans.split(grid, line, names, family_of(grid))
    for made in plan.create:
        if made.area_path != grid.area_path and made.level == grid.level:
            made.code = _free_code(made.code)
    return plan


def plan_merge(actor: Actor, grid_ids: Sequence[UUID], name: tuple[str, str] = ("", "")) -> Plan:
    grids = [_editable(actor, i) for i in dict.fromkeys(grid_ids)]
    if not grids:
        raise Invalid("grid_ids", "name at least two grids")
    return plans.merge(grids, name, family_of(*grids))


def plan_redraw(actor: Actor, shapes: Sequence[tuple[UUID, Any]], *, trim: bool, system: str = geo.WGS84) -> Plan:
    pairs = [
        (_editable(actor, i), geo.read_polygon(p, f"grids.{n}.polygon", system)) for n, (i, p) in enumerate(shapes)
    ]
    if not pairs or len({g.id for g, _ in pairs}) < len(pairs):
        raise Invalid("grids", "name each grid once, and at least one")
    parent_ids = {g.parent_id for g, _ in pairs if g.parent_id}
    parents = list(Grid.objects.filter(id__in=parent_ids))
    siblings = list(Grid.objects.filter(parent_id__in=parent_ids, valid_to=None))
    return plans.redraw(pairs, parents, siblings, trim=trim)


def plan_create(actor: Actor, parent_id: UUID, *, name: tuple[str, str], polygon: Any, kind: str = RESPONSIBILITY,
                purpose: str = "", code: str = "", system: str = geo.WGS84) -> Plan:  # fmt: skip
    parent = _editable(actor, parent_id)
    if parent.level >= 4:
        raise Invalid("parent_id", "is of the fourth level; there is no fifth")
    if kind not in (RESPONSIBILITY, DEDICATED):
        raise Invalid("kind", f"must be {RESPONSIBILITY} or {DEDICATED}")
    if not name[0].strip():
        raise Invalid("name_zh", "must not be empty")
    outline = geo.read_polygon(polygon, "polygon", system)
    segment = family_of(parent, Grid(area_path=parent.area_path + ".x")).next_segment(parent.id, 3)
    code = code or (parent.code[:12] + segment if parent.level >= 2 else parent.code + segment)
    code = _free_code(code)
    made = Grid(code=code, segment=segment, name_zh=name[0], name_en=name[1], level=parent.level + 1, kind=kind,
                purpose=purpose, parent_id=parent.id, area_path=f"{parent.area_path}.{segment}")  # fmt: skip
    plans.set_shape(made, outline)
    return plans.create(made, parent, list(Grid.objects.filter(parent_id=parent.id, valid_to=None)))


def _free_code(code: str) -> str:
    """This code, or the next free one of its community."""
    taken = set(Grid.objects.filter(code__startswith=code[:-3]).values_list("code", flat=True))
    head, number = code[:-3], int(code[-3:]) if code[-3:].isdigit() else 1
    while code in taken:
        number += 1
        code = f"{head}{number:03d}"
    return code


def preview(plan: Plan) -> Preview:
    """Counts of what would move, and the problems that the new boundaries would have."""
    counts = rehoming.count(plan.changes, plans.narrowed(plan))
    return Preview(selectors.revision(), plan.retire, plan.create, counts, problems_of(plan))


def problems_of(plan: Plan) -> list[checks.Problem]:
    """The problems of the new picture that the plan's grids, or their parents, have part in."""
    top = plan.area_path.split(".")[0]
    kept = list(
        Grid.objects.filter(valid_to=None, area_path__startswith=top).exclude(id__in=[g.id for g in plan.retire])
    )
    parents = {child.id: parent.id for child, parent in plan.reparent}
    for grid in kept:
        grid.parent_id = parents.get(grid.id, grid.parent_id)
    after = [(selectors.info(g), shape(g.polygon)) for g in [*kept, *plan.create]]
    near = {g.id for g in plan.create} | {g.parent_id for g in plan.create}
    return [p for p in checks.problems(after) if near & set(p.grid_ids)]


def apply(actor: Actor, plan: Plan, *, revision: int | None, force: bool = False) -> GridChange:
    """Carry a plan out: grids, and every registered row in them, in one transaction."""
    with services.unit(actor):
        row = lock()
        if revision is not None and revision != row.revision:
            raise Conflict("the grids have changed since the preview; look at a new one", code="revision")
        if not force:
            _refuse_problems(plan)
        now, number = clock.now(), bump(row)
        _write(plan, number, now)
        change = GridChange.objects.create(
            kind=plan.kind, area_path=plan.area_path, retired=[str(g.id) for g in plan.retire],
            created=[str(g.id) for g in plan.create], reparented=[[str(c.id), str(c.parent_id)] for c in _moved(plan)],
            changed=_pack(plan.changes), back=_pack(plan.back), actor=actor.label, at=now,
            undo_until=now + UNDO_WINDOW, revision=number,
        )  # fmt: skip
        for child, parent in plan.reparent:
            Grid.objects.filter(id=child.id).update(parent_id=parent.id)
        change.counts = rehoming.apply(change, plan.changes)
        change.save(update_fields=["counts"])
        _tell(actor, change, f"places.grid.{plan.kind}")
        _sweep_later(change)
    return change


def _moved(plan: Plan) -> list[Grid]:
    return [child for child, _ in plan.reparent]


def _refuse_problems(plan: Plan) -> None:
    found = [p for p in problems_of(plan) if p.kind in ("overlap", "outside")]
    if found:
        raise Invalid("polygon", f"{found[0].kind}: {', '.join(found[0].codes)}, {found[0].area_m2:.0f} m²; "
                                 "change the drawing, or send force=true")  # fmt: skip


def _write(plan: Plan, number: int, at: datetime) -> None:
    ended = Grid.objects.filter(id__in=[g.id for g in plan.retire], valid_to=None).update(valid_to=at)
    if ended != len(plan.retire):
        raise Conflict("one of these grids has ended meanwhile", code="revision")
    for grid in plan.create:
        grid.valid_from, grid.revision = at, number
    Grid.objects.bulk_create(plan.create)


def undo(actor: Actor, change_id: UUID) -> GridChange:
    """Take a change back: the old grids are in force again under their ids, and rows are where they were."""
    with services.unit(actor):
        row = lock()
        change = selectors.changes(actor).filter(id=change_id).first()
        if change is None:
            raise NotFound("no such change in your area")
        actor.require(EDIT, change.area_path)
        _undoable(change)
        number = bump(row)
        created = Grid.objects.filter(id__in=change.created, valid_to=None)
        if created.count() != len(change.created):
            raise Conflict("a later change builds on this one; undo that first", code="later-change")
        for grid in created:  # never in force, as it turned out
            Grid.objects.filter(id=grid.id).update(valid_to=grid.valid_from, revision=number)
        Grid.objects.filter(id__in=change.retired).update(valid_to=None, revision=number)
        for child, parent in change.reparented:
            Grid.objects.filter(id=child).update(parent_id=parent)
        change.undone_at = clock.now()
        change.save(update_fields=["undone_at"])
        rehoming.undo(change, rehoming.unpack(change.back))
        _tell(actor, change, "places.grid.undo")
        _sweep_later(change)
    return change


def _sweep_later(change: GridChange) -> None:
    """Other processes may use their picture of the grids for another second, in transactions of some seconds."""
    for after in (5, 60):
        jobs.defer(sweep_task, after=after, change_id=str(change.id))


def _undoable(change: GridChange) -> None:
    if change.undone_at is not None:
        raise Conflict("was undone already", code="undone")
    if clock.now() > change.undo_until:
        raise Conflict(f"could be undone until {change.undo_until.isoformat()}", code="too-late")


def _pack(changes: Sequence[AreaChange]) -> list[list[Any]]:
    return [[c.old_area, c.new_area, str(c.new_grid_id), c.polygon is not None] for c in changes]


def _editable(actor: Actor, grid_id: UUID) -> Grid:
    grid = selectors.grid(actor, grid_id)
    if grid.valid_to is not None:
        raise Conflict("this grid has ended", code="ended")
    if not actor.can(EDIT, grid.area_path):
        raise Forbidden(f"needs {EDIT} in {grid.area_path}")
    return grid


def _tell(actor: Actor, change: GridChange, action: str) -> None:
    detail = {"retired": change.retired, "created": change.created, "counts": change.counts}
    audit.record(actor=actor, action=action, kind="grid", ref=change.id, area=change.area_path, detail=detail)
    events.emit(
        type="grid.changed", kind="gridchange", ref=change.id, area=change.area_path, permission=selectors.VIEW,
        data={"revision": change.revision, "change": change.kind, "undone": change.undone_at is not None},
    )  # fmt: skip


def problem_dict(problem: checks.Problem) -> dict[str, Any]:
    return asdict(problem)
