import type { Status } from "@shared/util/status";

export type Standing = "waiting" | "retrying" | "given_up" | "sent";
export interface Delivery {
  id: string;
  type: string;
  standing: Standing;
  attempts: number;
  status: number | null;
  error: string;
  took_ms: number | null;
  next_at: string;
  created_at: string;
  sent_at: string | null;
}
export interface Hook {
  id: string;
  name: string;
  url: string;
  types: string[];
  area_path: string;
  enabled: boolean;
  version: number;
  last_success_at: string | null;
  failing_since: string | null;
  last_error: string;
  stopped_at: string | null;
  prior_until: string | null;
  waiting: number;
  retrying: number;
  given_up: number;
  last: Delivery | null;
}
export interface EventType {
  type: string;
  zh: string;
  en: string;
  may: boolean;
}

export const SHAPE_OF: Record<Standing, Status> = { waiting: "info", retrying: "soon", given_up: "urgent", sent: "fine" };
/** Types in the order of the list, by what stands before the dot. */
export function grouped(events: EventType[]): [string, EventType[]][] {
  const found = new Map<string, EventType[]>();
  for (const one of events) {
    const group = one.type.split(".")[0]!;
    found.set(group, [...(found.get(group) ?? []), one]);
  }
  return [...found];
}
/** Whether a choice covers a type: it is chosen itself, or by a pattern. */
export const covers = (types: string[], type: string): boolean => types.some((one) => one === "*" || one === type || (one.endsWith(".*") && type.startsWith(one.slice(0, -1))));
