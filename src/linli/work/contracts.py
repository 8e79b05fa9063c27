"""What other modules see of work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

OPEN, ACCEPTED, ARRIVED, DONE, RETURNED, CANCELLED = "open", "accepted", "arrived", "done", "returned", "cancelled"
TASK_STATES = (OPEN, ACCEPTED, ARRIVED, DONE, RETURNED, CANCELLED)
RUNNING = (OPEN, ACCEPTED, ARRIVED)
TASK_KINDS = ("handle", "check", "verify", "inspect", "other")


@dataclass(frozen=True, slots=True)
class TaskInfo:
    id: UUID
    state: str
    kind: str
    title: str
    case_id: UUID | None
    team_id: UUID | None
    assignee_id: UUID | None
    area_path: str
    due_at: datetime | None
    result: str
    done_by: UUID | None
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Somebody on duty now. `lon`/`lat` are None until the first position; only staff with positions.view get them."""

    duty_id: UUID
    account_id: UUID
    team_id: UUID | None
    area_path: str
    since: datetime
    lon: float | None = None
    lat: float | None = None
    position_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TeamAtWork:
    """A team now: members signed on, members that the published roster has now, running tasks, and where its members
    on duty were last seen (lon, lat), without saying who. Only of now: nothing is kept and nobody is counted."""

    on_duty: int = 0
    rostered: int = 0
    tasks: int = 0
    places: tuple[tuple[float, float], ...] = ()

    @property
    def available(self) -> bool:
        return self.on_duty > 0 or self.rostered > 0

    @property
    def load(self) -> float:
        """Running tasks for each member who is there."""
        return self.tasks / max(self.on_duty, self.rostered, 1)
