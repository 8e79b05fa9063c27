/** What is known of a sheet of devices. */
import type { SheetBatch, SheetError } from "../imports/sheet";

export interface DeviceBatch extends SheetBatch {
  unchanged: number; withdrawn: number; kept: number; tokens_at: string | null; can_take_tokens?: boolean; known?: string[]; kept_rows?: SheetError[];
  preview?: { row: number; code: string; model: string; name_zh: string; name_en: string; owner_department: string; area: string; lon: number | null; lat: number | null; parent: string; gateway: boolean }[];
}
export const COLUMNS = ["code", "model", "name_zh", "name_en", "owner_department", "team", "area", "lon", "lat", "system", "state", "gateway", "parent", "parent_name", "tags", "attributes"];

/** Hands a file to the person, as a link to it would. */
export function save(file: Blob, name: string): void {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
