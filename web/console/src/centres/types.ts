/** What the workspace of a centre is made of. */
import type { Label } from "../data/types";
import type { SheetBatch } from "../imports/sheet";

export interface RosterBatch extends SheetBatch {
  unchanged: number; withdrawn: number;
  preview?: { row: number; of: Label; display_name: string; starts_at: string; ends_at: string; trade: string; lead: boolean }[];
}
export interface Shift {
  id: string; account_id: string; display_name: string; team_id: string | null; centre_id: string | null; area_path: string; starts_at: string; ends_at: string;
  trade: string; lead: boolean; state: "draft" | "published" | "withdrawn"; changed_at: string | null; news: boolean;
}
export interface Present { account_id: string; display_name: string; lead: boolean; trade: string; planned_from: string | null; planned_until: string | null; on_duty_since: string | null }
export interface BoardNote {
  id: string; centre_id: string; area_path: string; title: string; text: string; pinned: boolean; from_at: string; until_at: string | null; by_name: string; mine: boolean; read: boolean;
  read_count: number | null; withdrawn_at: string | null;
}
