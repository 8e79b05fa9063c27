import type { Delivery as Of, Entry, MadeOf, Wrong } from "../entries/types";

export type Outcome = "stored" | "passed" | "verified" | "refused" | "signature" | "limited";
export interface Delivery extends Of {
  outcome: Outcome;
  items: number;
  readings: number;
  unknown: number;
}
export interface UnknownNumber {
  id: string;
  number: string;
  count: number;
  last_at: string;
}
export interface Auth {
  way: "token" | "hmac" | "onenet";
  in?: "header" | "query";
  name?: string;
}
export interface Mapping {
  each?: string;
  device?: { path: string; as?: "code" | "number" };
  time?: { path: string; form?: string };
  readings?: { path: string; property?: string; code?: string; fields?: boolean }[];
  [other: string]: unknown;
}
export interface ReadingHook extends Entry {
  auth: Auth;
  mapping: Mapping;
  per_hour: number;
  most_kb: number;
  stored: number;
  last: Delivery | null;
}
export type Made = MadeOf<ReadingHook, "stored">;
export interface Words {
  zh: string;
  en: string;
}
export interface Preset extends Words {
  code: string;
  source: Words;
  unchecked: Words | null;
  auth: Auth;
  mapping: Mapping;
  sample: unknown;
}
export interface TriedItem {
  device: string;
  known: boolean;
  code: string;
  wrong: Wrong[];
  readings: { at: string | null; property: string; value: number | boolean; known: boolean }[];
  unnamed: string[];
}
export interface Tried {
  ok: boolean;
  passed: boolean;
  errors: Wrong[];
  items: TriedItem[];
}
