/** Corrections of readings, as they are listed and asked for. */
export interface Extent { count: number; min: number | null; max: number | null }
export interface Correction {
  id: string; property: string; start: string; end: string; act: (typeof ACTS)[number]; factor: number | null; offset: number | null; reason: string;
  state: "doing" | "done" | "undoing" | "undone"; before: Extent; after: Extent; by: string; at: string; done_at: string | null; undone_by: string | null;
  undone_at: string | null; put_back: number | null; can_undo: boolean;
}
export interface Look { mark: string; before: Extent; after: Extent; correction: Correction | null }
export interface Span { from: number; to: number }
export const ACTS = ["flag", "replace", "remove"] as const;
export interface CorrectionForm { start: string; end: string; act: (typeof ACTS)[number]; factor: number; offset: number; reason: string }

export function freshForm(start: string, end: string): CorrectionForm {
  return { start, end, act: "flag", factor: 1, offset: 0, reason: "" };
}

/** What is sent: a formula only with what takes one. `instant` tells a local time with its offset. */
export function bodyOf(form: CorrectionForm, property: string, instant: (local: string) => string): Record<string, unknown> {
  const { act, reason } = form;
  const plain = { property, start: instant(form.start), end: instant(form.end), act, reason };
  return act === "replace" ? { ...plain, factor: form.factor, offset: form.offset } : plain;
}
