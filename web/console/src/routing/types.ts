import type { Label } from "../data/types";

/** One rule as packs write it; what is missing holds for all. */
export interface Rule {
  class: string; area?: string; team_kind?: string; team?: string; centre?: string; person?: string; zh: string; en: string;
  events?: string[]; channels?: string[]; days?: string; hours?: string[]; automatic?: boolean;
}
export interface Finding { code: string; rule: number; value: string; other: number; text: string; grave: boolean }
export interface Tried {
  days: number; at: string; cases: number; changed: number; whole: boolean; automatic: number; moved_kinds: number; unused: number[];
  agreed: { before: number; after: number; of: number }; nobody: { before: number; after: number };
  moves: { class: string; class_name: Label; n: number; from: Label | null; to: Label | null }[];
}
export interface Head {
  id: string | null; number: number; state: "draft" | "planned" | "in_force" | "past"; note: string; rules_count: number; edition: number;
  created_at: string | null; created_by: string; valid_from: string | null; published_by: string;
}
export interface Version extends Head { rules: Rule[]; findings: Finding[]; tried: Tried | null }
