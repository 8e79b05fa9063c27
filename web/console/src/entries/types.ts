import type { Status } from "@shared/util/status";
import type { Key } from "../i18n/index";

export interface Wrong {
  field: string;
  reason: string;
}
export interface Delivery {
  id: string;
  outcome: string;
  status: number;
  errors: Wrong[];
  created_at: string;
}
/** An address of the district to which another program posts. */
export interface Entry {
  id: string;
  name: string;
  path: string;
  area_path: string;
  enabled: boolean;
  version: number;
  prior_until: string | null;
  last_success_at: string | null;
  refused: number;
  last: Delivery | null;
}
/** As it is answered once, with its secret. */
export type MadeOf<T extends Entry, Counts extends keyof T = never> = Omit<T, "refused" | "last" | Counts> & { secret: string };
export interface Standing {
  status: Status;
  key: Key;
}
