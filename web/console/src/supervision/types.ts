/** The desk of supervision and bulletins, as the service gives them. */
import type { Names } from "@shared/i18n/index";
import type { CaseRow } from "../data/types";

export const REASONS = ["overdue", "stuck", "sent_back", "unhappy", "beyond", "answer_due", "supervised"] as const;
export type Reason = (typeof REASONS)[number];
export interface Supervision { number: string; at: string; until: string | null; answered: string | null; state: "waiting" | "late" | "answered" }
export interface DeskRow extends CaseRow { why: { zh: string; en: string }; since: string; priority: number; supervision: Supervision | null; reminded_at: string | null }
export interface Reminder { case_id: string; number: string; team: Names; told: number; skipped: "" | "ended" | "no_team" | "just_reminded" }

export interface Section { code: string; heading: { zh: string; en: string }; zh: string; en: string }
export interface Bulletin {
  id: string; number: string | null; area_path: string; period: string; start: string; end: string; state: "draft" | "issued" | "withdrawn"; public: boolean;
  title: { zh: string; en: string }; version: number; by_name: string; created_at: string; issued_by_name: string; issued_at: string | null; withdrawn_at: string | null; withdrawn_why: string;
  centres: { id: string; zh: string; en: string }[];
}
export interface BulletinFull extends Bulletin { sections: Section[]; figures: { at: string } }
