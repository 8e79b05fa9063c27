/** One order for the day that can be told in a sentence: overdue first, then due soon, then the nearest. */
import { metres } from "./geo";

export type Why = "overdue" | "soon" | "near";
export interface Ordered {
  id: string;
  due_at: string | null;
  urgent: boolean;
  lon: number | null;
  lat: number | null;
  metres: number | null;
}
export interface Stop<T> {
  task: T;
  /** Metres from the stop before, as the crow flies; null where a place is not known. */
  leg: number | null;
}
const SOON = 2 * 3_600_000;
const RANK: Record<Why, number> = { overdue: 0, soon: 1, near: 2 };

function due(one: Ordered): number {
  return one.due_at ? Date.parse(one.due_at) : Infinity;
}

export function why(one: Ordered, now: number): Why {
  if (due(one) <= now) return "overdue";
  return one.urgent || due(one) - now < SOON ? "soon" : "near";
}

/** Where times run, by time; where they do not press, by distance. What is equal stays in the order of its ids. */
export function inOrder<T extends Ordered>(tasks: readonly T[], now: number): T[] {
  const far = (one: T) => one.metres ?? 1e9;
  return [...tasks].sort((a, b) => {
    const group = why(a, now), first = RANK[group] - RANK[why(b, now)];
    if (first) return first;
    const byTime = due(a) === due(b) ? 0 : due(a) - due(b), byWay = far(a) - far(b);
    return (group === "near" ? byWay || byTime : byTime || byWay) || (a.id < b.id ? -1 : 1);
  });
}

/** The way of the day: first what is overdue or due soon, then the rest, each time on to the nearest. */
export function route<T extends Ordered>(tasks: readonly T[], from: { lon: number; lat: number } | null, now: number): Stop<T>[] {
  const stops: Stop<T>[] = [];
  let here = from;
  const walk = (group: T[]) => {
    const left = [...group];
    while (left.length) {
      const way = (one: T) => (here && one.lon !== null && one.lat !== null ? metres(here, { lon: one.lon, lat: one.lat }) : null);
      const next = left.reduce((best, one) => ((way(one) ?? 1e9) < (way(best) ?? 1e9) ? one : best));
      stops.push({ task: next, leg: way(next) });
      left.splice(left.indexOf(next), 1);
      if (next.lon !== null && next.lat !== null) here = { lon: next.lon, lat: next.lat };
    }
  };
  const sorted = inOrder(tasks, now);
  walk(sorted.filter((one) => why(one, now) !== "near"));
  walk(sorted.filter((one) => why(one, now) === "near"));
  return stops;
}
