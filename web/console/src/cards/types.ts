/** Playbooks and run cards, as the server tells of them. */
import type { Label } from "../data/types";

export interface BookStep extends Label { key: string; post: string; minutes: number; team_kind: string; after: string[]; photo: boolean; checks: Label[]; team: Label | null }
export interface Book extends Label { code: string; version: number; auto: boolean; illustrative: boolean; triggers: { class: string; urgent: boolean; severity: string; area: string; name: Label | null }[]; steps: BookStep[] }
export interface Check extends Label { done: boolean; at: string | null; by_name: string }
export interface RunStep extends Label {
  key: string; post: string; state: "waiting" | "open" | "done" | "skipped"; due_at: string | null; minutes: number; photo: boolean; reason: string; by_name: string;
  at: string | null; team: Label | null; task_state: string; checks: Check[];
}
export interface Run extends Label {
  id: string; playbook: string; version: number; illustrative: boolean; by_name: string; started_at: string; ended_at: string | null; ended_by_name: string; summary: string;
  posts: (Label & { post: string; name: string })[]; steps: RunStep[];
}
export interface CaseCards { runs: Run[]; fitting: Book[]; others: Book[] }
