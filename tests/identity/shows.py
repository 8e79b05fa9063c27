"""Which thing of a side an answer shows: the name in Things.ids to look for.

Lists and exports have `+` and `-` cells in the table.
"""

from __future__ import annotations

SHOWS: dict[str, str] = {
    "GET /handovers": "handover_id", "GET /bulletins": "bulletin_id", "GET /supervision": "late_id",
    "GET /rosters": "shift_id", "GET /board": "note_id", "GET /open311/endpoints": "endpoint_id",
    "GET /accounts": "account_id", "GET /apikeys": "apikey_id", "GET /audit": "mark", "GET /personal-reads": "mark",
    "GET /teams": "team_id", "GET /centres": "centre_id", "GET /tasks": "task_id", "GET /duty": "duty_id",
    "GET /positions": "duty_id", "GET /positions/me": "duty_id", "GET /duty/me": "duty_id",
    "GET /grids": "grid_id", "GET /grids/tree": "grid_id", "GET /grids.geojson": "grid_id",
    "GET /grids/changes": "change_id", "GET /compounds": "compound_id", "GET /buildings": "building_id",
    "GET /units": "unit_id", "GET /devices": "device_id",
    "GET /devices/quality/devices": "device_id", "GET /devices/quality/devices [household]": "household_id",
    "GET /devices [household]": "household_id", "GET /device-rows": "device_id",
    "GET /device-rows [household]": "household_id",
    "GET /device-rows.{form}": "device_code", "GET /device-rows.{form} [household]": "household_code",
    "GET /series": "device_id", "GET /series [household]": "household_id",
    "GET /device-pins [household]": "household_id", "GET /devices/latest": "device_id",
    "GET /devices/latest [household]": "household_id", "GET /device-pins": "device_id", "GET /alarms": "alarm_id",
    "GET /provisioning-profiles": "profile_id", "GET /firmware": "firmware_id", "GET /campaigns": "campaign_id",
    "GET /provisioned-devices": "joined_code", "GET /provisioning-refusals": "profile_id",
    "GET /provisioning-refusals.csv": "refused_name", "GET /device-claims": "claimed_id",
    "GET /device-certificates": "certified_code",
    "GET /thing-models/{code}/migrations": "migration_id",
    "GET /incidents": "incident_id", "GET /maintenance-windows": "window_id",
    "GET /alarm-figures": "rule_code", "GET /alarm-figures/flapping": "rule_code",
    "GET /alarm-figures/sheet.{form}": "rule_code",
    "GET /rules": "rule_id", "GET /rules.yaml": "rule_code",
    "GET /cases": "case_id", "GET /cases [private]": "private_id",
    "GET /cases/pins": "case_id", "GET /cases/pins [private]": "private_id", "GET /cases/nearby": "case_id",
    "POST /cases/nearby": "case_id", "POST /cases/bulk": "case_number", "POST /cases/bulk/undo": "case_number",
    "GET /cases/export.csv": "case_number", "GET /cases/export.csv [private]": "private_number",
    "GET /patrol-plans": "plan_id", "GET /patrols/coverage": "leaf_path", "GET /form-entries": "entry_id",
    "GET /me/sessions": "session_id", "POST /cases/lookup/phone": "case_id", "GET /intake-hooks": "intake_id",
    "GET /reading-hooks": "reading_hook_id",
}  # fmt: skip
