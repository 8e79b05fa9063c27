import type { Delivery as Of, Entry, MadeOf, Wrong } from "../entries/types";

export type Outcome = "case" | "again" | "talk" | "verified" | "refused" | "signature" | "limited";
export interface Delivery extends Of {
  outcome: Outcome;
  case_id: string | null;
  number: string;
}
export interface Category {
  path: string;
  table?: Record<string, string>;
  default?: string;
}
export type Mapping = Record<string, string | string[] | Category>;
export interface Intake extends Entry {
  kind: "json" | "wechat";
  channel: string;
  mapping: Mapping;
  taken: number;
  last: Delivery | null;
}
export type Made = MadeOf<Intake, "taken">;
export interface Preset {
  code: string;
  zh: string;
  en: string;
  kind: "json" | "wechat";
  channel: string;
  mapping: Mapping;
  sample: unknown;
}
export interface Tried {
  ok: boolean;
  errors: Wrong[];
  read: {
    text: string;
    class_code: string;
    class_zh: string;
    class_en: string;
    private: boolean;
    address: string;
    phone: string;
    name: string;
    consent: boolean;
    outside_id: string;
    photos: number;
    lon: number | null;
    lat: number | null;
    area_path: string;
  };
}
