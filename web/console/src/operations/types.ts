/** Joint operations, as the server tells of them. */
import type { Label } from "../data/types";

export const STATES = ["planned", "running", "ended", "cancelled"] as const;
export type State = (typeof STATES)[number];
export type TaskState = "" | "open" | "accepted" | "arrived" | "done" | "returned" | "cancelled";
export interface Row { id: string; title: string; area_path: string; state: State; begins_at: string; ends_at: string; teams: (Label & { id: string })[]; tasks: number; done: number }
export interface Item { id: string; title: string; due_at: string | null; checks: string[]; needs_photo: boolean; task_id: string | null; task_state: TaskState }
export interface TeamPart extends Label { id: string; centre: Label | null; open: number; done: number; items: Item[] }
export interface Full extends Omit<Row, "teams"> {
  teams: TeamPart[]; version: number; purpose: string; words: string; may_act: boolean;
  checks: { text: string; done: boolean; at: string | null; by_name: string }[];
  notes: { text: string; at: string; by_name: string }[];
  cases: (Label & { id: string; number: string; state_name: Label })[];
  started_at: string | null; closed_at: string | null; by_name: string; started_by_name: string; closed_by_name: string;
}
