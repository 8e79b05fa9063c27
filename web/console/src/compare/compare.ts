/** What a comparison shows, as a link: series, span, shift; and the drawn series by unit. */
import type { Series } from "../charts/series";

export const MOST = 8;
export const HOUR = 3_600_000, DAY = 24 * HOUR;
/** How far back a series may be laid over the others, in seconds. */
export const SHIFTS = [0, 86_400, 7 * 86_400, 28 * 86_400, 364 * 86_400] as const;

export interface Asked { device: string; property: string; shift: number }
export interface Summary { count: number; min: number | null; max: number | null; mean: number | null; last: number | null; last_at: string | null }
export interface Compared extends Series {
  device: { id: string; code: string; name: { zh: string; en: string }; model: string; area_path: string };
  property: string;
  shift_s: number;
  t: number[];
  min: number[];
  max: number[];
  mean: number[];
  count: number[];
  summary: Summary;
}
export interface Answer { start: number; end: number; items: Compared[] }
/** A span that ends now (`to` 0) follows the clock; another stands still. */
export interface Look { series: Asked[]; span: number; to: number }

export const key = (one: Asked): string => `${one.device}:${one.property}${one.shift ? `:${one.shift}` : ""}`;
export const keyOf = (one: Compared): string => key({ device: one.device.id, property: one.property, shift: one.shift_s });

export function parse(text: string): Asked[] {
  const found = new Map<string, Asked>();
  for (const part of text.split(",")) {
    const [device = "", property = "", shift = "0"] = part.split(":");
    const one = { device, property, shift: Math.max(0, Math.floor(Number(shift)) || 0) };
    if (/^[0-9a-f-]{36}$/i.test(device) && property && found.size < MOST) found.set(key(one), one);
  }
  return [...found.values()];
}

export function toQuery(look: Look): Record<string, string> {
  const said: Record<string, string> = {};
  if (look.series.length) said["s"] = look.series.map(key).join(",");
  if (look.span !== DAY) said["span"] = String(look.span / 1000);
  if (look.to) said["to"] = String(look.to);
  return said;
}

export function fromQuery(query: Record<string, unknown>): Look {
  const span = Number(query["span"]) * 1000;
  return { series: parse(String(query["s"] ?? "")), span: span >= 60_000 && span <= 3660 * DAY ? span : DAY, to: Math.max(0, Number(query["to"]) || 0) };
}

/** The units in the order in which they first come; each has an axis of its own, left and right in turns. */
export function axes(units: string[]): { units: string[]; of: number[] } {
  const found = [...new Set(units)];
  return { units: found, of: units.map((one) => found.indexOf(one)) };
}

/** A series as it is drawn: later by its shift. */
export function shifted(one: Compared): Series {
  return { t: one.t.map((at) => at + one.shift_s * 1000), min: one.min, max: one.max, mean: one.mean, count: one.count };
}
