import type { ClassLine } from "./lines";

export interface Endpoint {
  id: string;
  name: string;
  base_url: string;
  jurisdiction_id: string;
  key_hint: string;
  format: string;
  area_path: string;
  classes: ClassLine[];
  from_step: number;
  photos: boolean;
  updates: string;
  push: boolean;
  states_in: Record<string, string[]>;
  states_out: Record<string, string>;
  account_id: string | null;
  enabled: boolean;
  version: number;
  last_success_at: string | null;
  last_error: string;
  last_error_at: string | null;
  waiting: number;
  failed: number;
  sent: number;
}
