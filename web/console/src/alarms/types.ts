/** What storms tell. */
import type { Held, HeldDetail, Label } from "../data/types";

export interface IncidentNote {
  id: string; at: string; account_id: string | null; kind: string; text: string; until: string | null; alarm_id: string | null; alarms: number; undone_at: string | null;
  can_undo: boolean;
}
export interface Incident extends Held {
  id: string; root: string; key: string; name: Label; title: Label; device_id: string | null; severity: string; state: string; alarms: number; devices: number;
  active: number; unacknowledged: number; began_at: string; last_at: string; ended_at: string | null; shelved_until: string | null; area_path: string;
  lon: number | null; lat: number | null; created_at: string;
}
export interface IncidentDetail extends Incident, HeldDetail {
  notes: IncidentNote[]; areas: { area_path: string; devices: number; active: number }[]; models: { model: string; devices: number; active: number }[];
  points: { device_id: string; lon: number; lat: number; active: boolean }[];
}
/** Planned works: alarms of their devices are held meanwhile. */
export interface Works {
  id: string; version: number; title: string; reason: string; who: string; starts_at: string; ends_at: string; ended_at: string | null; state: string; area_path: string;
  device_ids: string[] | null; tags: string[] | null; models: string[] | null; devices: number; held: number; created_by: string | null; created_at: string;
}
/** Figures of alarms; `few`: so few were judged that the share tells little. */
export interface Figure {
  key: string; name: Label; rule_id: string | null; alarms: number; devices: number; active: number; median_s: number | null; p90_s: number | null; acknowledged: number;
  acknowledge_median_s: number | null; acknowledge_p90_s: number | null; taken: number; take_median_s: number | null; take_p90_s: number | null; escalated: number; judged: number; true: number; false: number; test: number; false_share: number | null; few: boolean;
}
export interface Flap {
  device_id: string; rule_id: string; alarms: number; code: string; name: Label; rule_code: string; rule: Label; last_at: string; area_path: string; median_s: number | null;
}
