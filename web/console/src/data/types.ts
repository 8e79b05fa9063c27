/** Shapes of the service's answers, as far as the console uses them. */
import type { Names } from "@shared/i18n/index";
import type { SheetBatch } from "../imports/sheet";

export interface Grant { role: string; area_path: string; centre_id: string | null; permissions: string[] }
export interface Me {
  account_id: string; username: string; display_name: string; kind: string; language: string; theme: string;
  second_factor: boolean; demo: boolean; pending: string[]; roles: string[]; permissions: string[]; grants: Grant[]; team_ids: string[];
}
export interface RoleGrant { id: string; role: string; name: Names; area_path: string; centre_id: string | null }
export interface Account {
  id: string; username: string; display_name: string; area_path: string; status: string; demo: boolean; second_factor: boolean;
  created_at: string; last_sign_in_at: string | null; grants: RoleGrant[];
}
export interface Session { id: string; account_id: string; created_at: string; last_seen_at: string; expires_at: string; address: string; client: string; current: boolean }
export interface ApiKey {
  id: string; account_id: string; prefix: string; name: string; scopes: string[]; created_at: string; expires_at: string | null;
  last_used_at: string | null; revoked_at: string | null;
}
export interface Roles { permissions: { code: string; name: Names }[]; roles: { code: string; name: Names; permissions: string[] }[]; separated: string[][] }
export interface AuditRow { seq: number; at: string; actor: string; action: string; kind: string; ref: string; area_path: string; detail: Record<string, unknown> }

export interface GridNode { id: string; code: string; name_zh: string; name_en: string; level: number; kind: string; purpose: string; area_path: string; children: GridNode[] }
export interface Grid {
  id: string; code: string; name_zh: string; name_en: string; level: number; kind: string; purpose: string; parent_id: string | null;
  area_path: string; lon: number; lat: number; area_m2: number; valid_from: string; valid_to: string | null; polygon?: GeoJSON.Polygon | GeoJSON.MultiPolygon;
}
export interface GridProblem { kind: string; grid_ids: string[]; codes: string[]; names: string[]; area_path: string; area_m2: number; geometry: GeoJSON.Geometry }
export interface GridPreview { revision: number; retired: Grid[]; created: Grid[]; counts: { name: string; zh: string; en: string; count: number }[]; problems: GridProblem[] }
export interface GridChange {
  id: string; kind: string; area_path: string; retired: string[]; created: string[]; counts: Record<string, number>; actor: string; at: string;
  undo_until: string; undone_at: string | null; revision: number;
}
export interface Compound { id: string; code: string; name_zh: string; name_en: string; smart: boolean; hotline: string; lon: number; lat: number; area_path: string }
export interface Building { id: string; code: string; compound_id: string; name_zh: string; name_en: string; floors: number; lon: number; lat: number; area_path: string }
export interface Unit { id: string; code: string; building_id: string; label_zh: string; label_en: string; lon: number; lat: number; area_path: string; short_code: string }

export interface Centre { id: string; code: string; kind: string; name_zh: string; name_en: string; area_path: string }
export interface Member { account_id: string; display_name: string; lead: boolean }
export interface Team { id: string; code: string; kind: string; name_zh: string; name_en: string; area_path: string; centre_id: string | null; active: boolean; member_count: number; members?: Member[] }

export interface Label { zh: string; en: string }
export interface Property { code: string; name: Label; type: string; unit: string; shown_unit: string; range?: [number, number] | null; precision?: number | null; usual?: [number, number] | null; quality?: { stuck?: number | null; jump?: number | null; spike?: number | null } | null }
/** An event or a command of a kind of device. */
export interface Act { code: string; name: Label; parameters: Parameter[]; harmless?: boolean }
export interface Parameter extends Property { choices?: { code: string; name: Label }[] | null }
export interface ThingModel { code: string; origin: string; retired_at: string | null; version: number; name: Label; subject: string; category: string; icon: string; interval_s: number; properties: Property[]; attributes: { code: string; name: Label }[]; events: Act[]; commands: Act[] }
export interface DeviceStatus {
  last_seen: string | null; online: boolean; connected: boolean; messages: number; points: number; bad: number; refused: number; late: number;
  last_error: string; last_error_at: string | null;
}
export interface Device {
  id: string; code: string; name: Label; model: { code: string; name: Label; category: string; icon: string; interval_s: number }; model_version: number; state: string; area_path: string;
  grid_id: string | null; lon: number | null; lat: number | null; compound_id: string | null; unit_id: string | null; owner_department: string; owner_team_id: string | null;
  tags: string[]; attributes_shared: Record<string, unknown>; attributes_client: Record<string, unknown>; gateway: boolean; parent_id: string | null; parent_name: string; status: DeviceStatus; active_alarms: number;
  worst_alarm: string | null; created_at: string; updated_at: string;
}
export interface DeviceCounts { total: number; online: number; models: { model: string; total: number; online: number }[]; owners: { owner: string; total: number; silent: number }[] }
export interface Credential { id: string; hint: string; protocol: string; created_at: string; expires_at: string | null; revoked_at: string | null; fingerprint: string; subject: string }
export interface RuleTerm {
  kind: "threshold" | "range" | "rate" | "count" | "anomaly"; property: string; of?: { model: string; level: number; age_s: number }; op?: string; side?: "any" | "above" | "below" | "jump" | "flat"; value?: number; clear_value?: number; low?: number; high?: number; margin?: number;
  per?: "minute" | "hour"; times?: number; window_s?: number;
}
export interface RuleWindow { days: string | number[]; from: string; to: string }
export interface RuleStep { severity: string; after_s?: number | undefined; value?: number | undefined; clear_value?: number | undefined }
export interface RuleFigure { code: string; name: Label; unit?: string; formula: string }
export interface RuleCondition { match?: "all" | "any"; terms: RuleTerm[]; calculated?: RuleFigure[]; windows?: RuleWindow[]; ladder?: RuleStep[] }
export interface Rule {
  id: string; code: string; version: number; title: Label; sentence: Label; clears: Label | null; model: string; property: string; kind: string; op: string;
  value: number | null; clear_value: number | null; duration_s: number; no_data_s: number; reraise_s: number; condition: RuleCondition | null; severity: string; area_path: string;
  device_ids: string[] | null; case: { class: string; merge_radius_m: number; urgent: boolean } | null; enabled: boolean; illustrative: boolean; owner_department: string; origin: string; updated_at: string;
}
/** Who is told at `at` if nobody does anything. */
export interface NextStep { policy: string; until: string; to: string; name: Label; at: string; after_min: number; raises: boolean }
/** Who had an alarm or an incident, and who has it since. */
export interface Assignment {
  id: string; at: string; account_id: string | null; kind: string; from_assignee_id: string | null; from_team_id: string | null; assignee_id: string | null;
  team_id: string | null; acknowledged: boolean; text: string; undone_at: string | null; can_undo: boolean;
}
export interface Escalation { id: string; at: string; due_at: string; policy: string; until: string; to: string; name: Label; people: number; raised_from: string; raised_to: string }
/** What alarms and incidents tell of who has them. */
export interface Held { assignee_id: string | null; assignee_name: string; team_id: string | null; assigned_at: string | null; taken_at: string | null; next_step: NextStep | null }
export interface HeldDetail { assignments: Assignment[]; escalations: Escalation[]; names: Record<string, string> }

export interface Alarm extends Held, Partial<HeldDetail> {
  id: string; device: { id: string; code: string; name: Label; model: string }; rule_id: string; rule_code: string; rule_version: number; title: Label; severity: string;
  state: string; property: string; value: number | null; started_at: string; raised_at: string; cleared_at: string | null; cleared_value: number | null;
  clear_reason: string; acknowledged_at: string | null; acknowledged_by: string | null; shelved_until: string | null; area_path: string; grid_id: string | null;
  lon: number | null; lat: number | null; incident_id: string | null; maintenance_id: string | null; verdict: string; created_at: string; notes?: { id: string; at: string; account_id: string | null; kind: string; text: string }[];
}
export interface AlarmCounts { active: number; unacknowledged: number; shelved: number; held: number; mine: number; team: number; nobody: number; severities: Record<string, number> }

export interface CaseRow {
  id: string; number: string; kind: string; class_code: string; class: Label | null; text: string; address: string; area_path: string; lon: number | null; lat: number | null;
  unit_id: string | null; state: string; state_name: Label; step: number; urgent: boolean; supervised: boolean; private: boolean; channel: string; source: string;
  team_id: string | null; team: Label | null; claimed_by: string | null; claimed_by_name: string | null; claimed_until: string | null; due_at: string | null;
  handle_due_at: string | null; finished_at: string | null; overdue: boolean; illustrative: boolean; created_at: string; closed_at: string | null; version: number; signal_count: number;
  me_too: number; rework_count: number; flags: string[]; distance_m?: number; same_class?: boolean;
  thumb_id?: string | null; reason?: Label;
}
export interface ClockView {
  stage: string; zh: string; en: string; limit: number; unit: string; limit_s: number; used_s: number; left_s: number; due_at: string | null; running: boolean;
  paused: boolean; stopped: boolean; overdue: boolean; illustrative: boolean; provisional: boolean; extended_s: number; segments: unknown[][];
  pauses: Pause[];
}
/** When a clock stood still: in which state, why, and on which day somebody looks again. */
export interface Pause { from: string; to: string | null; state: Label | null; why: string; recheck: string | null }
export interface Action { act: string; zh: string; en: string; to: string; need: string[]; may: string[] }
/** What is open on a side path: who began it, when, in which words; `until`, `recheck` are days. */
export interface Aside { by: string | null; at: string; words: string }
export interface Sides {
  extension?: Aside & { hours: number }; suspension?: Aside & { recheck: string }; supervision?: Aside & { until: string | null; answered: string | null };
  transfer?: Aside & { to: string; way: "up" | "down" | "sideways"; to_name: Label | null; from_name: Label | null }; mediation?: Aside; referral?: Aside & { to: string; ref: string };
}
export interface CaseLink { id: string; number: string; class: Label | null; state: string; state_name: Label; open: boolean; kind: "into" | "merged" | "part" | "whole" }
export interface Suggestion { team_id: string; zh: string; en: string; rule: number; reason: Label; why: { code: string; n?: number }[]; member: { id: string; name: string } | null }
export interface ClassGuess {
  items: { code: string; zh: string; en: string; confidence: number | null; by: "learnt" | "words" }[];
  model: { trained_at: string; cases: number; classes: number; top1: number; top3: number; macro_f1: number; majority: number } | null;
}
export interface SolvedCase { id: string; number: string; class: Label | null; same_class: boolean; text: string; closed_at: string; solved_by: string; likeness: number }
export interface CaseImport extends SheetBatch { cancelled: number; undo_until: string | null }
export interface AnswerTemplate { key: string; name: Label; text: Label }
export interface Photo { id: string; stage: "report" | "before" | "after"; file_id: string; thumb_id: string; width: number; height: number; created_at: string; released: boolean; original_id: string | null }
export interface Signal { kind: string; ref: string | null; at: string; data: Record<string, unknown> }
export interface Condition { no: number; zh: string; en: string; limit: number; unit: string; closing: Label; illustrative: boolean; limit_source: string | null }
export interface CaseDetail extends CaseRow {
  condition: Condition | null; clocks: ClockView[]; actions: Action[]; suggestions: Suggestion[]; photos: Photo[]; signals: Signal[];
  area_names: { zh: string[]; en: string[] }; people: Record<string, string>; undo_until: string | null; has_contact: boolean; comments: number; priority?: number; parent_id: string | null;
  split_from: string | null; side: Sides; recheck_at: string | null; centre_id: string | null; centre: Label | null; satisfaction: string | null;
  parent_number: string | null; task_id: string | null; handler_ids: string[]; verifier_id: string | null; device_id: string | null; alarm_id: string | null;
  reopen_count: number; return_count: number; score: number | null; filed_at: string | null; dispatched_at: string | null; updated_at: string;
}
export interface Done { id: string; number: string; state: string; version: number; case: CaseDetail | null }
export interface CaseCounts {
  at: string; open: number; urgent: number; overdue: number; pressing: number; soon: number; supervised: number; next_due_at: string | null; by_state: Record<string, number>; by_step: number[];
  created_today: number; closed_today: number; closed_on_time_today: number;
}
export interface CasePins { at: string; columns: string[]; rows: (string | number | boolean | null)[][]; more: boolean }
export interface CaseCells { at: string; columns: string[]; rows: (string | number | null)[][]; total: number; more: boolean }
export interface TimelineItem { id: string; at: string; actor_kind: string; by: string | null; by_name: string; act: string; zh: string; en: string; from_state: string; to_state: string; note: string; detail: Record<string, unknown> }
export interface Remark { id: string; by: string | null; by_name: string; text: string; created_at: string }
export interface CatalogueClass { code: string; kind: string; big: string; zh: string; en: string; private: boolean; conditions: Condition[] }
export interface Catalogue { kinds: ({ code: string } & Label)[]; units: Record<string, Label>; big_classes: ({ code: string; kind: string } & Label)[]; classes: CatalogueClass[] }
export interface Transitions { states: ({ code: string; step: number; final: boolean } & Label)[]; steps: Label[]; stages: Record<string, Label>; actions: (Action & { from: string[]; undo_s: number })[] }
export interface Duty { id: string; account_id: string; display_name: string; team_id: string | null; team_ids?: string[]; area_path: string; started_at: string }
export interface Position { duty_id: string; account_id: string; display_name: string; team_id: string | null; area_path: string; lon: number; lat: number; accuracy_m: number | null; at: string }
