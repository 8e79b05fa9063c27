/** A rule tried on the past: what the service answers, and alarms of a device as bars of a timeline. */
import type { Label } from "../data/types";

export interface Thing { id: string; code: string; name: Label }
export interface Episode { device: Thing; started_at: string; raised_at: string; ended_at: string | null; value: number | null; same: boolean }
export interface Result {
  start: string; end: string; devices: number; silent_devices: number; points: number; unfit: number; late: number; line_unknown: boolean;
  total: number; both: number; only_new: number; only_old: number; by_device: { device: Thing; alarms: number; seconds: number; old: number }[];
  alarms: Episode[]; old_alarms: Episode[];
}
export type State = "queued" | "running" | "done" | "failed" | "cancelled";
export interface Run { id: string; state: State; total: number; judged: number; reason: string; created_at: string; ask?: { version: number | null; body: Record<string, unknown> }; result?: Result | null }

export type Kind = "added" | "gone" | "same";
/** One bar: where it lies in percent of the span, how many alarms it stands for, and the span of these. */
export interface Bar { kind: Kind; left: number; width: number; n: number; from: number; to: number; open: boolean }
export interface Row { device: Thing; added: number; gone: number; same: number; bars: Bar[] }
const THIN = 0.8, NEAR = 0.4;

/** Devices with their bars: those where draft and rule differ most at the top. Bars of a kind that nearly touch are one. */
export function rows(result: Result): Row[] {
  const start = Date.parse(result.start), end = Date.parse(result.end);
  const found = new Map<string, Row>();
  const put = (one: Episode, kind: Kind) => {
    const row = found.get(one.device.id) ?? { device: one.device, added: 0, gone: 0, same: 0, bars: [] };
    found.set(one.device.id, row);
    row[kind] += 1;
    const from = Math.max(Date.parse(one.raised_at), start), to = Math.min(one.ended_at ? Date.parse(one.ended_at) : end, end);
    const left = (100 * (from - start)) / (end - start);
    row.bars.push({ kind, left, width: Math.max((100 * (to - from)) / (end - start), THIN), n: 1, from, to, open: !one.ended_at });
  };
  for (const one of result.alarms) put(one, one.same ? "same" : "added");
  for (const one of result.old_alarms) if (!one.same) put(one, "gone");
  const order = [...found.values()].map((row) => ({ ...row, bars: joined(row.bars) }));
  return order.sort((a, b) => b.added + b.gone - a.added - a.gone || b.same - a.same || a.device.code.localeCompare(b.device.code));
}

function joined(bars: Bar[]): Bar[] {
  const last = new Map<Kind, Bar>(), kept: Bar[] = [];
  for (const one of [...bars].sort((a, b) => a.left - b.left)) {
    const before = last.get(one.kind);
    if (before && one.left <= before.left + before.width + NEAR) {
      before.width = Math.max(before.width, one.left + one.width - before.left);
      before.to = Math.max(before.to, one.to);
      before.n += 1;
      before.open ||= one.open;
    } else {
      const made = { ...one };
      last.set(one.kind, made);
      kept.push(made);
    }
  }
  return kept.map((one) => ({ ...one, left: Math.min(one.left, 100 - THIN), width: Math.min(one.width, 100 - Math.min(one.left, 100 - THIN)) }));
}

/** Marks of the axis: four spans of equal length. */
export function ticks(result: Result): { left: number; at: number }[] {
  const start = Date.parse(result.start), end = Date.parse(result.end);
  return [0, 25, 50, 75, 100].map((left) => ({ left, at: start + ((end - start) * left) / 100 }));
}
