export type Outcome = "case" | "again" | "talk" | "verified" | "refused" | "signature" | "limited";
export interface Wrong {
  field: string;
  reason: string;
}
export interface Delivery {
  id: string;
  outcome: Outcome;
  status: number;
  errors: Wrong[];
  case_id: string | null;
  number: string;
  created_at: string;
}
export interface Category {
  path: string;
  table?: Record<string, string>;
  default?: string;
}
export type Mapping = Record<string, string | string[] | Category>;
export interface Intake {
  id: string;
  name: string;
  kind: "json" | "wechat";
  channel: string;
  path: string;
  area_path: string;
  mapping: Mapping;
  enabled: boolean;
  version: number;
  prior_until: string | null;
  last_success_at: string | null;
  taken: number;
  refused: number;
  last: Delivery | null;
}
export type Made = Omit<Intake, "taken" | "refused" | "last"> & { secret: string };
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
