/** Thing models as the service tells them: the list, drafts, comparisons, trials, devices that move to a version. */
import type { Label } from "../data/types";

export interface ModelRow {
  code: string; version: number; name: Label; subject: string; category: string; icon: string; origin: string; retired_at: string | null; updated_at: string;
  properties: number; devices: number; rules: number; draft_id: string | null;
}
export interface Quality { stuck?: number; jump?: number; spike?: number }
export interface Choice { code: string; name: Label }
export interface Quantity { code: string; name: Label; type: string; unit?: string; range?: [number, number]; precision?: number }
export interface BodyProperty extends Quantity { quality?: Quality; usual?: [number, number] }
export interface BodyParameter extends Quantity { choices?: Choice[] }
export interface BodyAct { code: string; name: Label; parameters?: BodyParameter[]; harmless?: boolean }
export interface Step { to: number; rename?: Record<string, string>; convert?: Record<string, { factor: number; offset: number }> }
/** An entry of a pack's file. */
export interface Body {
  code: string; version: number; name: Label; subject: string; category: string; icon?: string; interval_s: number;
  properties: BodyProperty[]; attributes?: Choice[]; events?: BodyAct[]; commands?: BodyAct[]; migrate?: Step[];
}
export interface Wrong { field: string; reason: Label }
export interface DraftRow { id: string; code: string; base: number; name: Label; note: string; revision: number; author: string; created_at: string; updated_at: string }
export interface Draft extends DraftRow { body: Body; problems: Wrong[]; sample: Record<string, unknown> }
export interface UnitRow { code: string; shown: string; name: Label }
export interface Difference { part: string; code: string; change: string; was: string; fields: { field: string; before: unknown; after: unknown }[] }
export interface RuleEffect { id: string; code: string; title: Label; enabled: boolean; effect: string; property: string; becomes: string; errors: Wrong[] }
export interface Comparison {
  version: number; problems: Wrong[]; differences: Difference[]; devices: number; translated: number; speaks: { version: number; devices: number }[];
  rules: RuleEffect[]; profiles: number;
}
export interface TrialReading { property: string; known: boolean; name: Label | null; unit: string; shown_unit: string; type: string; value: number; at: string; flags: string[]; quality: string[] }
export interface TrialAlarm { rule_id: string; code: string; title: Label; severity: string; value: number | null; raised_at: string; waits_s: number }
export interface Trial { refused: { field: string; reason: string; code: string } | null; attributes: Record<string, string>; readings: TrialReading[]; alarms: TrialAlarm[]; private: boolean }
export interface Migration {
  id: string; model: string; to: number; only_same: boolean; area_path: string; state: string; total: number; seen: number; changed: number; note: string;
  created_at: string; ended_at: string | null;
}
export interface VersionRow { version: number; note: string; author: string; at: string }
export const SUBJECTS = ["place", "household", "person", "vehicle"] as const;
export const TYPES = ["number", "bool", "text"] as const;
