/** Data quality over many devices: rows of figures, shares of them, and which devices stand behind one. */
import type { Status } from "@shared/util/status";
import type { Label } from "../data/types";

export interface QualityRow {
  key: string; name: Label; devices: number; reported: number; fresh: number; never: number; errors: number; bad: number; refused: number;
  readings: number | null; out_of_range: number | null; doubtful: number | null; late: number | null; clamped: number | null;
}
export interface Quality { start: string; end: string; by: By; history: boolean; total: QualityRow; items: QualityRow[] }
export interface Behind { id: string; code: string; name: Label; model: string; owner: string; area_path: string; last_seen: string | null; bad: number; refused: number; last_error: string; last_error_at: string | null; count: number | null }
export const BYS = ["owner", "model", "grid"] as const;
export type By = (typeof BYS)[number];
/** What a figure opens: the devices that it lacks, or that have what it counts. */
export const OPENS = ["devices", "reported", "unreported", "fresh", "silent", "never", "errors", "out_of_range", "doubtful", "late", "clamped"] as const;
export type What = (typeof OPENS)[number];
export const FLAGS = ["out_of_range", "doubtful", "late", "clamped"] as const;

/** A share in percent: never 100 while something is missing, never 0 while something is there; a dash without a whole. */
export function share(part: number | null, whole: number | null): string {
  if (part === null || !whole) return "–";
  const percent = (100 * part) / whole;
  if (part > 0 && percent < 0.1) return "<0.1 %";
  if (part < whole && percent > 99.9) return ">99.9 %";
  return `${percent.toFixed(percent === 0 || percent === 100 ? 0 : 1)} %`;
}

/** Coverage and freshness: where somebody should look. */
export function level(part: number, whole: number): Status {
  if (!whole || part === whole) return "fine";
  return part / whole < 0.8 ? "urgent" : part / whole < 0.95 ? "soon" : "fine";
}
