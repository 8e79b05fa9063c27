"""Reads of the bulletin board: a centre's notes are for its desk and its teams."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from linli.command.models import BoardNote, BoardRead
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.scope import area_q
from linli.orgs import facade as orgs


def _centres(actor: Actor) -> set[UUID]:
    """The centres the actor works in or has a team of."""
    teams = orgs.teams(list(actor.team_ids)).values()
    held = {g.centre_id for g in actor.grants if g.centre_id and "board.view" in g.permissions}
    return held | {team.centre_id for team in teams if team.centre_id}


def notes(actor: Actor, *, past: bool = False) -> QuerySet[BoardNote]:
    """Standing notes for the actor, with `read` (by the actor) and `read_count`. `past`: also all of one's own."""
    seen = area_q(actor, "board.view")
    if actor.can("board.view"):
        seen |= Q(centre_id__in=_centres(actor))
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
