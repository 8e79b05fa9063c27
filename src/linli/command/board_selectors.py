"""Reads of the bulletin board: a centre's notes are for its desk and teams; a sub-centre's also for its members."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from linli.command.models import BoardNote, BoardRead
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.scope import area_q
from linli.orgs import facade as orgs
from linli.orgs.contracts import CentreInfo


def _over(actor: Actor) -> set[str]:
    """The areas that hold an area of the actor whole, itself among them."""
    parts = [g.area_path.split(".") for g in actor.grants if "board.view" in g.permissions]
    return {".".join(one[:i]) for one in parts for i in range(len(one) + 1)}


def _centres(actor: Actor, all_: Sequence[CentreInfo] | None) -> set[UUID]:
    """The centres the actor works in or has a team of, and the sub-centre that holds the whole of their area."""
    over = _over(actor)
    around = {
        c.id for c in (orgs.centres() if all_ is None else all_) if c.kind == "sub_centre" and c.area_path in over
    }
    teams = orgs.teams(list(actor.team_ids)).values()
    held = {g.centre_id for g in actor.grants if g.centre_id and "board.view" in g.permissions}
    return around | held | {team.centre_id for team in teams if team.centre_id}


def own(actor: Actor, centres: Sequence[CentreInfo] | None = None) -> Q:
    """Of the centres one works in: has a team of, holds a role within, or that care for the whole of one's area."""
    return Q(centre_id__in=_centres(actor, centres)) | Q(area_path__in=_over(actor))


def notes(actor: Actor, *, past: bool = False, centres: Sequence[CentreInfo] | None = None) -> QuerySet[BoardNote]:
    """Standing notes for the actor, with `read` (by the actor) and `read_count`. `past`: also all of one's own.
    `centres`: all there are, where the caller has them."""
    seen = area_q(actor, "board.view")
    if actor.can("board.view"):
        seen |= Q(centre_id__in=_centres(actor, centres))
    now = clock.now()
    standing = Q(withdrawn_at=None, from_at__lte=now) & (Q(until_at=None) | Q(until_at__gt=now))
    own = Q(by=actor.account_id, by__isnull=False)
    shown = standing | own if past else standing | (own & Q(withdrawn_at=None, from_at__gt=now))
    read = BoardRead.objects.filter(note=OuterRef("pk"), account_id=actor.account_id)
    return BoardNote.objects.filter(seen, shown).annotate(read=Exists(read), read_count=Count("reads"))


def note(actor: Actor, note_id: UUID) -> BoardNote:
    found = notes(actor, past=True).filter(id=note_id).first()
    if found is None:
        raise NotFound()
    return found
