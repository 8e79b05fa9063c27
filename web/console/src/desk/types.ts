/** What the desk papers are made of. */
import type { CaseRow, Label } from "../data/types";

export interface Worse extends Label { class_code: string; now: number; usual: number; before: number[] }
export interface Day {
  area: string; since: string; until: string; tally: { reported: number; closed: number; open: number; overdue: number; urgent: number };
  worse: Worse[]; overdue: CaseRow[]; solved: CaseRow[];
}
export type LineKind = "urgent" | "promise" | "alarm" | "overdue";
export interface Line extends Label {
  key: string; kind: LineKind; ref: string; number: string; area_path: string; due_at: string | null; note: string; private: boolean;
  team?: Label | null; state_name?: Label; promise?: string; severity?: string; acknowledged?: boolean; raised_at?: string;
}
export interface Note {
  id: string; area_path: string; state: "draft" | "handed" | "taken"; by: string | null; by_name: string; taken_by: string | null; taken_by_name: string; note: string;
  line_count: number; created_at: string; handed_at: string | null; taken_at: string | null;
}
export interface NoteFull extends Note { lines: Line[] }
export const KINDS: LineKind[] = ["urgent", "promise", "alarm", "overdue"];
